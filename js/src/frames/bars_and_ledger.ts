/** The picture's data in the browser: bars and ledger, built from checked frames. */

import type { Grid } from "../base/grid";
import { lastAtMost } from "../base/search";
import { VENUES } from "./frame_checks";
import { type Frame, MAX_TIME } from "./wire";

/** What opens positions on one venue. */
export interface Traded {
  volume: Float32Array;
  /** Coins at the close; NaN if unknown. */
  openInterest: Float32Array | null;
  /** Change in coins since the previous candle, 0 if unknown; null also if nothing is replayed from these bars. */
  openInterestChange: Float32Array | null;
}

/** Candles of T columns; `time` is the open time in ms since 1970 UTC. */
export interface Bars extends Traded {
  revision: number;
  time: Float64Array;
  /** Number of candles missing before each column. */
  missing: Uint32Array;
  open: Float64Array;
  high: Float64Array;
  low: Float64Array;
  close: Float64Array;
  /** Parts of a combined market by venue; empty for a market of one venue. */
  venues: Map<string, Traded>;
  /** Range of the mark price; NaN if unknown. */
  markLow: Float64Array | null;
  markHigh: Float64Array | null;
  about: About;
}

/** Facts about the market from Python, for display only. */
export interface About {
  symbol: string;
  exchange: string;
  /** "inverse", or "" for a linear contract. */
  contract: string;
  /** Currency of prices and amounts; "" for USD. */
  currency: string;
  interval: string;
  simulated: boolean;
  /** Decimals of the symbol's prices. */
  decimals: number;
  /** Candles per column; 1 unless merged. */
  width: number;
  candles: number;
  /** Candle interval, ms; 0 if there is only one candle. */
  intervalMs: number;
  /** Open time of the last candle, ms since 1970 UTC. */
  last: number;
  /** How to get the same market in Python: "sample", "fetch", or "" if only the user has the candles. */
  origin: string;
  notices: string[];
  /** Whether the bars are a window of a longer history. */
  part: boolean;
  /** Opening times of the first and the last candle of the history that the bars are a window of. */
  span: [number, number] | null;
  /** Times to show, if the bars were cut for them. */
  view: { time_from: number; time_to: number } | undefined;
  /** Daily volatility (fraction) and volume (USD), over the week up to the last candle; 0 if unknown. */
  day: number[];
  /** Decay rate per hour implied by open interest, or null without it. */
  autoDecayRate: number | null;
}

/** The column that contains a time: the last one that begins at or before it, else the first. */
export const columnAt = (time: ArrayLike<number>, ms: number): number => Math.max(lastAtMost(time, ms), 0);

/** When a column closes, ms since 1970 UTC. */
export const closeTime = ({ time, about }: Bars, column: number): number =>
  time[column]! + about.intervalMs * about.width;

/** How many columns have closed at a time; null: all. At least one, since a picture needs one. */
export function closedBy({ time, about }: Bars, ms: number | null = null): number {
  return ms === null ? time.length : columnAt(time, ms - about.intervalMs * about.width) + 1;
}

/** The first `columns` columns, as views into the same arrays. */
export function barsUntil(bars: Bars, columns: number): Bars {
  if (columns >= bars.time.length) return bars;
  const cut = Object.entries(bars).map(([name, part]) => [
    name,
    ArrayBuffer.isView(part) ? (part as Float64Array).subarray(0, columns) : part,
  ]);
  return Object.fromEntries(cut) as Bars;
}

/** Opened entries and sweeps of T columns on P rows. */
export interface Ledger extends Grid {
  revision: number;
  barsRevision: number;
  columns: number;
  leverage: number[];
  start: Uint32Array;
  row: Uint16Array;
  tier: Uint8Array;
  notional: Float32Array;
  /** Rows [a, b) swept by each column, interleaved. */
  sweep: Uint16Array;
  hours: Float32Array;
  /** Cube root of the time between an entry and its column's close, in `ageUnit`; null unless merged. */
  age: Uint8Array | null;
  ageUnit: number;
  /** Share of each tier's notional whose levels lie outside the grid. */
  beyond: number[];
  /** Settings that it was built with, keyed by their Python names. */
  settings: Record<string, unknown>;
}

