/** Realised liquidations as the browser holds them: marks, where they stand, and which are near a point. */

import type { Bars } from "./bars_and_ledger";
import type { Frame } from "./wire";

/** Sums of realised liquidations, by the time they came here. */
export interface Marks {
  revision: number;
  /** Half-open range of time that a mark sums over, ms since 1970 UTC. */
  time: Float64Array;
  until: Float64Array;
  /** 0: longs were liquidated, 1: shorts. */
  side: Uint8Array;
  /** USD; NaN where it is not known. */
  price: Float32Array;
  /** USD. */
  notional: Float32Array;
  /** Liquidations behind a mark, or rows of sums. */
  count: Uint32Array;
  /** Of the largest mark, USD. */
  most: number;
  /** Marks whose price is not known. */
  unknown: number;
  placed: number;
  longUsd: number;
  shortUsd: number;
  /** At times without a candle: not drawn. */
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

/** Marks with later ones added; what is said of all of them is what the later frame says. */
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

/** Where marks stand among columns; arrays as in `marks`. */
export interface Placed {
  marks: Marks;
  /** First and last column; -1 where no column is there. */
  from: Int32Array;
  to: Int32Array;
  /** The mark's own price, else the low (longs) or the high (shorts) of its columns, USD. */
  price: Float64Array;
  /** Marks, the largest first, so that small ones are drawn over it; those without a column are left out. */
  order: Uint32Array;
}

/** Last index of an ascending array whose value is at most `value`; -1 where there is none. */
export function lastAtMost(values: ArrayLike<number>, value: number): number {
  let low = 0;
  for (let high = values.length; low < high; ) {
    const middle = (low + high) >> 1;
    if (values[middle]! <= value) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

/** Put marks into columns. */
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

/** What is realised near a point. */
export interface Realised {
  long: { usd: number; count: number };
  short: { usd: number; count: number };
  /** Some of it has no known price. */
  unknown: boolean;
}

/**
 * Sum the marks of a column that `reaches` says are near a price, or those that are drawn over the point.
 *
 * @param reaches - whether mark `i` is near; asked only for marks of columns within `columns` of `column`
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
