/**
 * The estimate from candles: each candle decays the standing USD, clears the rows it swept, and adds what it opened.
 * Twin of model/opening.py and model/replay.py, for all tiers of a mix at once; bins are sums of the fixed rows.
 */

import { coarser, type Grid, halfRows } from "../base/grid";
import type { Bars } from "../frames/bars_and_ledger";
import type { Model } from "../frames/model";
import { hoursOf, type Opening, openedOf } from "./turnover";

/** What the amounts depend on besides candles and rows. */
export interface Tuning {
  /** One weight per tier. */
  weights: Float64Array;
  /** Per hour, continuous. */
  decayRate: number;
  opening: Opening;
}

/** The state after the first `candles` candles: `rows[r] * scale` USD standing in row r. */
export interface Standing {
  candles: number;
  rows: Float64Array;
  scale: number;
  /** Largest bin at any candle so far, USD. */
  most: number;
}

/** The columns that a replay writes. */
export interface Columns {
  /** First candle of the first column, and candles per column; a column shows the close of its last candle. */
  from: number;
  step: number;
  /** The last candle that is shown. */
  last: number;
  /** Bins [from, to) to write, the largest of each run of `block` bins. */
  bins: { from: number; to: number };
  block: number;
  /** USD, run i of column c at `c * runs + i`. */
  values: Float32Array;
}

/** Called with what a candle opened and still stands: USD as if the tier had all weight, hours since it opened. */
export type Visit = (bin: number, tier: number, usd: number, hours: number) => void;

/** Below this scale the rows themselves are rescaled, long before a float could overflow. */
const LEAST_SCALE = 1e-100;

export class Engine {
  /** Hours since the candle before. */
  readonly hours: Float64Array;
  /** Rows [a, b) that each candle swept, interleaved. */
  readonly sweeps: Int32Array;
  /** Closes in half rows from row 0: a row's centre is at an odd number. */
  readonly #close: Float64Array;
  /** USD per coin: the candle's typical price. */
  readonly #price: Float64Array;
  /** Liquidation price over entry price, long and short of each tier in turn. */
  readonly #factors: Float64Array;
  /** Results of `#spanOf` by candle, tier and side; null if they are not cached yet, or too many. */
  #spans: Float64Array | null = null;

  constructor(
    readonly bars: Bars,
    readonly model: Model,
  ) {
    const { time, high, low, close, markLow, markHigh } = bars;
    const { binSize, first, rows } = model.rows;
    const candles = time.length;
    this.hours = hoursOf(time);
    this.#factors = Float64Array.from(model.kLong.flatMap((k, i) => [k, model.kShort[i]!]));
    this.#close = close.map((price) => halfRows(price, binSize) - 2 * first);
    this.#price = close.map((price, t) => (high[t]! + low[t]! + price) / 3);
    this.sweeps = new Int32Array(2 * candles);
    const within = (row: number): number => Math.min(Math.max(row, 0), rows);
    for (let t = 0; t < candles; t++) {
      const before = close[Math.max(t - 1, 0)]!;
      const [markedLow, markedHigh] = [markLow?.[t] ?? Number.NaN, markHigh?.[t] ?? Number.NaN];
      const bottom = Math.min(Number.isNaN(markedLow) ? low[t]! : markedLow, close[t]!, before);
      const top = Math.max(Number.isNaN(markedHigh) ? high[t]! : markedHigh, close[t]!, before);
      const from = within(Math.ceil((halfRows(bottom, binSize) - 1) / 2) - first);
      this.sweeps[2 * t] = from;
      const to = within(Math.floor((halfRows(top, binSize) - 1) / 2) - first + 1);
      this.sweeps[2 * t + 1] = Math.max(to, from);
    }
  }

  /** The empty state before the first candle. */
  begin(): Standing {
    return { candles: 0, rows: new Float64Array(this.model.rows.rows), scale: 1, most: 0 };
  }

  /** USD that a candle opened on each side in contracts of one kind, as if one tier had all weight. */
  opened(t: number, opening: Opening, kind = 0): number {
    return openedOf(opening, this.bars, t, this.model.contracts && kind) * this.#price[t]!;
  }

