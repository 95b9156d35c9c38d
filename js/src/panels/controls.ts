/**
 * Controls of the estimate, all native inputs: a strip with presets, decay rate and bin size, and more on request, the
 * shares of the tiers among it.
 */

import { button, h, setText, unique } from "../base/dom";
import { decimalsOf, halfLife, inCurrency, price } from "../base/units";
import { mixText } from "../export/files";
import { captionOf } from "../model/turnover";
import type { Source } from "../source/settings";
import { VenueBoxes } from "./venue_boxes";

/** Slowest and fastest decay rate on the slider, per hour: half-lives of 90 days and 30 minutes. */
const SLOWEST = Math.LN2 / (90 * 24);
const FASTEST = Math.LN2 / 0.5;
const DECAY_STEPS = 1000;

/** Decay rate at a slider position: 0 means no decay, other positions are on a log scale. */
export const decayAt = (position: number): number =>
  position <= 0 ? 0 : SLOWEST * (FASTEST / SLOWEST) ** ((position - 1) / (DECAY_STEPS - 1));

/** Slider position of a decay rate, an integer. */
export const positionOfDecay = (rate: number): number =>
  rate <= 0
    ? 0
    : Math.round(
        Math.min(
          Math.max(1 + (Math.log(rate / SLOWEST) / Math.log(FASTEST / SLOWEST)) * (DECAY_STEPS - 1), 1),
          DECAY_STEPS,
        ),
      );

/** Shares in percent after the user sets one tier of `anchor`: the others keep their proportions to each other. */
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

/** A tier that the user sets, and the mix in percent that the others take their proportions from. */
export interface Anchor {
  tier: string;
  mix: Record<string, number>;
}

/**
 * The anchor for setting a tier: the one before, as long as it is of this tier and the mix is what came of it. So the
 * others come back as they were when the tier comes back from 100 %, however often the user let go of it meanwhile.
 */
