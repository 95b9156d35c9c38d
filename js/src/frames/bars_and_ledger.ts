/** The picture's data as the browser holds it: bars and ledger, and what is read from them cell by cell. */

import { type Frame, MAX_TIME } from "./wire";

/** Candles of T columns; `time` is the open time in ms since 1970 UTC. */
export interface Bars {
  revision: number;
  time: Float64Array;
  /** Candles missing before each column. */
  missing: Uint32Array;
  open: Float64Array;
  high: Float64Array;
  low: Float64Array;
  close: Float64Array;
  volume: Float32Array;
  openInterest: Float32Array | null;
  about: About;
}

/** What Python says about the market, for display only. */
export interface About {
  symbol: string;
  exchange: string;
  interval: string;
  simulated: boolean;
  /** Decimals that the symbol's own prices need. */
  decimals: number;
  /** Candles in one column; 1 unless merged. */
  width: number;
  candles: number;
  /** Of candles, ms; 0 for one. */
  intervalMs: number;
  /** Open time of the last candle, ms since 1970 UTC. */
  last: number;
  /** How the same market can be had again: "sample", "fetch", or "" where its owner alone has the candles. */
  origin: string;
  notices: string[];
  /** Of a history that goes on beside it. */
  part: boolean;
  /** Times to show, where the bars were cut for them. */
  view: { time_from: number; time_to: number } | undefined;
  /** Volatility (fraction) and volume (USD) of a day, over the week up to the last candle; 0 where nothing. */
  day: number[];
  /** Decay rate per hour implied by open interest, or null without it. */
  autoDecayRate: number | null;
}

/** Opened entries and sweeps of T columns on P rows. */
export interface Ledger {
  revision: number;
  barsRevision: number;
  binSize: number;
  /** Row 0 starts at `first * binSize`. */
  first: number;
  rows: number;
  columns: number;
  leverage: number[];
  start: Uint32Array;
  row: Uint16Array;
  tier: Uint8Array;
  notional: Float32Array;
  /** Rows [a, b) swept by each column, interleaved. */
  sweep: Uint16Array;
  hours: Float32Array;
  /** Cube root of the `ageUnit`s between an entry and its column's close; null unless merged. */
  age: Uint8Array | null;
  ageUnit: number;
  /** Share of each tier's notional whose levels lie outside the grid. */
  beyond: number[];
  /** What it was built with, by Python's names. */
  settings: Record<string, unknown>;
}

const text = (value: unknown): string => (typeof value === "string" ? value.slice(0, 200) : "");
const whole = (value: unknown, low: number, high: number): number =>
  typeof value === "number" && Number.isInteger(value) ? Math.min(Math.max(value, low), high) : low;

/** Build bars from a checked `bars` or `tail` frame. */
export function barsOf(frame: Frame): Bars {
  const { meta, arrays } = frame;
  const gap = arrays.gap as Uint32Array;
  const step = meta.step as number;
  const time = new Float64Array(gap.length);
  const missing = new Uint32Array(gap.length);
  const usual = typeof meta.interval_ms === "number" && meta.interval_ms > 0 ? meta.interval_ms : step;
  for (let i = 0, now = meta.time_base as number; i < gap.length; i++) {
    now += gap[i]! * step;
    time[i] = now;
    missing[i] = i === 0 ? 0 : Math.max(Math.round((gap[i]! * step) / usual) - 1, 0);
  }
  return {
    revision: whole(meta.revision, 0, 2 ** 32),
    time,
    missing,
    open: arrays.open as Float64Array,
    high: arrays.high as Float64Array,
    low: arrays.low as Float64Array,
    close: arrays.close as Float64Array,
    volume: arrays.volume as Float32Array,
    openInterest: (arrays.open_interest as Float32Array | undefined) ?? null,
    about: {
      symbol: text(meta.symbol),
      exchange: text(meta.exchange),
      interval: text(meta.interval),
      simulated: meta.simulated === true,
      decimals: whole(meta.decimals, 0, 12),
      width: whole(meta.width, 1, 2 ** 31),
      candles: whole(meta.candles, 1, 2 ** 31),
      intervalMs: typeof meta.interval_ms === "number" ? meta.interval_ms / whole(meta.width, 1, 2 ** 31) : 0,
      last: whole(meta.last, time.at(-1)!, MAX_TIME),
      origin: text(meta.origin),
      notices: Array.isArray(meta.notices) ? meta.notices.slice(0, 8).map(text) : [],
      part: meta.part === true,
      view: meta.view as About["view"],
      day: Array.isArray(meta.day) ? meta.day.map(Number) : [],
      autoDecayRate: typeof meta.auto_decay_rate === "number" ? meta.auto_decay_rate : null,
    },
  };
}

