/** Controls for the heat's appearance: contrast, scale, palette, opacity, swept levels, what is drawn. */

import { PALETTES, SCALES, type ScaleName } from "../base/colour";
import { button, h, setText } from "../base/dom";
import { usd } from "../base/units";
import { LAYERS, type Layer } from "../model/realised_cells";
import type { Settings, Source } from "../source/settings";
import { ColourBar } from "./colour_bar";

export class LookBar {
  readonly element: HTMLElement;
  /** Stands beside the chart. */
  readonly bar: ColourBar;
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
  readonly #layer = select("Heat shows", LAYERS);
  readonly #layerLine = h(
    "div",
    { class: "liq-line", hidden: true },
    h("label", { class: "liq-check" }, "heat shows ", this.#layer),
  );
  readonly #of = h("span", { class: "liq-dim" });
  readonly #opacity = h("input", {
    type: "range",
    min: 0,
    max: 100,
    step: 1,
    class: "liq-slider",
    "aria-label": "Opacity",
  });
  readonly #contrast = button("auto", {
    "aria-label": "auto contrast",
    title: "Scale the colours to what is in view; off: to everything",
  });

  /** @param brightest - returns the brightest cell that the colours are scaled to, USD */
  constructor(
    private readonly source: Source,
    brightest: () => number,
    signal: AbortSignal,
  ) {
    this.bar = new ColourBar(source, brightest, signal);
    this.element = h(
      "div",
      { class: "liq-group liq-look" },
      h("div", { class: "liq-head" }, h("span", {}, "Colour"), this.#of, this.#contrast),
      h("div", { class: "liq-line" }, this.#scale, this.#palette),
      h("div", { class: "liq-line" }, h("label", { class: "liq-check" }, "opacity ", this.#opacity)),
      h("div", { class: "liq-line" }, h("label", { class: "liq-check" }, this.#swept, "mark swept levels")),
      this.#bubblesLine,
      this.#layerLine,
    );
    const on = (element: HTMLElement, change: () => Partial<Settings>): void =>
      element.addEventListener("input", () => source.set(change()), { signal });
    on(this.#scale, () => ({ scale: this.#scale.value as ScaleName }));
    on(this.#palette, () => ({ palette: this.#palette.value as Settings["palette"] }));
    on(this.#swept, () => ({ swept: this.#swept.checked }));
    on(this.#bubbles, () => ({ bubbles: this.#bubbles.checked }));
    on(this.#layer, () => ({ layer: this.#layer.value as Layer }));
    on(this.#opacity, () => ({ opacity: this.#opacity.valueAsNumber / 100 }));
    const toggle = (): void => source.set({ contrast: source.settings.contrast === "view" ? "whole" : "view" });
    this.#contrast.addEventListener("click", toggle, { signal });
    this.update();
  }

  /** Show the switches for realised liquidations if there are any, with a price for those of the heat. */
  updateMarks(): void {
    const { marks, settings } = this.source;
    const { layer } = settings;
    this.#layer.value = layer;
    this.#layerLine.hidden = layer === "estimate" && (marks === null || marks.unknown === marks.time.length);
    this.#bubbles.hidden = layer !== "estimate"; // cells show them
    this.#bubblesLine.hidden = marks === null || marks.time.length === 0;
    this.#bubbles.checked = settings.bubbles;
    if (marks === null) return;
    const currency = this.source.field?.bars.about.currency ?? "";
    const sums = `${usd(marks.longUsd, currency)} long, ${usd(marks.shortUsd, currency)} short`;
    setText(this.#bubblesText, `${marks.placed.toLocaleString("en")}: ${sums}`);
  }

  update(): void {
    const { settings } = this.source;
    this.bar.update();
    this.#scale.value = settings.scale;
    this.#palette.value = settings.palette;
    this.#swept.checked = settings.swept;
    this.#opacity.value = String(Math.round(settings.opacity * 100));
    this.#contrast.setAttribute("aria-pressed", String(settings.contrast === "view"));
    const what = settings.layer === "both" ? "estimate and realised" : settings.layer;
    setText(this.#of, `${what} per bin, scaled to ${settings.contrast === "view" ? "the view" : "all candles"}`);
  }
}

function select(label: string, values: readonly string[]): HTMLSelectElement {
  return h(
    "select",
    { "aria-label": label, class: "liq-select" },
    ...values.map((value) => h("option", { value }, value)),
  );
}
