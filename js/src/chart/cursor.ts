/** The cell cursor: explores the heatmap by keyboard. Its cell is shown like the one under a pointer. */

import { h } from "../base/dom";
import { edgeOf, rowOf } from "../base/grid";
import { cellsOf } from "../model/cells";
import { clustersOf } from "../model/clusters";
import type { Field } from "../model/field";
import type { Source } from "../source/settings";
import type { Box, Chart, Hover } from "./chart";
import { type Outline, placeOf, put } from "./outline";
import { reveal, zoom } from "./viewport";

/** A cell, identified by the price at its centre so that it stays in place when bins change. */
export interface Place extends Hover {
  price: number;
}

/** Columns and rows by which each key moves; ten times as far with Ctrl. */
const WAYS = new Map([
  ["ArrowLeft", [-1, 0]],
  ["ArrowRight", [1, 0]],
  ["ArrowUp", [0, 1]],
  ["ArrowDown", [0, -1]],
  ["PageUp", [0, 10]],
  ["PageDown", [0, -10]],
  ["Home", [-Infinity, 0]],
  ["End", [Infinity, 0]],
] as [string, [number, number]][]);
/** Minimum size of the outline, CSS pixels. */
const LEAST = 9;

const within = (value: number, size: number): number => Math.min(Math.max(value, 0), size - 1);

/** The cell of a column that contains a price. */
export function placeAt(field: Field, column: number, price: number): Place {
  const { grid } = field;
  const row = within(rowOf(grid, price), grid.rows);
  return { column: within(column, field.columns), price: edgeOf(grid, row + 0.5) };
}

/** The cell to which a key moves; null if the cursor does not handle the key. `far`: with Ctrl. */
export function placeAfter(at: Place, key: string, far: boolean, field: Field): Place | null {
  const { grid, bars } = field;
  const column = within(at.column, field.columns);
  const way = WAYS.get(key);
  const times = far ? 10 : 1;
  if (way) return placeAt(field, column + way[0] * times, at.price + way[1] * times * grid.binSize);
  if (key === "c") return placeAt(field, column, bars.close[column]!);
  if (key !== "a" && key !== "b") return null;
  const row = rowOf(grid, at.price);
  const clusters = clustersOf(cellsOf(field, column), bars.close[column]!, Infinity);
  const peaks = clusters.map(({ peak }) => rowOf(grid, peak)).filter((peak) => (key === "a" ? peak > row : peak < row));
  const next = key === "a" ? Math.min(...peaks) : Math.max(...peaks);
  return placeAt(field, column, peaks.length > 0 ? edgeOf(grid, next + 0.5) : at.price);
}

/** The box spanned by two cells. */
function boxOf(a: Place, b: Place, { grid }: Field): Box {
  return {
    columnFrom: Math.min(a.column, b.column),
    columnTo: Math.max(a.column, b.column),
    priceLow: Math.min(a.price, b.price) - grid.binSize / 2,
    priceHigh: Math.max(a.price, b.price) + grid.binSize / 2,
  };
}

/** What keys do besides moving the cursor. */
export interface Acts {
  help(): void;
  /** Show more of the cell, or less. */
  more(): void;
  readonly replay: { readonly isOn: boolean; toggle(): void; step(candles: number): void };
}

export class Cursor {
  readonly element = h("div", { class: "liq-cursor", hidden: true, "aria-hidden": "true" });
  /** Current cell, or the last one if hidden. */
  #at: Place | null = null;
  /** The cell at which the current selection began. */
  #corner: Place | null = null;
  #chart: Chart | null = null;

  /**
   * @param plot - the element that has the focus
   * @param pointed - called with the cell, or null when the cursor is hidden
   * @param acts - what keys do besides moving the cursor: open the list of keys, show more of a cell, step and play a replay
   */
  constructor(
    private readonly source: Source,
    private readonly plot: HTMLElement,
    private readonly outline: Outline,
    private readonly pointed: (at: Place | null) => void,
    private readonly acts: Acts,
    signal: AbortSignal,
  ) {
    plot.addEventListener("keydown", (event) => this.#key(event), { signal });
  }

  attach(chart: Chart): void {
    this.#chart = chart;
  }

  get shown(): boolean {
    return !this.element.hidden;
  }

  /** Point at the cell again after the view has moved. */
  follow(): void {
    if (this.shown) this.#chart?.point(this.#at);
    this.place();
  }

  /** Hide the outline; the next key continues from its cell. */
  hide(): void {
    this.element.hidden = true;
    this.#corner = null;
  }

  /** Update the outline's position. */
  place(): void {
    const { field } = this.source;
    if (!this.shown || field === null || this.#at === null) return;
    const at = placeAt(field, this.#at.column, this.#at.price);
    const cell = boxOf(at, at, field);
    const place = placeOf(this.#chart, field, cell, LEAST);
    this.element.classList.toggle("liq-away", place === null);
    if (place !== null) put(this.element, place);
  }

  #key(event: KeyboardEvent): void {
    const { field } = this.source;
    const chart = this.#chart;
    // Leave keys of the browser and of elements inside the plot alone.
    if (field === null || chart === null || event.target !== this.plot || event.altKey || event.metaKey) return;
    if (event.ctrlKey && !event.key.startsWith("Arrow")) return;
    if (!this.#act(event, field, chart)) return;
    event.preventDefault();
    event.stopPropagation();
  }

  #act({ key, shiftKey, ctrlKey }: KeyboardEvent, field: Field, chart: Chart): boolean {
    if (key === "+" || key === "=") zoom(chart, field, 0.75, this.shown ? this.#at : null);
    else if (key === "-") zoom(chart, field, 1 / 0.75, this.shown ? this.#at : null);
    else if (key === "0") chart.fit.candles();
    else if (key === "9") chart.fit.levels();
    else if (key === "?") this.acts.help();
    else if (key === "i") this.acts.more();
    else if (key === " " && this.acts.replay.isOn) this.acts.replay.toggle();
    else if ((key === "," || key === ".") && this.acts.replay.isOn) this.acts.replay.step(key === "." ? 1 : -1);
    else if (key === "Delete") this.outline.choose(null);
    else if (key === "Escape" || (key === "Enter" && this.outline.armed)) this.#leave();
    else return this.#go(key, shiftKey || this.outline.armed, ctrlKey, field, chart);
    return true;
  }

  #leave(): void {
    if (this.outline.armed) this.outline.arm(false);
    else if (this.shown) {
      this.hide();
      this.#chart?.point(null);
      this.pointed(null);
    } else this.plot.blur();
  }

  #go(key: string, select: boolean, far: boolean, field: Field, chart: Chart): boolean {
    const last = chart.columnsInView?.[1] ?? field.columns - 1;
    const from = this.#at ?? placeAt(field, last, field.bars.close[last]!);
    const to = placeAfter(from, key, far, field);
    if (to === null) return false;
    // The first key only shows the current cell.
    this.#at = this.#at === null ? from : to;
    this.element.hidden = false;
    this.#corner = select ? (this.#corner ?? from) : null;
    reveal(chart, field, this.#at);
    this.place();
    if (this.#corner !== null) this.outline.choose(boxOf(this.#corner, this.#at, field));
    chart.point(this.#at);
    this.pointed(this.#at);
    return true;
  }
}
