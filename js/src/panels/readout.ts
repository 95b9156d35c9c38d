/** The readout: the candle under the crosshair on a line, and its cell in a small tooltip beside the pointer. */

import type { Clock } from "../base/clock";
import { h, setText } from "../base/dom";
import { edgeOf, rowOf } from "../base/grid";
import { duration, percent, price, usd } from "../base/units";
import type { Chart, Hover } from "../chart/chart";
import type { Realised } from "../frames/marks";
import type { Band } from "../model/band";
import { type Field, sidesOf } from "../model/field";
import { rangeText } from "./level_table";
import { around, type Rect, tipPlace } from "./tip_place";

/** The facts of one cell; amounts are estimates. */
export interface CellFacts {
  time: string;
  bin: string;
  side: "long" | "short" | "at the close";
  distance: string;
  estimate: string;
  /** The estimate by side, without sides that are none or next to nothing. */
  sums: [side: "long" | "short", sum: string][];
  age: string;
  between: string;
  tiers: { tier: number; share: number }[];
}

/** Facts of the cell at a price at one candle's close; null outside the grid. */
export function factsOf(field: Field, column: number, level: number, clock: Clock): CellFacts | null {
  const { grid, bars, leverage } = field;
  const row = rowOf(grid, level);
  if (row < 0 || row >= grid.rows) return null;
  const close = bars.close[column]!;
  const centre = edgeOf(grid, row + 0.5);
  const [longs, shorts] = sidesOf(field, column);
  const [long, short] = [longs[row]!, shorts[row]!];
  const cell = field.cell(column, row);
  const side = long > 0 && short > 0 ? "at the close" : long > 0 || (short === 0 && centre < close) ? "long" : "short";
  const reached = centre < close ? longs.subarray(row) : shorts.subarray(0, row + 1);
  const between = reached.reduce((a, b) => a + b, 0);
  const money = (value: number): string => usd(value, bars.about.currency);
  const sums = Object.entries({ long: money(long), short: money(short) }) as CellFacts["sums"];
  return {
    time: clock.stamp(bars.time[column]!),
    bin: rangeText(grid, row),
    side,
    distance: percent(centre / close - 1),
    estimate: side === "at the close" ? `${money(long)} long, ${money(short)} short` : money(long + short),
    sums: sums.filter(([, sum]) => !/^\$?0( |$)/.test(sum)),
    age: cell.total > 0 ? duration(cell.age) : "",
    between: money(between),
    tiers: leverage
      .map((tier, i) => ({ tier, share: cell.total > 0 ? cell.byTier[i]! / cell.total : 0 }))
      .filter(({ share }) => share >= 0.005)
      .sort((a, b) => b.share - a.share),
  };
}

const EMPTY = "nothing is estimated here";

/** The facts of a cell in one sentence, for screen readers. */
export function sentenceOf({ time, bin, estimate, side, distance, sums }: CellFacts): string {
  const what = sums.length === 0 ? EMPTY : `estimate ${estimate}${side === "at the close" ? "" : ` ${side}`}`;
  return `${time}, ${bin.replace("–", "to")}, ${what}, ${distance} from the close`;
}

/** Lines about realised liquidations near the cell. */
function realisedLines({ long, short, unknown }: Realised, currency: string): HTMLElement[] {
  const sums = ([side, { usd: sum, count }]: [string, Realised["long"]]): (Node | string)[] =>
    count === 0
      ? []
      : [
          h("span", { class: `liq-sign liq-sign-${side}` }),
          h("strong", {}, usd(sum, currency)),
          " ",
          h("span", { class: `liq-${side}` }, side),
          h("span", { class: "liq-dim" }, ` (${count.toLocaleString("en")})  `),
        ];
  const line = h("div", { class: "liq-realised" }, "realised ", ...Object.entries({ long, short }).flatMap(sums));
  return unknown ? [line, h("div", { class: "liq-dim" }, "sums over a time range; price unknown")] : [line];
}

/** Half the size of a fingertip, CSS pixels. */
const FINGER = 32;

/** Space around the candle, which may be narrower than a pixel, CSS pixels. */
const SPARE = 3;

/** Least width beside the profile in which the tooltip stays, CSS pixels. */
const ENOUGH = 400;

const dim = (text: string): HTMLElement => h("div", { class: "liq-dim" }, text);

