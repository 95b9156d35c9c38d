/** Ranges up to the last candle: which ones the data can fill, and their times. */

import type { About, Bars } from "../frames/bars_and_ledger";
import type { Range } from "../source/settings";

const HOUR = 3_600_000;

/** Lengths, ms. Twin of visible.py. */
export const RANGES: Record<Range, number> = { "24h": 24 * HOUR, "3d": 72 * HOUR, "1w": 168 * HOUR, "1m": 720 * HOUR };

/** Opening times of the first and the last candle, and the candles' interval, ms. */
export interface Extent {
  first: number;
  last: number;
  interval: number;
}

/** The extent of the market, of which the bars may be a part. */
export function extentOf({ time, about }: { time: Bars["time"]; about: Pick<About, "span" | "last" | "intervalMs"> }) {
  const [first, last] = about.span ?? [time[0]!, about.last];
  return { first, last, interval: about.intervalMs };
}

/** The ranges that the data fill, shortest first. */
export const rangesIn = ({ first, last, interval }: Extent): Range[] =>
  (Object.keys(RANGES) as Range[]).filter((range) => last + interval - first >= RANGES[range]);

/** Opening times of the first and the last candle of a range; it begins with the data at the earliest. */
export function timesOf(range: Range, { first, last, interval }: Extent): { time_from: number; time_to: number } {
  return { time_from: Math.max(last + interval - RANGES[range], first), time_to: last };
}
