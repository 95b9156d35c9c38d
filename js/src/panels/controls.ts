/** The control deck: leverage mix, decay rate, bin size. All native inputs. */

import { h, setText, unique } from "../base/dom";
import { decimalsOf, halfLife, price } from "../base/units";
import { isOver } from "../source/kernel";
import type { Source } from "../source/settings";

/** Slowest and fastest decay on the slider, per hour: half-lives of 90 days and 30 minutes. */
const SLOWEST = Math.LN2 / (90 * 24);
const FASTEST = Math.LN2 / 0.5;
const DECAY_STEPS = 1000;

/** Decay rate at a slider position; 0 is no decay at all, the rest a log scale. */
export const decayAt = (position: number): number =>
  position <= 0 ? 0 : SLOWEST * (FASTEST / SLOWEST) ** ((position - 1) / (DECAY_STEPS - 1));

/** Slider position of a decay rate, whole. */
export const positionOfDecay = (rate: number): number =>
  rate <= 0
    ? 0
    : Math.round(
        Math.min(
          Math.max(1 + (Math.log(rate / SLOWEST) / Math.log(FASTEST / SLOWEST)) * (DECAY_STEPS - 1), 1),
          DECAY_STEPS,
        ),
      );

/**
 * Shares in percent after one tier is set: it gets what was asked, the others keep their proportions
 * to each other. `anchor` is what they were before the hand came down, so that nothing is lost on the
 * way through 100 %.
 */
export function withShare(anchor: Record<string, number>, tier: string, share: number): Record<string, number> {
  const others = Object.keys(anchor).filter((name) => name !== tier);
  if (others.length === 0) return { [tier]: 100 };
  const rest = others.reduce((sum, name) => sum + anchor[name]!, 0);
  const set = Math.min(Math.max(share, 0), 100);
  const mix: Record<string, number> = {};
  for (const name of Object.keys(anchor)) {
    const value = name === tier ? set : (100 - set) * (rest > 0 ? anchor[name]! / rest : 1 / others.length);
    mix[name] = Math.round(value * 1e6) / 1e6;
  }
  return mix;
}

/** A mix as percent, summing to 100. */
export function percentOf(mix: Record<string, number>): Record<string, number> {
  const sum = Object.values(mix).reduce((a, b) => a + b, 0);
  return Object.fromEntries(Object.entries(mix).map(([tier, weight]) => [tier, sum > 0 ? (weight / sum) * 100 : 0]));
}

const sorted = (mix: Record<string, number>): string[] => Object.keys(mix).sort((a, b) => Number(a) - Number(b));

interface Tier {
  bar: HTMLInputElement;
  box: HTMLInputElement;
}