export function anchorOf(before: Anchor | null, tier: string, mix: Record<string, number>): Anchor {
  const now = percentOf(mix);
  if (before?.tier === tier && tier in now) {
    const came = withShare(before.mix, tier, now[tier]!);
    const tiers = Object.keys(now);
    const same = tiers.length === Object.keys(came).length && tiers.every((t) => Math.abs(now[t]! - came[t]!) < 1e-3);
    if (same) return before;
  }
  return { tier, mix: now };
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
  readonly #auto = button("auto", { title: "Use the rate that open interest and volume imply" });
  readonly #binAuto = button("auto", {
    "aria-label": "auto bin size",
    title: "Choose the size whose rows are 4 to 8 pixels high",
  });
  /** What the decay rate does, in full. */
  readonly #caption = h("div", { class: "liq-dim" });
  readonly #bin = h("input", { type: "range", min: 0, step: 1, class: "liq-slider" });
  readonly #binText = h("output", { class: "liq-value", title: "Height of a row, and its share of the price" });
  readonly #venues: VenueBoxes;
  #anchor: Anchor | null = null;
  /** Tier whose box the user is typing into. */
  #typed: string | null = null;

  /**
   * @param history - buttons that go at the end of the strip
   * @param look - controls that are shown on request, too
   */
  constructor(
    private readonly source: Source,
    history: HTMLElement,
    look: HTMLElement,
    signal: AbortSignal,
  ) {
    this.#venues = new VenueBoxes(source, signal);
    const [decay, bin, id] = [unique(), unique(), unique()];
    this.#decay.id = decay;
    this.#bin.id = bin;
    const title = "Shares of the leverage tiers, and colours";
    const more = button("more", { class: "liq-button liq-more-button", title, "aria-controls": id });
    const mix = h(
      "fieldset",
      { class: "liq-group liq-mix" },
      h("legend", {}, "Leverage mix"),
      this.#tiers,
      this.#caption,
    );
    const rest = h("div", { class: "liq-more", id }, mix, look);
    const dial = (...children: Node[]): HTMLElement => h("div", { class: "liq-dial" }, ...children);
    const strip = h(
      "div",
      { class: "liq-strip" },
      this.#presets,
      dial(h("label", { for: decay }, "Decay rate"), this.#decay, this.#auto, this.#decayText),
      dial(h("label", { for: bin }, "Bin size"), this.#bin, this.#binAuto, this.#binText),
      this.#venues.element,
      history,
      more,
    );
    this.element = h("div", { class: "liq-deck" }, strip, rest);
    const show = (open: boolean): void => {
      rest.hidden = !open;
      more.setAttribute("aria-expanded", String(open));
    };
    show(false);
    more.addEventListener("click", () => show(rest.hidden === true), { signal });
    const decayed = (): void => source.set({ decayRate: decayAt(this.#decay.valueAsNumber), decayAuto: false });
    this.#decay.addEventListener("input", decayed, { signal });
    this.#bin.addEventListener(
      "input",
      () => {
        const size = this.#sizes()[this.#bin.valueAsNumber];
        if (size !== undefined) source.set({ binSize: size, binAuto: false });
      },
      { signal },
    );
    this.#auto.addEventListener(
      "click",
      () => {
        const rate = source.field?.bars.about.autoDecayRate;
        if (rate != null) source.set({ decayRate: rate, decayAuto: true });
      },
      { signal },
    );
    this.#binAuto.addEventListener("click", () => source.set({ autoBin: source.settings.binSize, binAuto: true }), {
      signal,
    });
    this.#tiers.addEventListener("input", (event) => this.#edit(event.target as HTMLInputElement), { signal });
    for (const name of ["pointerdown", "focusin", "change"] as const) {
      this.#tiers.addEventListener(name, () => (this.#typed = null), { signal });
    }
    this.#presets.addEventListener(
      "click",
      (event) => {
        const preset = source.presets[(event.target as HTMLElement).dataset.preset ?? ""];
        if (preset !== undefined) source.set({ leverageMix: preset });
      },
      { signal },
    );
    this.update();
  }

  /** Show the settings, except in a field that the user is typing into. */
  update(): void {
    const { settings, field } = this.source;
    this.#showPresets();
    this.#venues.update();
    this.#showMix(settings.leverageMix);
    this.#decay.value = String(positionOfDecay(settings.decayRate));
    const rate = settings.decayRate === 0 ? "0" : settings.decayRate.toPrecision(3);
    setText(this.#decayText, halfLife(settings.decayRate).replace("closes within", "gone in"));
    setText(this.#caption, `Decay: ${rate} per hour · ${captionOf(field?.opening ?? null, settings.decayRate)}`);
    this.#decay.setAttribute("aria-valuetext", halfLife(settings.decayRate));
    const auto = field?.bars.about.autoDecayRate ?? null;
    this.#auto.hidden = auto === null;
    this.#auto.setAttribute("aria-pressed", String(settings.decayAuto));
    const size = this.#size;
    const sizes = this.#sizes();
    this.#binAuto.hidden = sizes.length < 2;
    this.#binAuto.setAttribute("aria-pressed", String(settings.binAuto));
    this.#bin.max = String(sizes.length - 1);
    this.#bin.value = String(sizes.indexOf(size));
    const share =
      field === null ? "" : ` · ${((size / field.bars.close[field.bars.close.length - 1]!) * 100).toPrecision(2)} %`;
    const dollars = price(size, decimalsOf(size));
    const currency = field?.bars.about.currency ?? "";
    setText(this.#binText, `${inCurrency(dollars, currency)}${share}`);
    this.#bin.setAttribute("aria-valuetext", `${dollars} ${currency || "dollars"}`);
  }

  /** Sizes on the slider: the available 1-2-5 steps plus the current size. */
  #sizes(): number[] {
    return [...new Set([...this.source.binSizes, this.#size])].sort((a, b) => a - b);
  }

  /** The bin size shown, USD. */
  get #size(): number {
    return this.source.field?.grid.binSize ?? this.source.settings.binSize;
  }

  /** One button per preset; Python may add presets. */
  #showPresets(): void {
    const { presets } = this.source;
    const names = Object.keys(presets);
    const shown = Array.from(this.#presets.children, (chip) => (chip as HTMLElement).dataset.preset);
    if (names.join() === shown.join()) return;
    const chip = (name: string) =>
      button(name, { "data-preset": name, title: `Leverage mix: ${mixText(presets[name]!)}` });
    this.#presets.replaceChildren(...names.map(chip));
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
      if (!box.matches(":focus") || this.#typed !== tier) box.value = String(Number(share.toFixed(1)));
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
    if (tier === undefined || !Number.isFinite(share)) return; // the box is empty: wait for a number
    this.#anchor = anchorOf(this.#anchor, tier, this.source.settings.leverageMix);
    if (input.matches("[type=number]")) this.#typed = tier;
    this.source.set({ leverageMix: withShare(this.#anchor.mix, tier, share) });
  }
}
