/** The levels of one candle as a table: an accessible alternative to the picture. */

import type { Clock } from "../base/clock";
import { h, setText } from "../base/dom";
import { edgeOf, type Grid } from "../base/grid";
import { settled } from "../base/live_region";
import { decimalsOf, percent, price, usd } from "../base/units";
import type { Rows } from "../chart/pooling";
import { cellsOf } from "../model/cells";
import { clustersOf } from "../model/clusters";
import { type Field, sidesOf, tiersOf } from "../model/field";
import { levelText } from "./near_line";

const NAME = "Levels as a table";
/** Maximum rows per side. */
const MOST = 20;

/** One row of the grid on one side. */
export interface Level {
  row: number;
  side: "long" | "short";
  usd: number;
  /** Cumulative USD from the close to the far edge of the row. */
  sum: number;
  /** Distance of the row's centre from the close, as a fraction of the close. */
  distance: number;
  /** Leverage tier with the largest share. */
  tier: number;
}

/** Rows next to a listed one that are not listed. */
export interface Gap {
  rows: number;
  usd: number;
}

/**
 * The rows within `rows` that `levels` leaves out, by side from the top: above the first level, between each two, and
 * below the last one. The row that holds the close counts on a side if something stands there.
 */
export function gapsOf(
  field: Field,
  column: number,
  rows: Rows,
  levels: readonly Level[],
): Record<Level["side"], Gap[]> {
  const [longs, shorts] = sidesOf(field, column);
  const { bin, long, short } = field.sides(column);
  const within = (row: number): number => Math.min(Math.max(row, rows.from), rows.to);
  const walk = (side: Level["side"], values: Float32Array, from: number, to: number): Gap[] => {
    const listed = levels.filter((level) => level.side === side).map(({ row }) => row);
    const ends = [Math.max(from, to), ...listed, from - 1];
    return ends.slice(1).map((end, i) => {
      const left = values.subarray(end + 1, ends[i]);
      return { rows: left.length, usd: left.reduce((sum, value) => sum + value, 0) };
    });
  };
  return {
    short: walk("short", shorts, within(short > 0 ? bin : bin + 1), rows.to),
    long: walk("long", longs, rows.from, within(long > 0 ? bin + 1 : bin)),
  };
}

/** A gap as text; empty if it has no rows. */
export function gapText({ rows, usd: left }: Gap, currency = ""): string {
  if (rows === 0) return "";
  const count = rows.toLocaleString("en");
  if (left <= 0) return `${count} empty row${rows > 1 ? "s" : ""}`;
  return rows > 1 ? `${count} rows left out: ${usd(left, currency)} in all` : `1 row left out: ${usd(left, currency)}`;
}

/** A row's edges as text. */
export function rangeText(grid: Grid, row: number): string {
  const decimals = decimalsOf(grid.binSize);
  return [row, row + 1].map((edge) => price(edgeOf(grid, edge), decimals)).join(" – ");
}

/** The largest levels within `rows` on each side of a close, highest price first; `of`: number of levels per side. */
export function levelsOf(
  field: Field,
  column: number,
  rows: Rows,
  most = MOST,
): { levels: Level[]; of: Record<Level["side"], number> } {
  const { grid, leverage } = field;
  const close = field.bars.close[column]!;
  const [longs, shorts] = sidesOf(field, column);
  const walk = (side: Level["side"], values: Float32Array, first: number, step: 1 | -1): Level[] => {
    const found: Level[] = [];
    let sum = 0;
    for (let row = first; row >= 0 && row < values.length; row += step) {
      const value = values[row]!;
      sum += value;
      if (value <= 0 || row < rows.from || row >= rows.to) continue;
      found.push({ row, side, usd: value, sum, distance: edgeOf(grid, row + 0.5) / close - 1, tier: 0 });
    }
    return found;
  };
  const found = [walk("long", longs, longs.length - 1, -1), walk("short", shorts, 0, 1)] as const;
  const of = { long: found[0].length, short: found[1].length };
  const levels = found.flatMap((side) => side.sort((a, b) => b.usd - a.usd).slice(0, most));
  const tiers = tiersOf(field, column);
  for (const level of levels) {
    const byTier = tiers.subarray(level.row * leverage.length, (level.row + 1) * leverage.length);
    level.tier = leverage[byTier.indexOf(Math.max(...byTier))]!;
  }
  const isShort = ({ side }: Level): number => (side === "short" ? 1 : 0);
  return { levels: levels.sort((a, b) => b.row - a.row || isShort(b) - isShort(a)), of };
}

