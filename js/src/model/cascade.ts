/**
 * A price shock and the liquidations that follow mechanically, from the positions open at the last close. Twin of
 * analysis/cascade with square-root impact. Not a forecast.
 */

import { edgeOf } from "../base/grid";
import { percent, price, usd } from "../base/units";
import type { Field } from "./field";

/** The price as a signed fraction from the close, and the USD liquidated up to it. */
export interface Round {
  move: number;
  usd: number;
}

export interface Cascade {
  close: number;
  /** The first round is the shock itself; the last is where the price comes to rest. */
  rounds: Round[];
  /** The price reached the grid's edge: the numbers are lower bounds. */
  beyond: boolean;
}

/**
 * Shock the price from the last close, liquidate the rows whose centres it crosses, and apply the price impact of
 * those liquidations, until the price comes to rest.
 *
 * @param shock - signed fraction of the close
 * @param y - coefficient of the impact law, an assumption
 * @returns null if the bars have no price change or no volume to measure the impact by
 */
export function cascade(field: Field, shock: number, y = 1): Cascade | null {
  const { bars } = field;
  const { rows: grid, usd: standing } = field.levels(field.columns - 1);
  const close = bars.close.at(-1)!;
  const [volatility = 0, volume = 0] = bars.about.day;
  if (!(volatility > 0 && volume > 0)) return null;
  const sign = shock < 0 ? -1 : 1;
  const start = sign * shock;
  /** Unsigned distance of a row's lower edge; its centre is half a row further. */
  const away = (row: number): number => (sign * (edgeOf(grid, row) - close)) / close;
  const edge = away(sign < 0 ? 0 : grid.rows);
  const rounds: Round[] = [];
  let row = sign < 0 ? grid.rows - 1 : 0;
  let usd = 0;
  let move: number;
  let next = start;
  do {
    move = next;
    for (; row >= 0 && row < grid.rows && away(row + 0.5) <= move; row += sign) {
      if (away(row + 0.5) > 0) usd += standing[row]!;
    }
    rounds.push({ move: sign * Math.max(Math.min(move, edge), start), usd });
    next = start + y * volatility * Math.sqrt(usd / volume);
  } while (next > move);
  return { close, rounds, beyond: move > edge };
}

/** A cascade as text, with the symbol's decimals and currency. */
export function wordsOf(found: Cascade | null, decimals: number, currency = ""): string {
  if (found === null) return "No price change or no volume: no impact can be measured.";
  const { close, rounds, beyond } = found;
  const to = ({ move }: Round): string => price(close * (1 + move), decimals);
  const [push, rest] = [rounds[0]!, rounds.at(-1)!];
  const times = (rest.move / push.move || 1).toFixed(2);
  return (
    `Push ${percent(push.move)} to ${to(push)}: would liquidate est. ${usd(rest.usd, currency)} ` +
    `in ${rounds.length} round${rounds.length > 1 ? "s" : ""} and ${beyond ? "leave the known range" : "rest"} at ` +
    `${to(rest)} (${percent(rest.move)}), ${beyond ? "at least " : ""}${times} × the push. ` +
    "Mechanical what-if on an estimate, not a forecast; how far liquidations move the price is an assumption."
  );
}
