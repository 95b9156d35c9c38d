/** The selected box: drawn by shift-drag, kept at its place on the chart, shared with the source. */

import { attachBrush } from "./brush";
import type { Box, Chart } from "./chart";
import { h } from "./dom";
import type { Source } from "./settings";

export class Outline {
  readonly element = h("div", { class: "liq-outline", hidden: true, "aria-hidden": "true" });
  #box: Box | null = null;
  #chart: Chart | null = null;

  constructor(
    private readonly source: Source,
    private readonly signal: AbortSignal,
  ) {
    source.on("selection", () => this.follow(), signal);
  }

  /** Let the hand select on a chart's price pane. */
  attach(chart: Chart): void {
    this.#chart = chart;
    const { pane } = chart;
    if (pane === null) return;
    const toBox = (rect: { x0: number; y0: number; x1: number; y1: number }): Box | null => {
      const { field } = this.source;
      return field && chart.boxAt(field, rect);
    };
    attachBrush(pane, toBox, (box) => this.#brushed(box), this.signal);
  }

  #brushed(box: Box | null): void {
    const time = this.source.field?.bars.time;
    this.#box = box;
    this.place();
    if (time === undefined) return;
    this.source.select(
      box && {
        time_from: time[box.columnFrom]!,
        time_to: time[box.columnTo]!,
        price_low: box.priceLow,
        price_high: box.priceHigh,
      },
    );
  }

  /** Follow a selection that was set elsewhere, or other columns. */
  follow(): void {
    const { selection, field } = this.source;
    if (field === null) return;
    this.#box = selection && {
      columnFrom: columnBefore(field.bars.time, selection.time_from),
      columnTo: columnBefore(field.bars.time, selection.time_to),
      priceLow: selection.price_low,
      priceHigh: selection.price_high,
    };
    this.place();
  }

  /** Put the outline where its box lies now. */
  place(): void {
    const { field } = this.source;
    const rect = this.#box && field && this.#chart?.rectOf(field, this.#box);
    this.element.hidden = !rect;
    if (!rect) return;
    const { width, height } = this.#chart!.api.paneSize(0);
    const x0 = Math.min(Math.max(rect.x0, 0), width);
    const x1 = Math.min(Math.max(rect.x1, 0), width);
    const y0 = Math.min(Math.max(rect.y0, 0), height);
    const y1 = Math.min(Math.max(rect.y1, 0), height);
    this.element.style.transform = `translate(${x0}px, ${y0}px)`;
    this.element.style.width = `${x1 - x0}px`;
    this.element.style.height = `${y1 - y0}px`;
  }
}

/** The last column that begins at or before a time; the first where none does. */
export function columnBefore(time: ArrayLike<number>, ms: number): number {
  let low = 0;
  for (let high = time.length; low < high; ) {
    const middle = (low + high) >> 1;
    if (time[middle]! <= ms) low = middle + 1;
    else high = middle;
  }
  return Math.max(low - 1, 0);
}
