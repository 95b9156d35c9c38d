/** The levels as a table: what the picture shows of one candle, for those who read rather than look. */

import type { Clock } from "../base/clock";
import { h, setText } from "../base/dom";
import { settled } from "../base/live_region";
import { decimalsOf, percent, price, usd } from "../base/units";
import type { Rows } from "../chart/pooling";
import { edgeOf, type Ledger } from "../frames/bars_and_ledger";
import type { Field } from "../model/field";

/** Lines a side. */
const MOST = 20;

/** What stands in one row of the grid, USD. */
export interface Level {
  row: number;
  side: "long" | "short";
  usd: number;
  /** USD between the close and the far side of the row. */
  sum: number;
  /** Of the row's centre from the close, as a fraction of it. */
  distance: number;
  /** Leverage that most of it has. */
  tier: number;
}

/** A row's edges in words. */
export function rangeText(ledger: Ledger, row: number): string {
  const decimals = decimalsOf(ledger.binSize);
  return [row, row + 1].map((edge) => price(edgeOf(ledger, edge), decimals)).join(" – ");
}

/** The largest levels within `rows` on each side of a candle's close, highest price first; `of` counts them all. */
export function levelsOf(
  field: Field,
  column: number,
  rows: Rows,
  most = MOST,
): { levels: Level[]; of: Record<Level["side"], number> } {
  const { ledger, bars } = field;
  const close = bars.close[column]!;
  const values = field.column(column);
  const centre = (row: number): number => edgeOf(ledger, row + 0.5);
  let split = 0;
  while (split < values.length && centre(split) < close) split++;
  const walk = (side: Level["side"], first: number, step: 1 | -1): Level[] => {
    const found: Level[] = [];
    let sum = 0;
    for (let row = first; row >= 0 && row < values.length; row += step) {
      const value = values[row]!;
      sum += value;
      if (value <= 0 || row < rows.from || row >= rows.to) continue;
      found.push({ row, side, usd: value, sum, distance: centre(row) / close - 1, tier: 0 });
    }
    return found;
  };
  const [longs, shorts] = [walk("long", split - 1, -1), walk("short", split, 1)];
  const levels = [longs, shorts].flatMap((side) => side.sort((a, b) => b.usd - a.usd).slice(0, most));
  for (const level of levels) {
    const { byTier } = field.cell(column, level.row);
    level.tier = ledger.leverage[byTier.indexOf(Math.max(...byTier))]!;
  }
  return { levels: levels.sort((a, b) => b.row - a.row), of: { long: longs.length, short: shorts.length } };
}

const HEADS = ["price", "side", "estimated USD", "sum from the close", "distance", "most at"];

export class LevelTable {
  readonly element: HTMLDetailsElement;
  readonly #caption = h("caption");
  readonly #body = h("tbody");
  readonly #here = h("tr", { class: "liq-here" });
  /** Show the present levels soon; a table that is closed costs nothing. */
  readonly update: () => void;

  /**
   * @param shown - the field, and the column and rows whose levels are meant
   */
  constructor(
    private readonly shown: () => { field: Field | null; column: number; rows: Rows | null },
    private readonly clock: Clock,
    signal: AbortSignal,
  ) {
    const update = settled(() => this.#show(), signal);
    this.update = () => this.element.open && update();
    const head = h("tr", {}, ...HEADS.map((text) => h("th", { scope: "col" }, text)));
    const table = h("table", {}, this.#caption, h("thead", {}, head), this.#body);
    const name = "Levels as a table";
    const rows = h("div", { class: "liq-rows", tabindex: 0, role: "region", "aria-label": name }, table);
    this.element = h("details", { class: "liq-levels" }, h("summary", {}, name), rows);
    const opened = (): void => {
      this.#show();
      // The close in the middle, and around it what is next to it.
      rows.scrollTop = this.#here.offsetTop - rows.clientHeight / 2;
    };
    this.element.addEventListener("toggle", () => this.element.open && opened(), { signal });
  }

  #show(): void {
    const { field, column, rows } = this.shown();
    if (field === null || rows === null || column < 0) return;
    const { ledger, bars } = field;
    const close = price(bars.close[column]!, bars.about.decimals);
    const { levels, of } = levelsOf(field, column, rows);
    const shown = (side: Level["side"]): string =>
      `${levels.filter((level) => level.side === side).length} of ${of[side]} rows with ${side}s`;
    const when = `${this.clock.stamp(bars.time[column]!)}, close ${close}`;
    setText(this.#caption, `Estimated levels at ${when}. Largest in view: ${shown("short")}, ${shown("long")}.`);
    const lines = levels.map((level) => lineOf(ledger, level));
    const below = levels.findIndex(({ side }) => side === "long");
    this.#here.replaceChildren(h("th", { scope: "row" }, close), h("td", { colspan: 5 }, "the close"));
    lines.splice(below < 0 ? lines.length : below, 0, this.#here);
    this.#body.replaceChildren(...lines);
  }
}

function lineOf(ledger: Ledger, { row, side, usd: value, sum, distance, tier }: Level): HTMLElement {
  const cells = [usd(value), usd(sum), percent(distance), `${tier}x`].map((text) => h("td", {}, text));
  const sign = h("span", { class: `liq-sign liq-sign-${side}`, "aria-hidden": "true" });
  return h("tr", {}, h("th", { scope: "row" }, rangeText(ledger, row)), h("td", {}, sign, side), ...cells);
}
