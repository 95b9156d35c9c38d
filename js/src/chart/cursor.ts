/** The cell cursor: the heatmap by keyboard. What it points at is shown as what a pointer points at. */

import { h } from "../base/dom";
import { edgesOf } from "../export/files";
import { edgeOf, rowOf } from "../frames/bars_and_ledger";
import { clustersOf } from "../model/clusters";
import type { Field } from "../model/field";
import type { Source } from "../source/settings";
import type { Box, Chart, Hover } from "./chart";
import { type Outline, putBox } from "./outline";
import { reveal, zoom } from "./viewport";

/** A cell of the grid by the price at its middle, so that it keeps its place when bins change. */
export interface Place extends Hover {
  price: number;
}

/** Columns and rows that keys go; ten times as far with Ctrl. */
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
/** Smallest outline that is seen, CSS pixels. */
const LEAST = 9;

const within = (value: number, size: number): number => Math.min(Math.max(value, 0), size - 1);

/** The cell of a column that holds a price. */
export function placeAt(field: Field, column: number, price: number): Place {
  const { ledger } = field;
  const row = within(rowOf(ledger, price), ledger.rows);
  return { column: within(column, ledger.columns), price: edgeOf(ledger, row + 0.5) };
}

/** Where a key leads from a cell; null: nowhere, it is another's. `far`: with Ctrl. */
export function placeAfter(at: Place, key: string, far: boolean, field: Field): Place | null {
  const { ledger, bars } = field;
  const column = within(at.column, ledger.columns);
  const way = WAYS.get(key);
  const times = far ? 10 : 1;
  if (way) return placeAt(field, column + way[0] * times, at.price + way[1] * times * ledger.binSize);
  if (key === "c") return placeAt(field, column, bars.close[column]!);
  if (key !== "a" && key !== "b") return null;
  const row = rowOf(ledger, at.price);
  const clusters = clustersOf(field.column(column), edgesOf(ledger), bars.close[column]!, Infinity);
  const peaks = clusters.map(({ peak }) => peak).filter((peak) => (key === "a" ? peak > row : peak < row));
  const next = key === "a" ? Math.min(...peaks) : Math.max(...peaks);
  return placeAt(field, column, peaks.length > 0 ? edgeOf(ledger, next + 0.5) : at.price);
}

/** The box from one cell to another one. */
function boxOf(a: Place, b: Place, { ledger }: Field): Box {
  return {
    columnFrom: Math.min(a.column, b.column),
    columnTo: Math.max(a.column, b.column),
    priceLow: Math.min(a.price, b.price) - ledger.binSize / 2,
    priceHigh: Math.max(a.price, b.price) + ledger.binSize / 2,
  };
}

export class Cursor {
  readonly element = h("div", { class: "liq-cursor", hidden: true, "aria-hidden": "true" });
  /** Where it is, or was. */
  #at: Place | null = null;
  /** The corner where the selection under way began. */
  #corner: Place | null = null;
  #chart: Chart | null = null;

  /**
   * @param plot - the element that has the focus
   * @param pointed - told the cell, or that none is pointed at
   * @param help - called when the keys are asked for
   */
  constructor(
    private readonly source: Source,
    private readonly plot: HTMLElement,
    private readonly outline: Outline,
    private readonly pointed: (at: Place | null) => void,
    private readonly help: () => void,
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

  /** Point at the cell again, whose place the view has changed. */
  follow(): void {
    if (this.shown) this.#chart?.point(this.#at);
    this.place();
  }

  /** Take the outline away; the next key goes on from where it was. */
  hide(): void {
    this.element.hidden = true;
    this.#corner = null;
  }

  /** Put the outline where its cell lies now. */
  place(): void {
    const { field } = this.source;
    if (!this.shown || field === null || this.#at === null) return;
    const at = placeAt(field, this.#at.column, this.#at.price);
    const cell = boxOf(at, at, field);
    this.element.classList.toggle("liq-away", !putBox(this.element, this.#chart, field, cell, LEAST));
  }

  #key(event: KeyboardEvent): void {
    const { field } = this.source;
    const chart = this.#chart;
    // Keys of the browser and of what lies in the plot stay theirs.
    if (field === null || chart === null || event.target !== this.plot || event.altKey || event.metaKey) return;
    if (event.ctrlKey && !event.key.startsWith("Arrow")) return;
    if (!this.#act(event, field, chart)) return;
    event.preventDefault();
    event.stopPropagation();
  }

  #act({ key, shiftKey, ctrlKey }: KeyboardEvent, field: Field, chart: Chart): boolean {
    if (key === "+" || key === "=") zoom(chart, field, 0.75, this.shown ? this.#at : null);
    else if (key === "-") zoom(chart, field, 1 / 0.75, this.shown ? this.#at : null);
    else if (key === "0") chart.fitCandles();
    else if (key === "9") chart.fitLevels();
    else if (key === "?") this.help();
    else if (key === "Delete") this.outline.choose(null);
    else if (key === "Escape") this.#leave();
    else return this.#go(key, shiftKey, ctrlKey, field, chart);
    return true;
  }

  #leave(): void {
    if (this.shown) {
      this.hide();
      this.#chart?.point(null);
      this.pointed(null);
    } else this.plot.blur();
  }

  #go(key: string, select: boolean, far: boolean, field: Field, chart: Chart): boolean {
    const last = chart.columnsInView?.[1] ?? field.ledger.columns - 1;
    const from = this.#at ?? placeAt(field, last, field.bars.close[last]!);
    const to = placeAfter(from, key, far, field);
    if (to === null) return false;
    // The first key shows where one is.
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
