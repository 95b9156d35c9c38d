/** The colour bar: ticks, and two handles between which the colours lie. Upright beside the profile, flat below it. */

import { FLOOR, paletteOf, positionOf, valueAt } from "../base/colour";
import { h, setText } from "../base/dom";
import { usd } from "../base/units";
import type { Settings, Source } from "../source/settings";
import { STEPS, stepOf, thresholdAt, ticksOf, WHOLE } from "./handles";

const handle = (name: string): HTMLInputElement =>
  h("input", { type: "range", min: 0, max: STEPS, class: "liq-handle", "aria-label": name, title: name });

export class ColourBar {
  readonly #colours = h("canvas", { class: "liq-colours", "aria-hidden": "true" });
  readonly #low = handle("Hide below");
  readonly #high = handle("Brightest from");
  readonly #ticks = h("div", { class: "liq-ticks", "aria-hidden": "true" });
  readonly #lowText = h("span");
  readonly #highText = h("span");
  readonly element = h(
    "div",
    { class: "liq-colourbar", role: "group", "aria-label": "Colour bar" },
    h("div", { class: "liq-scale" }, this.#ticks, this.#colours, this.#low, this.#high),
    h("div", { class: "liq-ends" }, this.#lowText, this.#highText),
  );
  #painted = "";
  #marked = "";

  /** @param brightest - returns the brightest cell that the colours are scaled to, USD */
  constructor(
    private readonly source: Source,
    private readonly brightest: () => number,
    signal: AbortSignal,
  ) {
    for (const moved of ["low", "high"] as const) {
      const input = moved === "low" ? this.#low : this.#high;
      const move = (): void => {
        const { threshold, scale } = source.settings;
        source.set({ threshold: thresholdAt(moved, input.valueAsNumber, threshold, scale) });
        this.#placeHandles(); // also where the setting, and so the picture, stays
      };
      input.addEventListener("input", move, { signal });
    }
  }

  update(): void {
    const { settings, field } = this.source;
    const { threshold } = settings;
    this.#placeHandles();
    this.#paint(settings);
    const most = this.brightest();
    const currency = field?.bars.about.currency ?? "";
    this.#mark(most, currency, settings);
    const low = usd(Math.max(threshold[0], FLOOR) * most, currency);
    const high = usd(threshold[1] * most, currency);
    setText(this.#lowText, `hidden below ${low}`);
    setText(this.#highText, `${threshold[1] < 1 ? "brightest from" : "brightest"} ${high}`);
    this.#low.setAttribute("aria-valuetext", low);
    this.#high.setAttribute("aria-valuetext", high);
  }

  /** Put both handles where the setting is. */
  #placeHandles(): void {
    const { threshold, scale } = this.source.settings;
    const [low, high] = [stepOf(threshold[0], scale), stepOf(threshold[1], scale)];
    this.#low.value = String(low);
    this.#high.value = String(high);
    // Where both meet, the one that has room to move is on top.
    this.#low.style.zIndex = low > STEPS - high ? "1" : "";
  }

  /** Mark amounts along the bar. */
  #mark(most: number, currency: string, { scale }: Settings): void {
    const key = `${most}/${currency}/${scale}`;
    if (key === this.#marked) return;
    this.#marked = key;
    const span = { low: FLOOR * most, high: most };
    const marks = ticksOf(most, scale).map(({ value, minor }) => {
      const mark = h("span", { class: minor && "liq-minor" }, usd(value, currency));
      mark.style.setProperty("--at", String(positionOf(value, span, scale)));
      return mark;
    });
    this.#ticks.replaceChildren(...marks);
  }

  /** Draw the palette between the handles, dark below them, its last colour above. */
  #paint({ threshold, palette, scale }: Settings): void {
    const flat = this.element.closest(".liq-narrow") !== null;
    const key = `${threshold}/${palette}/${scale}/${flat}`;
    const context = this.#colours.getContext("2d");
    if (key === this.#painted || context === null) return;
    this.#painted = key;
    const colours = paletteOf(palette);
    const span = { low: Math.max(threshold[0], FLOOR), high: Math.max(threshold[1], FLOOR * 1.001) };
    const image = new ImageData(flat ? 256 : 1, flat ? 1 : 256);
    for (let i = 0; i < 256; i++) {
      const value = valueAt((flat ? i : 255 - i) / 255, WHOLE, scale);
      const step = Math.round(positionOf(value, span, scale) * 254);
      for (let c = 0; c < 3; c++) image.data[4 * i + c] = colours[3 * step + c]!;
      image.data[4 * i + 3] = value < span.low ? 41 : 255;
    }
    this.#colours.width = image.width;
    this.#colours.height = image.height;
    context.putImageData(image, 0, 0);
  }
}