  /** First row whose centre is not below a candle's close, and first row whose centre is above it. */
  sides(t: number): [long: number, short: number] {
    const middle = (this.#close[t]! - 1) / 2;
    return [Math.ceil(middle), Math.floor(middle) + 1];
  }

  /**
   * Replay up to candle `to`, exclusive.
   *
   * @param standing - changed in place
   * @param factor - rows per bin
   * @param out - columns to fill; those whose last candle is replayed here are written
   */
  run(standing: Standing, to: number, tuning: Tuning, factor: number, out: Columns | null = null): void {
    const { rows } = standing;
    const { hours, sweeps } = this;
    const { first } = this.model.rows;
    const { decayRate, weights, opening } = tuning;
    const count = rows.length;
    const areRows = factor === 1;
    const sums = areRows ? rows : this.sums(rows, factor);
    const offset = first - Math.floor(first / factor) * factor; // offset of row 0 in its bin
    const binOf = new Int32Array(count);
    for (let bin = 0, r = 0; r < count; bin++) {
      const next = Math.min((bin + 1) * factor - offset, count);
      binOf.fill(bin, r, next);
      r = next;
    }
    const all = this.#allSpans();
    const one = new Float64Array(3);
    const spans = all ?? one;
    const sides: number[] = [];
    const tiers = weights.length;
    const kinds = this.#factors.length / 2 / tiers;
    for (let k = 0; k < kinds * tiers; k++) if (weights[k % tiers]! > 0) sides.push(2 * k, 2 * k + 1);
    const opened = new Float64Array(kinds);
    let { scale, most } = standing;
    let [since, keep] = [0, 1];
    let column = out === null ? 0 : Math.max(Math.floor((standing.candles - out.from) / out.step), 0);
    const height = out === null ? 0 : Math.ceil((out.bins.to - out.bins.from) / out.block);
    /** The candle whose close a column shows; -1 after the last column. */
    const closeOf = (c: number): number =>
      out === null || (c + 1) * height > out.values.length ? -1 : Math.min(out.from + (c + 1) * out.step - 1, out.last);
    let due = closeOf(column);
    for (let t = standing.candles; t < to; t++) {
      if (hours[t] !== since) {
        since = hours[t]!;
        keep = Math.exp(-decayRate * since);
      }
      scale *= keep;
      if (scale < LEAST_SCALE) {
        for (let r = 0; r < count; r++) rows[r]! *= scale;
        if (!areRows) for (let b = 0; b < sums.length; b++) sums[b]! *= scale;
        scale = 1;
      }
      const a = sweeps[2 * t]!;
      const b = sweeps[2 * t + 1]!;
      if (b > a) {
        const bottom = binOf[a]!;
        const top = binOf[b - 1]!;
        // The candle before has cleared most of these rows: then the bins at the ends stay as they are.
        const below = !areRows && anyIn(rows, a, Math.min((bottom + 1) * factor - offset, b));
        const above = !areRows && top > bottom && anyIn(rows, Math.max(top * factor - offset, a), b);
        rows.fill(0, a, b);
        if (!areRows && top > bottom + 1) sums.fill(0, bottom + 1, top);
        // What is left of the bins at the ends is added up again: sums by subtraction would drift.
        if (below) sums[bottom] = sumOf(rows, bottom * factor - offset, (bottom + 1) * factor - offset);
        if (above) sums[top] = sumOf(rows, top * factor - offset, (top + 1) * factor - offset);
      }
      for (let kind = 0; kind < kinds; kind++) opened[kind] = this.opened(t, opening, kind) / scale;
      let limit = most / scale;
      for (let i = 0; i < sides.length; i++) {
        const side = sides[i]!;
        let at = 3 * (t * this.#factors.length + side);
        if (all === null) {
          this.#spanOf(t, side, one, 0);
          at = 0;
        }
        let begin = spans[at]!;
        const end = spans[at + 1]!;
        if (begin >= end) continue;
        const k = side >> 1;
        const share = opened[Math.floor(k / tiers)]! * weights[k % tiers]! * spans[at + 2]!; // of a whole row
        const from = Math.floor(begin);
        const top = Math.ceil(end) - 1;
        if (from === top) rows[from]! += (end - begin) * share;
        else {
          rows[from]! += (from + 1 - begin) * share;
          for (let r = from + 1; r < top; r++) rows[r]! += share;
          rows[top]! += (end - top) * share;
        }
        if (areRows) {
          for (let r = from; r <= top; r++) if (rows[r]! > limit) limit = rows[r]!;
          continue;
        }
        let bin = binOf[from]!;
        for (let next = (bin + 1) * factor - offset; ; next += factor, bin++) {
          sums[bin]! += ((next < end ? next : end) - begin) * share;
          if (sums[bin]! > limit) limit = sums[bin]!;
          if (next >= end) break;
          begin = next;
        }
      }
      most = Math.max(most, limit * scale);
      if (t === due && out !== null) {
        const { bins, block, values } = out;
        for (let bin = bins.from, at = column * height; bin < bins.to; at++) {
          let largest = sums[bin]!;
          for (const stop = Math.min(bin + block, bins.to); ++bin < stop; )
            if (sums[bin]! > largest) largest = sums[bin]!;
          values[at] = largest * scale;
        }
        due = closeOf(++column);
      }
    }
    standing.candles = Math.max(to, standing.candles);
    standing.scale = scale;
    standing.most = most;
  }

  /** Sums of rows by bin. */
  sums(rows: Float64Array, factor: number): Float64Array {
    const grid = coarser(this.model.rows, factor);
    const sums = new Float64Array(grid.rows);
    const offset = this.model.rows.first - grid.first * factor;
    for (let bin = 0; bin < sums.length; bin++)
      sums[bin] = sumOf(rows, bin * factor - offset, (bin + 1) * factor - offset);
    return sums;
  }

  /**
   * Visit the standing USD of the bins [from, to) at a candle's close, from the newest candle to the oldest.
   *
   * @param grid - the bins
   * @param tiers - the tiers to visit
   */
  visit(
    column: number,
    opening: Opening,
    grid: Grid,
    factor: number,
    tiers: number[],
    from: number,
    to: number,
    visit: Visit,
  ): void {
    const { first, rows: count } = this.model.rows;
    const offset = first - grid.first * factor;
    const bottom = Math.max(from * factor - offset, 0);
    const top = Math.min(to * factor - offset, count);
    const swept = new Uint8Array(count);
    let left = top - bottom;
    let hours = 0;
    const span = new Float64Array(3);
    const { length } = this.model.leverage;
    const kinds = this.#factors.length === 2 * length ? tiers : [...tiers, ...tiers.map((tier) => length + tier)];
    for (let t = column; t >= 0 && left > 0; t--) {
      for (const [i, k] of kinds.entries()) {
        const tier = tiers[i % tiers.length]!;
        const opened = this.opened(t, opening, Math.floor(k / this.model.leverage.length));
        for (const side of [2 * k, 2 * k + 1]) {
          this.#spanOf(t, side, span, 0);
          const [begin, end, share] = span as unknown as [number, number, number];
          const stop = Math.min(Math.ceil(end), top);
          for (let r = Math.max(Math.floor(begin), bottom); r < stop && begin < end; r++) {
            const usd = opened * (Math.min(r + 1, end) - Math.max(r, begin)) * share;
            if (usd > 0 && swept[r] === 0) visit(Math.floor((r + offset) / factor), tier, usd, hours);
          }
        }
      }
      // A candle opens after it sweeps, so its own entries remain; everything older than a sweep of this row is gone.
      for (let r = Math.max(this.sweeps[2 * t]!, bottom), b = Math.min(this.sweeps[2 * t + 1]!, top); r < b; r++) {
        if (swept[r] === 0) left--;
        swept[r] = 1;
      }
      hours += this.hours[t]!;
    }
  }

  #levelsOf(t: number, side: number, out: Float64Array, at: number): void {
    const { binSize, first } = this.model.rows;
    const k = this.#factors[side]!;
    out[at] = halfRows(this.bars.low[t]! * k, binSize) / 2 - first;
    out[at + 1] = halfRows(this.bars.high[t]! * k, binSize) / 2 - first;
  }

  /**
   * Where the levels of a candle, tier and side begin and end, in rows from row 0 and within the rows of that side, and
   * one over their whole length. An empty span begins where it ends.
   */
  #spanOf(t: number, side: number, out: Float64Array, at: number): void {
    this.#levelsOf(t, side, out, at);
    const low = out[at]!;
    const high = out[at + 1]!;
    const count = this.model.rows.rows;
    const [longEnd, shortBegin] = this.sides(t);
    const first = Math.floor(low);
    const from = Math.max(first, side & 1 ? shortBegin : 0, 0);
    const stop = Math.min(Math.max(Math.ceil(high), first + 1), side & 1 ? count : Math.min(longEnd, count));
    const spread = high > low; // otherwise all of it is in one row
    out[at] = spread ? Math.max(low, from) : from;
    out[at + 1] = from < stop ? (spread ? Math.min(high, stop) : stop) : out[at]!;
    out[at + 2] = spread ? 1 / (high - low) : 1;
  }

  /** All spans, computed once because a slider replays the same candles repeatedly; at most 48 MB. */
  #allSpans(): Float64Array | null {
    const sides = this.#factors.length;
    const candles = this.bars.time.length;
    if (this.#spans === null && 3 * sides * candles <= 6e6) {
      const spans = new Float64Array(3 * sides * candles);
      for (let t = 0; t < candles; t++)
        for (let side = 0; side < sides; side++) this.#spanOf(t, side, spans, 3 * (t * sides + side));
      this.#spans = spans;
    }
    return this.#spans;
  }
}

/** Tell whether any of the rows [from, to) holds something. */
function anyIn(rows: Float64Array, from: number, to: number): boolean {
  for (let r = from; r < to; r++) if (rows[r] !== 0) return true;
  return false;
}

/** USD in the rows [from, to), which may reach beyond the first and the last one. */
export function sumOf(rows: Float64Array, from: number, to: number): number {
  let sum = 0;
  for (let r = Math.max(from, 0), stop = Math.min(to, rows.length); r < stop; r++) sum += rows[r]!;
  return sum;
}
