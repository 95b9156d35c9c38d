/** Realised liquidations in the browser: marks, their positions among columns, and the marks near a point. */

import { lastAtMost } from "../base/search";
import type { Bars } from "./bars_and_ledger";
import type { Frame } from "./wire";

/** Marks: sums of realised liquidations, in order of time. */
export interface Marks {
  revision: number;
  /** Half-open time range that a mark sums over, ms since 1970 UTC. */
  time: Float64Array;
  until: Float64Array;
  /** 0: longs liquidated, 1: shorts liquidated. */
  side: Uint8Array;
  /** USD; NaN if unknown. */
  price: Float32Array;
  /** USD. */
  notional: Float32Array;
  /** Number of liquidations, or of summed rows, in a mark. */
  count: Uint32Array;
  /** Size of the largest mark, USD. */
  most: number;
  /** Number of marks whose price is unknown. */
  unknown: number;
  placed: number;
  longUsd: number;
  shortUsd: number;
  /** Liquidations at times without a candle, which are not drawn. */
  outside: number;
  outsideUsd: number;
}

/** Build marks from a checked `events` frame. */
export function marksOf({ meta, arrays }: Frame): Marks {
  const notional = arrays.notional as Float32Array;
  const price = arrays.price as Float32Array;
  return {
    revision: meta.revision as number,
    time: arrays.time as Float64Array,
    until: arrays.until as Float64Array,
    side: arrays.side as Uint8Array,
    price,
    notional,
    count: arrays.count as Uint32Array,
    most: notional.reduce((a, b) => Math.max(a, b), 0),
    unknown: price.reduce((n, p) => n + (Number.isNaN(p) ? 1 : 0), 0),
    placed: meta.placed as number,
    longUsd: meta.long_usd as number,
    shortUsd: meta.short_usd as number,
    outside: meta.outside as number,
    outsideUsd: meta.outside_usd as number,
  };
}

/** Marks with later ones appended; totals come from the later frame. */
export function joinMarks(marks: Marks, more: Marks): Marks {
  const joined = <A extends Float64Array | Float32Array | Uint32Array | Uint8Array>(a: A, b: A): A => {
    const both = new (a.constructor as new (n: number) => A)(a.length + b.length);
    both.set(a);
    both.set(b, a.length);
    return both;
  };
  return {
    ...more,
    time: joined(marks.time, more.time),
    until: joined(marks.until, more.until),
    side: joined(marks.side, more.side),
    price: joined(marks.price, more.price),
    notional: joined(marks.notional, more.notional),
    count: joined(marks.count, more.count),
    most: Math.max(marks.most, more.most),
    unknown: marks.unknown + more.unknown,
  };
}

/** The marks that were complete at a time, ms since 1970 UTC, with their own totals. */
export function marksUntil(marks: Marks, ms: number): Marks {
  const kept = Array.from(marks.until.keys()).filter((i) => marks.until[i]! <= ms);
  const pick = <A extends Float64Array | Float32Array | Uint32Array | Uint8Array>(from: A): A =>
    (from.constructor as unknown as { from(values: number[]): A }).from(kept.map((i) => from[i]!));
  const cut = { ...marks, time: pick(marks.time), until: pick(marks.until), side: pick(marks.side) };
  const [price, notional, count] = [pick(marks.price), pick(marks.notional), pick(marks.count)];
  const sum = (side: number): number => notional.reduce((all, usd, i) => all + (cut.side[i] === side ? usd : 0), 0);
  return {
    ...cut,
    price,
    notional,
    count,
    most: notional.reduce((a, b) => Math.max(a, b), 0),
    unknown: price.reduce((n, p) => n + (Number.isNaN(p) ? 1 : 0), 0),
    placed: count.reduce((a, b) => a + b, 0),
    longUsd: sum(0),
    shortUsd: sum(1),
    outside: 0, // their times are not known here
    outsideUsd: 0,
  };
}

/** Positions of marks among columns; arrays are parallel to those of `marks`. */
export interface Placed {
  marks: Marks;
  /** First and last column; -1 if there is no such column. */
  from: Int32Array;
  to: Int32Array;
  /** The mark's price if known, else the low (longs) or the high (shorts) of its columns, USD. */
  price: Float64Array;
  /** Indices of marks, largest first so that small ones are drawn on top; marks without a column are omitted. */
  order: Uint32Array;
}

/** Assign marks to columns. */
export function placeMarks(marks: Marks, bars: Pick<Bars, "time" | "low" | "high">): Placed {
  const n = marks.time.length;
  const from = new Int32Array(n);
  const to = new Int32Array(n);
  const price = new Float64Array(n);
  for (let i = 0; i < n; i++) {
    to[i] = lastAtMost(bars.time, marks.until[i]! - 1);
    from[i] = Math.min(Math.max(lastAtMost(bars.time, marks.time[i]!), 0), to[i]!);
    price[i] = marks.price[i]!;
    if (!Number.isNaN(price[i])) continue;
    const [edge, further] = marks.side[i] === 0 ? [bars.low, Math.min] : [bars.high, Math.max];
    for (let t = Math.max(from[i]!, 0); t <= to[i]!; t++) {
      price[i] = Number.isNaN(price[i]) ? edge[t]! : further(price[i]!, edge[t]!);
    }
  }
  const order = Uint32Array.from(Array.from({ length: n }, (_, i) => i).filter((i) => to[i]! >= 0)).sort(
    (a, b) => marks.notional[b]! - marks.notional[a]!,
  );
  return { marks, from, to, price, order };
}

/** Sums of realised liquidations near a point. */
export interface Realised {
  long: { usd: number; count: number };
  short: { usd: number; count: number };
  /** Whether the price of some of them is unknown. */
  unknown: boolean;
}

/**
 * Sum the marks near a point, as decided by `reaches`.
 *
 * @param reaches - whether mark `i` is near; called only for marks within `columns` columns of `column`
 */
export function realisedNear(
  placed: Placed,
  column: number,
  columns: number,
  reaches: (mark: number) => boolean,
): Realised | null {
  const { marks } = placed;
  const sums = { long: { usd: 0, count: 0 }, short: { usd: 0, count: 0 }, unknown: false };
  for (const i of placed.order) {
    if (placed.to[i]! < column - columns || placed.from[i]! > column + columns || !reaches(i)) continue;
    const side = marks.side[i] === 0 ? sums.long : sums.short;
    side.usd += marks.notional[i]!;
    side.count += marks.count[i]!;
    sums.unknown ||= Number.isNaN(marks.price[i]!);
  }
  return sums.long.count + sums.short.count > 0 ? sums : null;
}
