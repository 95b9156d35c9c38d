/** The slow, plain twin of the replay, random ledgers for it, and numbers to compare with. */

import fc from "fast-check";
import type { Ledger } from "../src/frames/bars_and_ledger";

/** Map-based replay from the model's documentation: decay, sweep, open, candle by candle; [column][row] in float64. */
export function plainReplay(ledger: Ledger, weights: ArrayLike<number>, decayRate: number): number[][] {
  let standing = new Map<number, number>();
  const columns: number[][] = [];
  for (let t = 0; t < ledger.columns; t++) {
    const next = new Map<number, number>();
    for (const [row, usd] of standing) {
      const swept = row >= ledger.sweep[2 * t]! && row < ledger.sweep[2 * t + 1]!;
      if (!swept) next.set(row, usd * (t === 0 ? 1 : Math.exp(-decayRate * ledger.hours[t]!)));
    }
    for (let i = ledger.start[t]!; i < ledger.start[t + 1]!; i++) {
      const age = ledger.age === null ? 0 : ledger.age[i]! ** 3 * ledger.ageUnit;
      const usd = weights[ledger.tier[i]!]! * ledger.notional[i]! * Math.exp(-decayRate * age);
      next.set(ledger.row[i]!, (next.get(ledger.row[i]!) ?? 0) + usd);
    }
    standing = next;
    columns.push(Array.from({ length: ledger.rows }, (_, row) => standing.get(row) ?? 0));
  }
  return columns;
}

/** Any ledger that a frame may contain: up to 12 columns, 10 rows, 3 tiers. */
export const anyLedger = (merged: fc.Arbitrary<boolean> = fc.boolean()): fc.Arbitrary<Ledger> =>
  fc
    .record({ rows: fc.integer({ min: 1, max: 10 }), columns: fc.integer({ min: 1, max: 12 }), merged })
    .chain((size) => {
      const entry = fc.record({
        row: fc.integer({ min: 0, max: size.rows - 1 }),
        tier: fc.integer({ min: 0, max: 2 }),
        notional: fc.float({ min: 0, max: 1e6, noNaN: true }),
        age: fc.integer({ min: 0, max: 255 }),
      });
      const column = fc.record({
        entries: fc.array(entry, { maxLength: 6 }),
        sweep: fc.tuple(fc.integer({ min: 0, max: size.rows }), fc.integer({ min: 0, max: size.rows })),
        hours: fc.float({ min: 0, max: 48, noNaN: true }),
      });
      return fc.array(column, { minLength: size.columns, maxLength: size.columns }).map((columns): Ledger => {
        const entries = columns.flatMap((c) => c.entries);
        let n = 0;
        return {
          revision: 1,
          barsRevision: 1,
          binSize: 10,
          first: 5,
          rows: size.rows,
          columns: size.columns,
          leverage: [5, 10, 100],
          start: Uint32Array.from([0, ...columns.map((c) => (n += c.entries.length))]),
          row: Uint16Array.from(entries, (e) => e.row),
          tier: Uint8Array.from(entries, (e) => e.tier),
          notional: Float32Array.from(entries, (e) => e.notional),
          sweep: Uint16Array.from(columns.flatMap((c) => [Math.min(...c.sweep), Math.max(...c.sweep)])),
          hours: Float32Array.from(columns, (c) => c.hours),
          age: size.merged ? Uint8Array.from(entries, (e) => e.age) : null,
          ageUnit: size.merged ? 1e-6 : 0,
          beyond: [],
          settings: {},
        };
      });
    });

export const anyWeights = fc
  .array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 3, maxLength: 3 })
  .map((weights) => Float64Array.from(weights));

export const anyDecay = fc.constantFrom(0, 0.03, 2);

/** Largest difference of two arrays, relative to the expected value or to `floor`. */
export function distance(found: ArrayLike<number>, wanted: ArrayLike<number>, floor = 1e-6): number {
  if (found.length !== wanted.length) return Infinity;
  let most = 0;
  for (let i = 0; i < found.length; i++) {
    const gap = Math.abs(found[i]! - wanted[i]!) / Math.max(Math.abs(wanted[i]!), floor);
    if (!(gap <= most)) most = Number.isNaN(gap) ? Infinity : gap;
  }
  return most;
}

/** One candle as plain numbers. */
export interface PlainCandle {
  hours: number;
  high: number;
  low: number;
  close: number;
  volume: number;
  change: number;
  markLow: number;
  markHigh: number;
}

/** Entries of one candle, tier and side in a row, USD. */
interface PlainEntry {
  row: number;
  tier: number;
  usd: number;
  hours: number;
}

/**
 * The standing positions after each candle, computed entry by entry as the model's documentation defines them.
 *
 * @param k - liquidation price over entry price, [long, short] per tier
 */
export function plainEntries(
  candles: PlainCandle[],
  k: [number, number][],
  rows: { binSize: number; first: number; rows: number },
  turnover: number,
  scale: number,
): PlainEntry[][] {
  // A price in rows, snapped to a half row if only rounding separates them.
  const at = (price: number): number => {
    const halves = (2 * price) / rows.binSize;
    const near = Math.round(halves);
    return (Math.abs(halves - near) < 1e-12 * halves ? near : halves) / 2 - rows.first;
  };
  const states: PlainEntry[][] = [];
  let standing: PlainEntry[] = [];
  for (const [t, candle] of candles.entries()) {
    const before = candles[Math.max(t - 1, 0)]!.close;
    const low = Number.isNaN(candle.markLow) ? candle.low : candle.markLow;
    const high = Number.isNaN(candle.markHigh) ? candle.high : candle.markHigh;
    const [from, to] = [at(Math.min(low, candle.close, before)), at(Math.max(high, candle.close, before))];
    standing = standing
      .filter(({ row }) => row + 0.5 < from || row + 0.5 > to)
      .map((entry) => ({ ...entry, hours: entry.hours + candle.hours }));
    const coins = scale * Math.max((turnover * candle.volume + candle.change) / 2, candle.change, 0);
    const usd = (coins * (candle.high + candle.low + candle.close)) / 3;
    for (const [tier, sides] of k.entries()) {
      for (const [side, factor] of sides.entries()) {
        const [bottom, top] = [at(candle.low * factor), at(candle.high * factor)];
        for (let row = Math.max(Math.floor(bottom), 0); row < rows.rows && (row < top || row === bottom); row++) {
          const share = top > bottom ? (Math.min(row + 1, top) - Math.max(row, bottom)) / (top - bottom) : 1;
          const away = row + 0.5 - at(candle.close);
          if (share > 0 && (side === 0 ? away < 0 : away > 0)) standing.push({ row, tier, usd: usd * share, hours: 0 });
        }
      }
    }
    states.push(standing);
  }
  return states;
}

/** The tolerance for two roundings to float32. */
export const FLOAT32 = 2 * 2 ** -23;
