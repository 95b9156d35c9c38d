/**
 * Turnover tied to the decay rate: the share of volume that opens positions such that the share of open interest
 * that closes per hour equals the decay rate. Twin of model/turnover.py, where the formulas are explained.
 */

import { general, halfLife } from "../base/units";
import type { Bars, Traded } from "../frames/bars_and_ledger";
import type { Turnover } from "../frames/model";

/** What a candle opens: `scale * max((turnover * volume + change) / 2, change, 0)` coins on each side. */
export interface Opening {
  turnover: number;
  scale: number;
  /** Open interest is unknown: amounts are only relative to each other. */
  relative: boolean;
  /** Solved for the decay rate; a turnover of 0 then means that open interest falls faster by itself. */
  auto: boolean;
  /** Of a combined market: what opens on each venue that is shown; then the above are means, for display. */
  venues?: { name: string; kind: number; traded: Traded; turnover: number; scale: number }[];
}

/** Coins that a candle opens on each side, in contracts of one kind (null: of all). */
export function openedOf(
  { venues, turnover, scale }: Opening,
  bars: Traded,
  t: number,
  kind: number | null = null,
): number {
  const opened = (of: Traded, share: number): number => {
    const change = of.openInterestChange?.[t] ?? 0;
    return Math.max((share * of.volume[t]! + change) / 2, change, 0);
  };
  if (venues === undefined) return scale * opened(bars, turnover);
  let sum = 0;
  for (const venue of venues)
    if (kind === null || kind === venue.kind) sum += venue.scale * opened(venue.traded, venue.turnover);
  return sum;
}

/** Whether two openings of the same candles open the same. */
export function sameOpening(a: Opening, b: Opening): boolean {
  const key = ({ turnover, scale, venues }: Opening): unknown[] => [
    turnover,
    scale,
    ...(venues ?? []).flatMap((venue) => [venue.name, venue.turnover, venue.scale]),
  ];
  return String(key(a)) === String(key(b));
}

/**
 * Solves for the turnover of each venue of a combined market. Turnover and decay rate are those of all venues, so that
 * what one of them opens does not depend on which others are shown. Twin of VenueOpenings.
 */
export class VenueCurves {
  readonly #venues: { name: string; kind: number; traded: Traded; curve: TurnoverCurve; volume: number }[];

  /** @param kinds - number of the kind of contract of each venue */
  constructor({ time, venues }: Bars, kinds: readonly number[] | null) {
    this.#venues = Array.from(venues, ([name, traded], i) => ({
      name,
      kind: kinds?.[i] ?? 0,
      traded,
      curve: new TurnoverCurve({ time, ...traded }),
      volume: traded.volume.reduce((sum, coins) => sum + coins, 0),
    }));
  }

  at(turnover: Turnover, rate: number, shown?: readonly string[]): Opening {
    const found = this.#venues.map((venue) => ({ ...venue, ...venue.curve.at(turnover, rate) }));
    const known = found.filter(({ relative }) => !relative);
    const volume = known.reduce((sum, venue) => sum + venue.volume, 0);
    const auto = turnover === "auto";
    const mean = auto && volume > 0 ? known.reduce((sum, v) => sum + v.turnover * v.volume, 0) / volume : null;
    // A venue without open interest opens the mean share of the others.
    if (mean !== null) for (const venue of found) if (venue.relative) venue.turnover = mean;
    return {
      turnover: mean ?? (auto ? 1 : turnover),
      scale: 1,
      relative: known.length === 0,
      auto,
      venues: found.filter(({ name }) => shown?.includes(name) ?? true),
    };
  }
}

/** Caption for the decay rate it belongs to; null if what opens is unknown. Twin of Turnover.caption. */
export function captionOf(opening: Opening | null, rate: number): string {
  const closes = halfLife(rate);
  if (opening === null) return closes;
  const { turnover, auto, relative } = opening;
  if (auto && relative) return `${closes}: all volume opens positions; amounts are relative, open interest is unknown`;
  if (auto && turnover === 0)
    return `${closes}: open interest falls faster than that by itself: scaled to open interest`;
  return `${closes}: ${turnover === 1 ? "all" : `${general(turnover * 100, 2)} % of`} volume opens positions`;
}