const text = (value: unknown): string => (typeof value === "string" ? value.slice(0, 200) : "");
const whole = (value: unknown, low: number, high: number): number =>
  typeof value === "number" && Number.isInteger(value) ? Math.min(Math.max(value, low), high) : low;

const pair = (value: unknown): [number, number] | null =>
  Array.isArray(value) && value.length === 2 && value.every(Number.isFinite) ? [value[0], value[1]] : null;

/** Build bars from a checked `bars` or `tail` frame. */
export function barsOf(frame: Frame): Bars {
  const { meta, arrays } = frame;
  const gap = arrays.gap as Float64Array;
  const step = meta.step as number;
  const time = new Float64Array(gap.length);
  const missing = new Uint32Array(gap.length);
  const usual = typeof meta.interval_ms === "number" && meta.interval_ms > 0 ? meta.interval_ms : step;
  for (let i = 0, now = meta.time_base as number; i < gap.length; i++) {
    now += gap[i]! * step;
    time[i] = now;
    missing[i] = i === 0 ? 0 : missingIn(gap[i]! * step, usual);
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
    openInterestChange: (arrays.open_interest_change as Float32Array | undefined) ?? null,
    venues: new Map(((meta.venues ?? []) as unknown[]).map((name, i) => [text(name), tradedOf(arrays, i, gap.length)])),
    markLow: (arrays.mark_low as Float64Array | undefined) ?? null,
    markHigh: (arrays.mark_high as Float64Array | undefined) ?? null,
    about: {
      symbol: text(meta.symbol),
      exchange: text(meta.exchange),
      contract: text(meta.contract),
      currency: text(meta.currency),
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
      span: pair(meta.span),
      view: meta.view as About["view"],
      day: Array.isArray(meta.day) ? meta.day.map(Number) : [],
      autoDecayRate: typeof meta.auto_decay_rate === "number" ? meta.auto_decay_rate : null,
    },
  };
}

/** What the venue of number i has, of T candles. */
function tradedOf(arrays: Frame["arrays"], i: number, T: number): Traded {
  const [volume, openInterest, openInterestChange] = VENUES.map((name) =>
    (arrays[name] as Float32Array).subarray(i * T, (i + 1) * T),
  ) as [Float32Array, Float32Array, Float32Array];
  return { volume, openInterest, openInterestChange };
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

/** Bars whose columns from `from` on are replaced by those of `tail`. */
export function spliceBars(bars: Bars, tail: Bars, from: number): Bars {
  const missing = tail.missing.slice();
  if (from > 0) {
    const since = tail.time[0]! - bars.time[from - 1]!;
    const { intervalMs, width } = tail.about;
    missing[0] = missingIn(since, intervalMs * width || since);
  }
  const join = <A extends Float32Array | Float64Array>(before: A | null, after: A | null): A | null =>
    before && after && spliced(before, from, after);
  const both = <A extends Float32Array | Float64Array>(of: (some: Bars) => A | null): A | null =>
    join(of(bars), of(tail));
  const venue = ([name, before]: [string, Traded]): [string, Traded] => {
    const after = tail.venues.get(name)!;
    return [
      name,
      {
        volume: spliced(before.volume, from, after.volume),
        openInterest: join(before.openInterest, after.openInterest),
        openInterestChange: join(before.openInterestChange, after.openInterestChange),
      },
    ];
  };
  return {
    revision: bars.revision,
    time: spliced(bars.time, from, tail.time),
    missing: spliced(bars.missing, from, missing),
    open: spliced(bars.open, from, tail.open),
    high: spliced(bars.high, from, tail.high),
    low: spliced(bars.low, from, tail.low),
    close: spliced(bars.close, from, tail.close),
    volume: spliced(bars.volume, from, tail.volume),
    openInterest: both((some) => some.openInterest),
    openInterestChange: both((some) => some.openInterestChange),
    venues: new Map(Array.from(bars.venues, venue)),
    markLow: both((some) => some.markLow),
    markHigh: both((some) => some.markHigh),
    about: tail.about,
  };
}

/** Number of candles missing between two that are `ms` apart; times may be slightly off the grid. */
const missingIn = (ms: number, interval: number): number => Math.max(Math.round(ms / interval) - 1, 0);
