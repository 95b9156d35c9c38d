/** The selected box: drawn by shift-drag, kept at its place on the chart, shared with the source. */

import { h } from "../base/dom";
import type { Field } from "../model/field";
import type { Source } from "../source/settings";
import { attachBrush } from "./brush";
import type { Box, Chart } from "./chart";
import { revealPrices } from "./viewport";

export class Outline {
  readonly element = h("div", { class: "liq-outline", hidden: true, "aria-hidden": "true" });
  #box: Box | null = null;
  #chart: Chart | null = null;

  constructor(
    private readonly source: Source,
    private readonly signal: AbortSignal,
  ) {
    source.on("selection", () => this.#point(), signal);
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
    attachBrush(pane, toBox, (box) => this.choose(box), this.signal);
  }

  /** Select a box, or nothing. */
  choose(box: Box | null): void {
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

  /** A selection that was made elsewhere may lie out of view. */
  #point(): void {
    this.follow();
    if (this.#chart !== null && this.#box !== null) {
      revealPrices(this.#chart, this.#box.priceLow, this.#box.priceHigh);
    }
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
    this.element.hidden = !this.#box || !field || !putBox(this.element, this.#chart, field, this.#box);
  }
}

/** Put an element over the part of a box that is in view, at least this large; false where none is. */
export function putBox(element: HTMLElement, chart: Chart | null, field: Field, box: Box, least = 0): boolean {
  const rect = chart?.rectOf(field, box);
  if (!rect) return false;
  const pane = chart!.api.paneSize(0);
  const side = (from: number, to: number, size: number): [number, number] => {
    const room = Math.max(least - (to - from), 0) / 2;
    const start = Math.min(Math.max(from - room, 0), size);
    return [start, Math.min(Math.max(to + room, 0), size) - start];
  };
  const [x, width] = side(rect.x0, rect.x1, pane.width);
  const [y, height] = side(rect.y0, rect.y1, pane.height);
  const { style } = element;
  style.transform = `translate(${x}px, ${y}px)`;
  style.width = `${width}px`;
  style.height = `${height}px`;
  return width > 0 && height > 0;
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