/** Hours between each column and the one before; 0 for the first. */
export const hoursOf = (time: Float64Array): Float64Array =>
  time.map((ms, t) => (t === 0 ? 0 : (ms - time[t - 1]!) / 3_600_000));

/** Solves for the turnover of a market, with one binary search per decay rate. */
export class TurnoverCurve {
  /** Turnovers at which a candle's volume begins to count, ascending. */
  readonly #breaks: Float64Array;
  /** Cumulative sums in that order: volume, change, and coins that close without that volume; (n + 1,). */
  readonly #volume: Float64Array;
  readonly #change: Float64Array;
  readonly #fall: Float64Array;
  /** Coins closed if all volume opens positions. */
  readonly #all: number;
  /** Coin hours, hours, and coins by which open interest rose. */
  #exposure = 0;
  #hours = 0;
  #rise = 0;

  constructor(bars: Traded & Pick<Bars, "time">) {
    const { time, volume, openInterest, openInterestChange } = bars;
    const hours = hoursOf(time);
    const known: number[] = [];
    const at = new Float64Array(time.length);
    for (let t = 1; t < time.length; t++) {
      const before = openInterest?.[t - 1] ?? Number.NaN;
      if (Number.isNaN(before)) continue;
      known.push(t);
      const change = openInterestChange?.[t] ?? 0;
      at[t] = volume[t]! > 0 ? Math.abs(change) / volume[t]! : Infinity;
      this.#exposure += before * hours[t]!;
      this.#hours += hours[t]!;
      this.#rise += Math.max(change, 0);
    }
    const order = Uint32Array.from(known).sort((a, b) => at[a]! - at[b]!);
    this.#breaks = Float64Array.from(order, (t) => at[t]!);
    const sums = (of: (t: number) => number): Float64Array => {
      const sum = new Float64Array(order.length + 1);
      for (const [i, t] of order.entries()) sum[i + 1] = sum[i]! + of(t);
      return sum;
    };
    this.#volume = sums((t) => volume[t]!);
    this.#change = sums((t) => openInterestChange?.[t] ?? 0);
    this.#fall = sums((t) => Math.max(-(openInterestChange?.[t] ?? 0), 0));
    this.#all = this.#closed(this.#breaks.filter((share) => share <= 1).length, 1);
  }

  /** The opening that belongs to a decay rate per hour. */
  at(turnover: Turnover, rate: number): Opening {
    const relative = !(this.#exposure > 0);
    if (turnover !== "auto") return { turnover, scale: 1, relative, auto: false };
    if (relative) return { turnover: 1, scale: 1, relative, auto: true };
    const wanted = rate * this.#exposure;
    // Checked first, with tolerance: at the automatic decay rate all volume opens, even if no volume would suffice.
    if (wanted >= this.#all * (1 - 1e-12)) return { turnover: 1, scale: 1, relative, auto: true };
    const falls = this.#fall.at(-1)!;
    if (wanted < falls) {
      const standing =
        rate === 0 ? this.#exposure / this.#hours : (this.#exposure * rate) / -Math.expm1(-rate * this.#hours);
      return { turnover: 0, scale: this.#rise > 0 ? Math.min(1, standing / this.#rise) : 1, relative, auto: true };
    }
    // Find the segment between breakpoints that contains the solution; within it the function is linear.
    let low = 0;
    for (let high = this.#breaks.length; low < high; ) {
      const middle = (low + high) >> 1;
      if (this.#breaks[middle]! <= 1 && this.#closed(middle + 1, this.#breaks[middle]!) <= wanted) low = middle + 1;
      else high = middle;
    }
    const rest = falls - this.#fall[low]!;
    // Rounding may leave no candle whose volume counts: then nothing needs to open.
    const exact = low === 0 ? 0 : (2 * (wanted - rest) + this.#change[low]!) / this.#volume[low]!;
    return { turnover: exact < 1 ? Math.max(exact, 0) : 1, scale: 1, relative, auto: true };
  }

  /** Coins closed on each side if the volume of the first `n` candles counts. */
  #closed(n: number, turnover: number): number {
    return (turnover * this.#volume[n]! - this.#change[n]!) / 2 + this.#fall.at(-1)! - this.#fall[n]!;
  }
}
