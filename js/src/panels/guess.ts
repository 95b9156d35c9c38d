/** The answer to a guess of a later close, as text. */

import { percent, price } from "../base/units";

/**
 * Compare a guess with what happened.
 *
 * @param before - the last close that was known, USD
 * @param guess - the close that was expected, USD
 * @param close - the close that came, USD
 */
export function guessText(before: number, guess: number, close: number, decimals: number): string {
  const off = guess / close - 1;
  const miss =
    Math.abs(off) < 0.00005
      ? "exactly right"
      : `${percent(Math.abs(off)).replace(/^\+/, "")} too ${off > 0 ? "high" : "low"}`;
  return `The close was ${price(close, decimals)} (${percent(close / before - 1)}). Your guess of ${price(guess, decimals)} was ${miss}.`;
}
