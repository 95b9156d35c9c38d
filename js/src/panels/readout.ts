/** What is under the crosshair, in words and numbers. */

import type { Clock } from "../base/clock";
import { h, setText } from "../base/dom";
import { duration, percent, price, usd } from "../base/units";
import type { Hover } from "../chart/chart";
import { edgeOf, rowOf } from "../frames/bars_and_ledger";
import type { Realised } from "../frames/marks";
import type { Band } from "../model/band";
import type { Field } from "../model/field";
import { rangeText } from "./level_table";

/** The facts of one cell; amounts are estimates. */
export interface CellFacts {
  time: string;
  bin: string;
  side: "long" | "short" | "at the close";
  distance: string;
  estimate: string;
  age: string;
  between: string;
  tiers: { tier: number; share: number }[];
}

/** Say what stands at a price at one candle's close; null outside the grid. */
export function factsOf(field: Field, column: number, level: number, clock: Clock): CellFacts | null {
  const { ledger, bars } = field;
  const row = rowOf(ledger, level);
  if (row < 0 || row >= ledger.rows) return null;
  const close = bars.close[column]!;
  const centre = edgeOf(ledger, row + 0.5);
  const values = field.column(column);
  const cell = field.cell(column, row);
  let between = 0;
  if (centre < close) for (let r = row; r < ledger.rows && edgeOf(ledger, r + 0.5) < close; r++) between += values[r]!;
  else for (let r = row; r >= 0 && edgeOf(ledger, r + 0.5) > close; r--) between += values[r]!;
  return {
    time: clock.stamp(bars.time[column]!),
    bin: rangeText(ledger, row),
    side: centre < close ? "long" : centre > close ? "short" : "at the close",
    distance: percent(centre / close - 1),
    estimate: usd(values[row]!),
    age: cell.total > 0 ? duration(cell.age) : "",
    between: usd(between),
    tiers: ledger.leverage
      .map((tier, i) => ({ tier, share: cell.total > 0 ? cell.byTier[i]! / cell.total : 0 }))
      .filter(({ share }) => share >= 0.005)
      .sort((a, b) => b.share - a.share),
  };
}

/** The facts of a cell in one sentence, to be said aloud. */
export function sentenceOf({ time, bin, estimate, side, distance }: CellFacts): string {
  const what =
    estimate === "$0" ? "nothing stands here" : `estimate ${estimate}${side === "at the close" ? "" : ` ${side}`}`;
  return `${time}, ${bin.replace("–", "to")}, ${what}, ${distance} from the close`;
}

/** What has been liquidated near here, against what is estimated to stand. */
function realisedLines({ long, short, unknown }: Realised): HTMLElement[] {
  const sums = ([side, { usd: sum, count }]: [string, Realised["long"]]): (Node | string)[] =>
    count === 0
      ? []
      : [
          h("span", { class: `liq-sign liq-sign-${side}` }),
          h("strong", {}, usd(sum)),
          " ",
          h("span", { class: `liq-${side}` }, side),
          h("span", { class: "liq-dim" }, ` (${count.toLocaleString("en")})  `),
        ];
  const line = h("div", { class: "liq-realised" }, "realised ", ...Object.entries({ long, short }).flatMap(sums));
  return unknown ? [line, h("div", { class: "liq-dim" }, "a sum over its time; at which price is not known")] : [line];
}

export class Readout {
  readonly element: HTMLElement;
  readonly #time = h("span");
  readonly #range = h("span", { class: "liq-range" });
  readonly #close = h("span");
  readonly #cell = h("div", { class: "liq-cell" });

  constructor(private readonly clock: Clock) {
    const candle = h("div", { class: "liq-candle" }, this.#time, this.#range, this.#close);
    this.element = h("div", { class: "liq-readout", "aria-hidden": "true" }, candle, this.#cell);
  }

  /** Stay clear of the profile's labels: beside them, or below them where that is too narrow; CSS pixels. */
  fit(clear: number, width: number, letters: number): void {
    const { style } = this.element;
    const beside = clear > 14 * letters;
    style.top = `${beside ? 8 : 3.4 * letters}px`;
    style.maxWidth = `${(beside ? clear : width) - 16}px`;
  }

  /** Show a cell, or the last candle when nothing is hovered. */
  update(field: Field | null, hover: Hover | null, realised: Realised | null = null, band: Band | null = null): void {
    if (field === null) return;
    const { bars } = field;
    const t = Math.min(hover?.column ?? bars.time.length - 1, bars.time.length - 1);
    const p = (value: number): string => price(value, bars.about.decimals);
    const move = percent(bars.close[t]! / bars.open[t]! - 1);
    setText(this.#time, `${this.clock.stamp(bars.time[t]!)}  `);
    setText(this.#range, `O ${p(bars.open[t]!)}  H ${p(bars.high[t]!)}  L ${p(bars.low[t]!)}  `);
    setText(this.#close, `C ${p(bars.close[t]!)}  ${move}`);
    const facts = hover?.price == null ? null : factsOf(field, t, hover.price, this.clock);
    this.#cell.hidden = facts === null;
    if (facts === null) return;
    const bright = h("strong", {}, facts.estimate);
    const tiers = facts.tiers.map(({ tier, share }) => `${tier}x ${Math.round(share * 100)} %`).join(" · ");
    const side = h("span", { class: `liq-${facts.side === "at the close" ? "at" : facts.side}` }, facts.side);
    this.#cell.replaceChildren(
      h("div", {}, facts.bin, "  ", h("span", { class: "liq-dim" }, `${facts.distance} from close`)),
      h(
        "div",
        {},
        "est. ",
        bright,
        " ",
        side,
        h("span", { class: "liq-dim" }, facts.age ? `  mean age ${facts.age}` : ""),
      ),
      h("div", { class: "liq-dim" }, tiers || "nothing stands here"),
      h("div", { class: "liq-dim" }, `${facts.between} between here and the close`),
    );
    if (realised !== null) this.#cell.append(...realisedLines(realised));
    if (band === null) return;
    const range = band.map((ends) => usd(ends[rowOf(field.ledger, hover!.price!)]!)).join(" to ");
    this.#cell.append(h("div", { class: "liq-dim" }, `${range}\nover resampled mixes and decay rates`));
  }
}