export class Controls {
  readonly element: HTMLElement;
  readonly #tiers = h("div", { class: "liq-tiers" });
  readonly #presets = h("div", { class: "liq-buttons", role: "group", "aria-label": "Presets of the leverage mix" });
  readonly #rows = new Map<string, Tier>();
  readonly #decay = h("input", { type: "range", min: 0, max: DECAY_STEPS, step: 1, class: "liq-slider" });
  readonly #decayText = h("output", { class: "liq-value" });
  readonly #auto = h(
    "button",
    { type: "button", class: "liq-button", title: "Use the rate that open interest and volume imply" },
    "auto",
  );
  readonly #bin = h("input", { type: "range", min: 0, step: 1, class: "liq-slider" });
  readonly #binText = h("output", { class: "liq-value" });
  #anchor: { tier: string; mix: Record<string, number> } | null = null;

  constructor(
    private readonly source: Source,
    signal: AbortSignal,
  ) {
    const decay = unique();
    const bin = unique();
    this.#decay.id = decay;
    this.#bin.id = bin;
    this.element = h(
      "div",
      { class: "liq-deck" },
      h("fieldset", { class: "liq-group liq-mix" }, h("legend", {}, "Leverage mix"), this.#presets, this.#tiers),
      h(
        "div",
        { class: "liq-group" },
        h("div", { class: "liq-head" }, h("label", { for: decay }, "Decay rate"), this.#auto),
        this.#decay,
        this.#decayText,
        h("div", { class: "liq-head" }, h("label", { for: bin }, "Bin size")),
        this.#bin,
        this.#binText,
        source.saved ? h("div", { class: "liq-dim" }, "sums of whole rows; finer bins need Python") : "",
      ),
    );
    this.#decay.addEventListener("input", () => source.set({ decayRate: decayAt(this.#decay.valueAsNumber) }), {
      signal,
    });
    this.#bin.addEventListener(
      "input",
      () => {
        const size = this.#sizes()[this.#bin.valueAsNumber];
        if (size !== undefined) source.set({ binSize: size });
      },
      { signal },
    );
    this.#auto.addEventListener(
      "click",
      () => {
        const rate = source.field?.bars.about.autoDecayRate;
        if (rate != null) source.set({ decayRate: rate });
      },
      { signal },
    );
    this.#tiers.addEventListener("input", (event) => this.#edit(event.target as HTMLInputElement), { signal });
    for (const name of ["pointerdown", "focusin", "change"] as const) {
      this.#tiers.addEventListener(name, () => (this.#anchor = null), { signal });
    }
    this.#presets.addEventListener(
      "click",
      (event) => {
        const preset = source.presets[(event.target as HTMLElement).dataset.preset ?? ""];
        this.#anchor = null;
        if (preset !== undefined) source.set({ leverageMix: preset });
      },
      { signal },
    );
    for (const name of Object.keys(source.presets)) {
      this.#presets.append(h("button", { type: "button", class: "liq-button", "data-preset": name }, name));
    }
    source.on("kernel", () => this.update(), signal);
    this.update();
  }

  /** Show the settings; a field that is being typed into is left alone. */
  update(): void {
    const { settings, field, pendingBin, kernel } = this.source;
    this.#showMix(settings.leverageMix);
    this.#decay.value = String(positionOfDecay(settings.decayRate));
    const rate = settings.decayRate === 0 ? "0" : settings.decayRate.toPrecision(3);
    setText(this.#decayText, `${rate} per hour · ${halfLife(settings.decayRate)}`);
    this.#decay.setAttribute("aria-valuetext", halfLife(settings.decayRate));
    const auto = field?.bars.about.autoDecayRate ?? null;
    this.#auto.hidden = auto === null;
    this.#auto.setAttribute("aria-pressed", String(auto !== null && Math.abs(settings.decayRate - auto) < 1e-9));
    const size = pendingBin ?? settings.binSize;
    const sizes = this.#sizes();
    this.#bin.disabled = isOver(kernel);
    this.#bin.max = String(sizes.length - 1);
    this.#bin.value = String(sizes.indexOf(size));
    const share =
      field === null
        ? ""
        : ` · ${((size / field.bars.close[field.bars.close.length - 1]!) * 100).toPrecision(2)} % of price`;
    const dollars = price(size, decimalsOf(size));
    setText(this.#binText, `$${dollars}${share}${pendingBin === null ? "" : " · computing …"}`);
    this.#bin.setAttribute("aria-valuetext", `${dollars} dollars`);
  }

  /** Sizes on the slider: the 1-2-5 steps on offer, and the present one whatever it is. */
  #sizes(): number[] {
    const { binSizes, settings, pendingBin } = this.source;
    return [...new Set([...binSizes, pendingBin ?? settings.binSize])].sort((a, b) => a - b);
  }

  #showMix(mix: Record<string, number>): void {
    const tiers = sorted(mix);
    if (tiers.join() !== [...this.#rows.keys()].join()) this.#build(tiers);
    const shares = percentOf(mix);
    for (const [tier, { bar, box }] of this.#rows) {
      const share = shares[tier]!;
      bar.value = String(share);
      bar.style.setProperty("--fill", `${share}%`);
      bar.setAttribute("aria-valuetext", `${share.toFixed(1)} percent`);
      if (!box.matches(":focus") || this.#anchor?.tier !== tier) box.value = String(Number(share.toFixed(1)));
    }
    const same = (preset: Record<string, number>): boolean => {
      const wanted = percentOf(preset);
      return (
        tiers.length === Object.keys(wanted).length &&
        tiers.every((t) => Math.abs((wanted[t] ?? -1) - shares[t]!) < 1e-3)
      );
    };
    for (const button of this.#presets.children) {
      const preset = this.source.presets[(button as HTMLElement).dataset.preset ?? ""];
      button.setAttribute("aria-pressed", String(preset !== undefined && same(preset)));
    }
  }

  #build(tiers: string[]): void {
    this.#rows.clear();
    this.#tiers.replaceChildren();
    for (const tier of tiers) {
      const id = unique();
      const bar = h("input", { type: "range", min: 0, max: 100, step: "any", id, "data-tier": tier, class: "liq-bar" });
      const label = `Share of ${tier}x in percent`;
      const box = h("input", {
        type: "number",
        min: 0,
        max: 100,
        step: 0.1,
        "data-tier": tier,
        class: "liq-box",
        "aria-label": label,
      });
      this.#tiers.append(
        h(
          "div",
          { class: "liq-tier" },
          h("label", { for: id }, `${tier}x`),
          bar,
          box,
          h("span", { class: "liq-dim" }, "%"),
        ),
      );
      this.#rows.set(tier, { bar, box });
    }
  }

  #edit(input: HTMLInputElement): void {
    const tier = input.dataset.tier;
    const share = input.valueAsNumber;
    if (tier === undefined || !Number.isFinite(share)) return; // an emptied box waits for a number
    if (this.#anchor?.tier !== tier) this.#anchor = { tier, mix: percentOf(this.source.settings.leverageMix) };
    this.source.set({ leverageMix: withShare(this.#anchor.mix, tier, share) });
  }
}
