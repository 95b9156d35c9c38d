/**
 * A push of the price and what follows mechanically: the twin of analysis/cascade/cascade.py under the square-root
 * impact, from what stands at the last close. No forecast.
 */

import { percent, price, usd } from "../base/units";
import { edgeOf } from "../frames/bars_and_ledger";
import type { Field } from "./field";

/** Where the price is, a signed fraction of the close, and USD liquidated up to there. */
export interface Round {
  move: number;
  usd: number;
}

export interface Cascade {
  close: number;
  /** The first is the push, the last is where it comes to rest. */
  rounds: Round[];
  /** It reached the grid's edge: the numbers are lower bounds. */
  beyond: boolean;
}

/**
 * Push the price from the last close, liquidate the rows whose centres it crosses, let that move it on, to rest.
 *
 * @param shock - the push, a signed fraction of the close
 * @param y - the law's coefficient, an assumption
 * @returns null where the bars show no price change or no volume to measure an impact by
 */
export function cascade(field: Field, shock: number, y = 1): Cascade | null {
  const { bars, ledger } = field;
  const standing = field.column(ledger.columns - 1);
  const close = bars.close.at(-1)!;
  const [volatility = 0, volume = 0] = bars.about.day;
  if (!(volatility > 0 && volume > 0)) return null;
  const sign = shock < 0 ? -1 : 1;
  const start = sign * shock;
  /** How far a row's lower edge is, unsigned; its centre is half a row on. */
  const away = (row: number): number => (sign * (edgeOf(ledger, row) - close)) / close;
  const edge = away(sign < 0 ? 0 : ledger.rows);
  const rounds: Round[] = [];
  let row = sign < 0 ? ledger.rows - 1 : 0;
  let usd = 0;
  let move: number;
  let next = start;
  do {
    move = next;
    for (; row >= 0 && row < ledger.rows && away(row + 0.5) <= move; row += sign) {
      if (away(row + 0.5) > 0) usd += standing[row]!;
    }
    rounds.push({ move: sign * Math.max(Math.min(move, edge), start), usd });
    next = start + y * volatility * Math.sqrt(usd / volume);
  } while (next > move);
  return { close, rounds, beyond: move > edge };
}

/** A cascade in words; `decimals` are the symbol's own. */
export function wordsOf(found: Cascade | null, decimals: number): string {
  if (found === null) return "No price change or no volume: no impact can be measured.";
  const { close, rounds, beyond } = found;
  const to = ({ move }: Round): string => price(close * (1 + move), decimals);
  const [push, rest] = [rounds[0]!, rounds.at(-1)!];
  const times = (rest.move / push.move || 1).toFixed(2);
  return (
    `Push ${percent(push.move)} to ${to(push)}: would liquidate est. ${usd(rest.usd)} ` +
    `in ${rounds.length} round${rounds.length > 1 ? "s" : ""} and ${beyond ? "leave the known range" : "rest"} at ` +
    `${to(rest)} (${percent(rest.move)}), ${beyond ? "at least " : ""}${times} × the push. ` +
    "Mechanical what-if on an estimate, not a forecast; impact with Y = 1 is an assumption."
  );
}
