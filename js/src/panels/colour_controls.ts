/** How the heat is shown: colour bar with its two handles, scale, palette, swept levels, fit. */

import { FLOOR, PALETTES, paletteOf, positionOf, SCALES, type ScaleName, valueAt } from "../base/colour";
import { h, setText } from "../base/dom";
import { usd } from "../base/units";
import type { Settings, Source } from "../source/settings";

const STEPS = 1000;

/** The colour bar spans from the floor to the brightest cell, on the chosen scale, as shares of it. */
const whole = { low: FLOOR, high: 1 };

export class LookBar {
  readonly element: HTMLElement;
  readonly #bar = h("canvas", { width: 256, height: 1, class: "liq-colours", "aria-hidden": "true" });
  readonly #low = h("input", {
    type: "range",
    min: 0,
    max: STEPS,
    step: 1,
    class: "liq-handle",
    "aria-label": "Hide below",
  });
  readonly #high = h("input", {
    type: "range",
    min: 0,
    max: STEPS,
    step: 1,
    class: "liq-handle",
    "aria-label": "Brightest from",
  });
  readonly #lowText = h("span");
  readonly #highText = h("span");
  readonly #scale = select("Colour scale", SCALES);
  readonly #palette = select("Palette", PALETTES);
  readonly #swept = h("input", { type: "checkbox" });
  readonly #bubbles = h("input", { type: "checkbox" });
  readonly #bubblesText = h("span", { class: "liq-dim" });
  readonly #bubblesLine = h(
    "div",
    { class: "liq-line", hidden: true },
    h("label", { class: "liq-check" }, this.#bubbles, "realised liquidations", this.#bubblesText),
  );
  readonly #opacity = h("input", {
    type: "range",
    min: 0,
    max: 100,
    step: 1,
    class: "liq-slider",
    "aria-label": "Opacity",
  });
  #painted = "";

  constructor(
    private readonly source: Source,
    signal: AbortSignal,
  ) {
    this.element = h(
      "div",
      { class: "liq-group liq-look" },
      h(
        "div",
        { class: "liq-head" },
        h("span", {}, "Colour"),
        h("span", { class: "liq-dim" }, "estimated USD per bin"),
      ),
      h("div", { class: "liq-colourbar" }, this.#bar, this.#low, this.#high),
      h("div", { class: "liq-ends" }, this.#lowText, this.#highText),
      h("div", { class: "liq-line" }, this.#scale, this.#palette),
      h("div", { class: "liq-line" }, h("label", { class: "liq-check" }, "opacity ", this.#opacity)),
      h("div", { class: "liq-line" }, h("label", { class: "liq-check" }, this.#swept, "mark swept levels")),
      this.#bubblesLine,
    );
    const on = (element: HTMLElement, change: () => Partial<Settings>): void =>
      element.addEventListener("input", () => source.set(change()), { signal });
    on(this.#scale, () => ({ scale: this.#scale.value as ScaleName }));
    on(this.#palette, () => ({ palette: this.#palette.value as Settings["palette"] }));
    on(this.#swept, () => ({ swept: this.#swept.checked }));
    on(this.#bubbles, () => ({ bubbles: this.#bubbles.checked }));
    on(this.#opacity, () => ({ opacity: this.#opacity.valueAsNumber / 100 }));
    on(this.#low, () => ({ threshold: this.#handles("low") }));
    on(this.#high, () => ({ threshold: this.#handles("high") }));
    this.update();
  }

  /** Offer the switch of the realised liquidations where there are some. */
  updateMarks(): void {
    const { marks, settings } = this.source;
    this.#bubblesLine.hidden = marks === null || marks.time.length === 0;
    this.#bubbles.checked = settings.bubbles;
    if (marks === null) return;
    const sums = `${usd(marks.longUsd)} long, ${usd(marks.shortUsd)} short`;
    setText(this.#bubblesText, `${marks.placed.toLocaleString("en")}: ${sums}`);
  }

  update(): void {
    const { settings, field } = this.source;
    const { threshold, scale, palette } = settings;
    const place = (share: number): number => Math.round(positionOf(Math.max(share, FLOOR), whole, scale) * STEPS);
    this.#low.value = String(place(threshold[0]));
    this.#high.value = String(place(threshold[1]));
    this.#scale.value = scale;
    this.#palette.value = palette;
    this.#swept.checked = settings.swept;
    this.#opacity.value = String(Math.round(settings.opacity * 100));
    this.#paint(this.#low.valueAsNumber / STEPS, this.#high.valueAsNumber / STEPS, settings);
    const most = field?.brightest ?? 0;
    const low = usd(Math.max(threshold[0], FLOOR) * most);
    const high = usd(threshold[1] * most);
    setText(this.#lowText, `hidden below ${low}`);
    setText(this.#highText, `${threshold[1] < 1 ? "brightest from" : "brightest"} ${high}`);
    this.#low.setAttribute("aria-valuetext", low);
    this.#high.setAttribute("aria-valuetext", high);
  }

  #handles(moved: "low" | "high"): [number, number] {
    const { threshold, scale } = this.source.settings;
    const share = (input: HTMLInputElement): number =>
      Number(valueAt(input.valueAsNumber / STEPS, whole, scale).toPrecision(6));
    if (moved === "low") {
      const low = this.#low.valueAsNumber === 0 ? 0 : share(this.#low);
      return [Math.min(low, threshold[1] * 0.98), threshold[1]];
    }
    return [threshold[0], Math.min(Math.max(share(this.#high), threshold[0] * 1.02, FLOOR * 1.02), 1)];
  }

  /** Between the handles the palette, dark below, its last colour above. */
  #paint(low: number, high: number, settings: Settings): void {
    const key = `${low}/${high}/${settings.palette}/${settings.scale}`;
    const context = this.#bar.getContext("2d");
    if (key === this.#painted || context === null) return;
    this.#painted = key;
    const colours = paletteOf(settings.palette);
    const image = context.createImageData(256, 1);
    const span = {
      low: valueAt(low, whole, settings.scale),
      high: Math.max(valueAt(high, whole, settings.scale), FLOOR * 1.001),
    };
    for (let x = 0; x < 256; x++) {
      const value = valueAt(x / 255, whole, settings.scale);
      const step = Math.round(positionOf(value, span, settings.scale) * 254);
      const dim = value < span.low ? 0.16 : 1;
      for (let c = 0; c < 3; c++) image.data[4 * x + c] = colours[3 * step + c]!;
      image.data[4 * x + 3] = 255 * dim;
    }
    context.putImageData(image, 0, 0);
  }
}

function select(label: string, values: readonly string[]): HTMLSelectElement {
  return h(
    "select",
    { "aria-label": label, class: "liq-select" },
    ...values.map((value) => h("option", { value }, value)),
  );
}