export class Readout {
  readonly #time = h("span");
  readonly #candle = h("span");
  readonly element = h("div", { class: "liq-candle", "aria-hidden": "true" }, this.#time, this.#candle);
  /** The tooltip; screen readers are told what the keyboard points at instead. */
  readonly tip = h("div", { class: "liq-cell", "aria-hidden": "true", hidden: true });
  /** Whether the tooltip has the rest, too. */
  #more = false;
  #hover: Hover | null = null;
  #field: Field | null = null;
  /** Where a finger last touched the plot. */
  #finger: Rect | null = null;
  #again = (): void => {};

  /** @param chart - returns the chart; null: there is none yet */
  constructor(
    private readonly clock: Clock,
    plot: HTMLElement,
    private readonly chart: () => Chart | null,
    signal: AbortSignal,
  ) {
    const touched = ({ touches: [touch] }: TouchEvent): void => {
      if (touch === undefined) return;
      const { left, top } = plot.getBoundingClientRect();
      const [x, y] = [touch.clientX - left, touch.clientY - top];
      this.#touch(around({ x0: x, y0: y, x1: x, y1: y }, FINGER));
    };
    for (const name of ["touchstart", "touchmove"] as const)
      plot.addEventListener(name, touched, { capture: true, passive: true, signal });
    plot.addEventListener("pointermove", (event) => event.pointerType === "mouse" && this.#touch(null), { signal });
    this.tip.addEventListener("click", () => this.toggle(), { signal });
  }

  /** Show more in the tooltip, or less. */
  toggle(): void {
    this.#more = !this.#more;
    this.#again();
  }

  /** A finger, which may tap on the tooltip, or a pointer, which must not meet it. */
  #touch(finger: Rect | null): void {
    this.#finger = finger;
    this.tip.classList.toggle("liq-touched", finger !== null);
  }

  /** Show a cell, or the last candle if no cell is hovered. */
  update(field: Field | null, hover: Hover | null, realised: Realised | null = null, band: Band | null = null): void {
    this.#again = () => this.update(field, hover, realised, band);
    this.#field = field;
    if (field === null) return;
    const { bars } = field;
    const t = Math.min(hover?.column ?? bars.time.length - 1, bars.time.length - 1);
    this.#hover = hover && { ...hover, column: t };
    const p = (values: ArrayLike<number>): string => price(values[t]!, bars.about.decimals);
    const move = percent(bars.close[t]! / bars.open[t]! - 1);
    const time = this.clock.stamp(bars.time[t]!);
    const candle = `O ${p(bars.open)}  H ${p(bars.high)}  L ${p(bars.low)}  C ${p(bars.close)}  ${move}`;
    setText(this.#time, `${time}  `);
    setText(this.#candle, candle);
    const facts = hover?.price == null ? null : factsOf(field, t, hover.price, this.clock);
    this.tip.hidden = facts === null;
    if (facts === null) return;
    const { currency } = bars.about;
    const isEmpty = facts.sums.length === 0;
    const lines = isEmpty ? [h("div", {}, `${facts.bin}: ${EMPTY}`)] : estimateLines(facts);
    if (realised !== null) lines.push(...realisedLines(realised, currency));
    else if (!isEmpty) lines.push(dim(`${time} · close ${p(bars.close)}`));
    if (this.#more) {
      const tiers = facts.tiers.map(({ tier, share }) => `${tier}x ${Math.round(share * 100)} %`).join(" · ");
      if (facts.age !== "") lines.push(dim(tiers), dim(`mean age ${facts.age}`));
      lines.push(dim(`${facts.between} between here and the close`));
      const range = band?.map((ends) => usd(ends[rowOf(field.grid, hover!.price!)]!, currency)).join(" to ");
      if (range) lines.push(dim(`${range} under other likely mixes and decay rates`));
      lines.push(dim(`${time}\n${candle}`));
    }
    this.tip.replaceChildren(...lines);
    this.place();
  }

  /** Put the tooltip beside its cell, candle and finger: left of the profile, or over it where there is no room. */
  place(): void {
    const [chart, field, hover] = [this.chart(), this.#field, this.#hover];
    if (chart === null) return;
    const pane = chart.api.paneSize(0);
    const { tip } = this;
    if (tip.hidden || field === null || hover?.price == null) return;
    const rect = (low: number, high: number): Rect | null =>
      chart.rectOf(field, { columnFrom: hover.column, columnTo: hover.column, priceLow: low, priceHigh: high });
    const row = edgeOf(field.grid, rowOf(field.grid, hover.price));
    const cell = rect(row, row + field.grid.binSize);
    const candle = rect(field.bars.low[hover.column]!, field.bars.high[hover.column]!);
    if (cell === null || candle === null) return;
    const width = pane.width < ENOUGH ? chart.element.clientWidth : pane.width;
    tip.style.maxWidth = `${width - 16}px`;
    const bounds = { x0: 8, y0: 8, x1: width - 8, y1: pane.height - 8 };
    const size = { width: tip.offsetWidth, height: tip.offsetHeight };
    const avoid = [around(candle, SPARE), ...(this.#finger === null ? [] : [this.#finger])];
    const { x, y } = tipPlace(size, bounds, cell, avoid);
    tip.style.transform = `translate(${Math.round(x)}px, ${Math.round(y)}px)`;
  }
}

/** What would be closed in a row of prices, in words. */
function estimateLines({ bin, distance, sums }: CellFacts): HTMLElement[] {
  const parts = sums.flatMap(([side, sum]) => [
    ", ",
    h("strong", {}, sum),
    " of ",
    h("span", { class: `liq-${side}` }, `${side}s`),
  ]);
  return [
    h("div", {}, `${bin}  `, h("span", { class: "liq-dim" }, `${distance} from the close`)),
    h("div", {}, "estimate: ", ...parts.slice(1), " would be closed"),
  ];
}