/** The cluster on each side whose peak is nearest to the last close, as text; "" without any, or in a window. */
export function nearestText(field: Field): string {
  const column = field.columns - 1;
  const { close, about } = field.bars;
  if (about.part) return ""; // the last close is elsewhere
  const clusters = clustersOf(cellsOf(field, column), close[column]!, Infinity);
  clusters.sort((a, b) => Math.abs(a.distance) - Math.abs(b.distance));
  const texts = (["short", "long"] as const).flatMap((side) => {
    const cluster = clusters.find((one) => one.side === side);
    return cluster ? `${levelText(cluster, about.currency)}, at ${price(cluster.peak, about.decimals)}` : [];
  });
  return texts.length > 0 ? `nearest estimated clusters: ${texts.join("; ")}` : "";
}

const HEADS = ["price", "side", "estimate", "distance", "sum from the close", "most at"];

export class LevelTable {
  readonly element: HTMLDetailsElement;
  readonly #summary = h("summary", {}, NAME);
  readonly #caption = h("caption");
  readonly #body = h("tbody");
  readonly #here = h("tr", { class: "liq-here" });
  /** Update the table soon; while it is closed, what is nearest. */
  readonly update: () => void;

  /**
   * @param shown - returns the field, and the column and rows to list
   */
  constructor(
    private readonly shown: () => { field: Field | null; column: number; rows: Rows | null },
    private readonly clock: Clock,
    signal: AbortSignal,
  ) {
    this.update = settled(() => this.#show(), signal);
    const head = h("tr", {}, ...HEADS.map((text) => h("th", { scope: "col" }, text)));
    const table = h("table", {}, this.#caption, h("thead", {}, head), this.#body);
    const rows = h("div", { class: "liq-rows", tabindex: 0, role: "region", "aria-label": NAME }, table);
    this.element = h("details", { class: "liq-levels" }, this.#summary, rows);
    const opened = (): void => {
      this.#show();
      // Scroll the close to the middle.
      rows.scrollTop = this.#here.offsetTop - rows.clientHeight / 2;
    };
    this.element.addEventListener("toggle", () => this.element.open && opened(), { signal });
  }

  #show(): void {
    const { field, column, rows } = this.shown();
    if (field === null || rows === null || column < 0) return;
    setText(this.#summary, [NAME, nearestText(field)].filter(Boolean).join(" · "));
    if (!this.element.open) return;
    const { grid, bars } = field;
    const close = price(bars.close[column]!, bars.about.decimals);
    const { levels, of } = levelsOf(field, column, rows);
    const shown = (side: Level["side"]): string =>
      `${levels.filter((level) => level.side === side).length} of ${of[side]} rows with ${side}s`;
    const when = `${this.clock.stamp(bars.time[column]!)}, close ${close}`;
    setText(this.#caption, `Estimated levels at ${when}. The largest in view: ${shown("short")}, ${shown("long")}.`);
    const gaps = gapsOf(field, column, rows, levels);
    const { currency } = bars.about;
    const linesOf = (side: Level["side"]): HTMLElement[] => {
      const own = levels.filter((level) => level.side === side);
      return gaps[side].flatMap((gap, i) => {
        const text = gapText(gap, currency);
        const left = text === "" ? [] : [h("tr", { class: "liq-gap" }, h("td", { colspan: HEADS.length }, text))];
        const level = own[i];
        return level === undefined ? left : [...left, lineOf(grid, level, currency)];
      });
    };
    this.#here.replaceChildren(h("th", { scope: "row" }, close), h("td", { colspan: HEADS.length - 1 }, "the close"));
    const lines = [...linesOf("short"), this.#here, ...linesOf("long")];
    this.#body.replaceChildren(...lines);
  }
}

function lineOf(grid: Grid, { row, side, usd: value, sum, distance, tier }: Level, currency: string): HTMLElement {
  const cells = [usd(value, currency), percent(distance), usd(sum, currency), `${tier}x`].map((text) =>
    h("td", {}, text),
  );
  const sign = h("span", { class: `liq-sign liq-sign-${side}`, "aria-hidden": "true" });
  return h("tr", {}, h("th", { scope: "row" }, rangeText(grid, row)), h("td", {}, sign, side), ...cells);
}