/** Build a ledger from a checked `ledger` or `tail` frame. */
export function ledgerOf(frame: Frame): Ledger {
  const { meta, arrays } = frame;
  return {
    revision: whole(meta.revision, 0, 2 ** 32),
    barsRevision: whole(meta.bars, 0, 2 ** 32),
    binSize: meta.bin_size as number,
    first: meta.first as number,
    rows: meta.rows as number,
    columns: arrays.hours!.length,
    leverage: meta.leverage as number[],
    start: arrays.start as Uint32Array,
    row: arrays.row as Uint16Array,
    tier: arrays.tier as Uint8Array,
    notional: arrays.notional as Float32Array,
    sweep: arrays.sweep as Uint16Array,
    hours: arrays.hours as Float32Array,
    age: (arrays.age as Uint8Array | undefined) ?? null,
    ageUnit: meta.age_unit as number,
    beyond: Array.isArray(meta.beyond) ? meta.beyond.map((share) => (typeof share === "number" ? share : 0)) : [],
    settings: (meta.settings ?? {}) as Record<string, unknown>,
  };
}

function spliced<A extends Uint8Array | Uint16Array | Uint32Array | Float32Array | Float64Array>(
  a: A,
  keep: number,
  b: A,
): A {
  const joined = new (a.constructor as new (n: number) => A)(keep + b.length);
  joined.set(a.subarray(0, keep));
  joined.set(b, keep);
  return joined;
}

/** Bars with the columns from `from` on replaced by `tail`'s. */
export function spliceBars(bars: Bars, tail: Bars, from: number): Bars {
  const missing = tail.missing.slice();
  if (from > 0) {
    const since = tail.time[0]! - bars.time[from - 1]!;
    // The smallest distance, because any single pair of columns may have a gap between them.
    const interval = Math.min(since, smallestStep(bars.time), smallestStep(tail.time));
    missing[0] = Math.round(since / interval) - 1;
  }
  const oi = bars.openInterest && tail.openInterest ? spliced(bars.openInterest, from, tail.openInterest) : null;
  return {
    revision: bars.revision,
    time: spliced(bars.time, from, tail.time),
    missing: spliced(bars.missing, from, missing),
    open: spliced(bars.open, from, tail.open),
    high: spliced(bars.high, from, tail.high),
    low: spliced(bars.low, from, tail.low),
    close: spliced(bars.close, from, tail.close),
    volume: spliced(bars.volume, from, tail.volume),
    openInterest: oi,
    about: tail.about,
  };
}

function smallestStep(time: Float64Array): number {
  let least = Infinity;
  for (let i = 1; i < time.length; i++) least = Math.min(least, time[i]! - time[i - 1]!);
  return least;
}

/** A ledger with the columns from `from` on replaced by `tail`'s. */
export function spliceLedger(ledger: Ledger, tail: Ledger, from: number): Ledger {
  const cut = ledger.start[from]!;
  return {
    ...ledger,
    revision: tail.revision,
    beyond: tail.beyond,
    columns: from + tail.columns,
    start: spliced(
      ledger.start,
      from,
      tail.start.map((n) => n + cut),
    ),
    row: spliced(ledger.row, cut, tail.row),
    tier: spliced(ledger.tier, cut, tail.tier),
    notional: spliced(ledger.notional, cut, tail.notional),
    sweep: spliced(ledger.sweep, 2 * from, tail.sweep),
    hours: spliced(ledger.hours, from, tail.hours),
    age: ledger.age && tail.age ? spliced(ledger.age, cut, tail.age) : null,
  };
}

/** Price at the lower edge of a row (row may be `rows` for the top edge), USD. */
export const edgeOf = (ledger: Ledger, row: number): number => (ledger.first + row) * ledger.binSize;

/** Row that holds a price; outside [0, rows) where the grid does not reach. */
export const rowOf = (ledger: Ledger, price: number): number =>
  // A price that is an edge up to rounding belongs to the row that starts there, as in model/grid.py.
  Math.floor((price / ledger.binSize) * (1 + 4 * Number.EPSILON)) - ledger.first;

/** What stands in one cell: USD by tier (weights applied) and the notional-weighted mean age in hours. */
export interface Cell {
  byTier: Float64Array;
  total: number;
  age: number;
}

/** Take one cell of the density apart. Walks back from `column` to the row's last sweep. */
export function cellOf(ledger: Ledger, weights: Float64Array, decayRate: number, column: number, row: number): Cell {
  const byTier = new Float64Array(ledger.leverage.length);
  let aged = 0;
  let total = 0;
  let hours = 0;
  for (let t = column; t >= 0; t--) {
    for (let i = ledger.start[t]!; i < ledger.start[t + 1]!; i++) {
      if (ledger.row[i] !== row) continue;
      const age = hours + (ledger.age ? ledger.age[i]! ** 3 * ledger.ageUnit : 0);
      const usd = ledger.notional[i]! * weights[ledger.tier[i]!]! * Math.exp(-decayRate * age);
      byTier[ledger.tier[i]!]! += usd;
      total += usd;
      aged += usd * age;
    }
    // What opened in a column came after its sweep; everything older than a sweep of this row is gone.
    if (ledger.sweep[2 * t]! <= row && row < ledger.sweep[2 * t + 1]!) break;
    hours += ledger.hours[t]!;
  }
  return { byTier, total, age: total > 0 ? aged / total : 0 };
}
