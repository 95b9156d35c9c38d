import { describe, expect, test } from "vitest";
import { barsOf } from "../../src/frames/bars_and_ledger";
import { joinMarks, type Marks, marksOf, marksUntil, placeMarks, realisedNear } from "../../src/frames/marks";
import { decodeFrame } from "../../src/frames/wire";
import { bytesOf } from "../golden";

const HOUR = 3_600_000;

/** Marks from [first hour, hours, side, price, usd], of one liquidation each. */
function marks(...rows: [number, number, number, number, number][]): Marks {
  const column = (i: number) => rows.map((row) => row[i]!);
  return {
    revision: 1,
    time: Float64Array.from(column(0), (t) => t * HOUR),
    until: Float64Array.from(rows, ([t, hours]) => (t + hours) * HOUR),
    side: Uint8Array.from(column(2)),
    price: Float32Array.from(column(3)),
    notional: Float32Array.from(column(4)),
    count: new Uint32Array(rows.length).fill(1),
    most: Math.max(...column(4)),
    unknown: column(3).filter(Number.isNaN).length,
    placed: rows.length,
    longUsd: 0,
    shortUsd: 0,
    outside: 0,
    outsideUsd: 0,
  };
}

/** Candles at these hours; lows fall from 90, highs rise from 110. */
const bars = (...hours: number[]) => ({
  time: Float64Array.from(hours, (t) => t * HOUR),
  low: Float64Array.from(hours, (_, i) => 90 - i),
  high: Float64Array.from(hours, (_, i) => 110 + i),
});

describe("golden marks", () => {
  test("are those of the frame, and live ones join them", async () => {
    const first = marksOf(await decodeFrame(bytesOf("events")));
    const later = marksOf(await decodeFrame(bytesOf("events_tail")));
    expect([first.revision, first.placed, first.outside, first.unknown]).toEqual([1, 8, 2, 4]);
    expect(first.most).toBe(40_000);
    const both = joinMarks(first, later);
    expect(both.time.length).toBe(first.time.length + later.time.length);
    expect([...both.notional].reduce((a, b) => a + b, 0)).toBeCloseTo(both.longUsd + both.shortUsd, 1);
    expect([both.revision, both.placed, both.most, both.unknown]).toEqual([2, 9, 40_000, 4]);
    expect([...both.count].reduce((a, b) => a + b, 0)).toBe(9);
  });

  test("are placed in the golden candles", async () => {
    const first = marksOf(await decodeFrame(bytesOf("events")));
    const golden = barsOf(await decodeFrame(bytesOf("bars")));
    const placed = placeMarks(first, golden);
    expect(placed.order.length).toBe(first.time.length);
    for (const i of placed.order) {
      expect(golden.time[placed.from[i]!]).toBe(first.time[i]);
      const known = !Number.isNaN(first.price[i]!);
      const low = Math.min(...golden.low.subarray(placed.from[i]!, placed.to[i]! + 1));
      const high = Math.max(...golden.high.subarray(placed.from[i]!, placed.to[i]! + 1));
      expect(placed.price[i]).toBe(known ? first.price[i] : first.side[i] === 0 ? low : high);
    }
  });
});

describe("places", () => {
  test("a known price is kept; without a price, longs are at the low and shorts at the high", () => {
    const placed = placeMarks(
      marks([0, 1, 0, 100.5, 1], [1, 1, 0, Number.NaN, 1], [1, 2, 0, Number.NaN, 1], [0, 3, 1, Number.NaN, 1]),
      bars(0, 1, 2, 3),
    );
    expect([...placed.price]).toEqual([100.5, 89, 88, 112]);
    expect([...placed.from]).toEqual([0, 1, 1, 0]);
    expect([...placed.to]).toEqual([0, 1, 2, 2]);
  });

  test("a sum over times without candles covers the candles that exist", () => {
    const placed = placeMarks(marks([0, 6, 0, Number.NaN, 1], [3, 3, 1, Number.NaN, 1]), bars(1, 2, 5, 6));
    expect([...placed.from]).toEqual([0, 1]);
    expect([...placed.to]).toEqual([2, 2]);
    expect([...placed.price]).toEqual([88, 112]);
  });

  test("marks that end before the first candle are not drawn", () => {
    expect([...placeMarks(marks([0, 1, 0, 100, 1], [5, 1, 0, 100, 2]), bars(3, 4, 5)).order]).toEqual([1]);
    expect([...placeMarks(marks([0, 1, 0, 100, 1]), bars()).order]).toEqual([]);
  });

  test("the largest is drawn first", () => {
    const placed = placeMarks(marks([0, 1, 0, 100, 5], [0, 1, 1, 101, 50], [1, 1, 0, 102, 20]), bars(0, 1));
    expect([...placed.order]).toEqual([1, 2, 0]);
  });
});

describe("liquidations near a point", () => {
  const placed = placeMarks(
    marks([0, 1, 0, 100, 5], [1, 1, 0, 100, 50], [1, 1, 1, 101, 7], [2, 1, 0, 100, 20], [1, 2, 1, Number.NaN, 3]),
    bars(0, 1, 2),
  );

  test("are summed by side over the given columns", () => {
    expect(realisedNear(placed, 1, 0, () => true)).toEqual({
      long: { usd: 50, count: 1 },
      short: { usd: 10, count: 2 },
      unknown: true,
    });
    expect(realisedNear(placed, 1, 1, (i) => i !== 4)).toEqual({
      long: { usd: 75, count: 3 },
      short: { usd: 7, count: 1 },
      unknown: false,
    });
  });

  test("are none where none are near", () => {
    expect(realisedNear(placed, 1, 1, () => false)).toBeNull();
    expect(realisedNear(placed, 7, 1, () => true)).toBeNull();
  });
});

describe("marks of a replay", () => {
  const all = marks([1, 1, 0, 95, 100], [2, 1, 1, 104, 50], [2, 3, 0, Number.NaN, 400], [4, 1, 1, 103, 7]);

  test("are those that were complete by then, with their own totals", () => {
    const cut = marksUntil(all, 3 * HOUR);
    expect([...cut.notional]).toEqual([100, 50]);
    expect(cut).toMatchObject({ most: 100, unknown: 0, placed: 2, longUsd: 100, shortUsd: 50, outside: 0 });
    expect(marksUntil(all, 5 * HOUR)).toMatchObject({ most: 400, unknown: 1, placed: 4, longUsd: 500, shortUsd: 57 });
    expect(marksUntil(all, HOUR)).toMatchObject({ most: 0, unknown: 0, placed: 0, longUsd: 0, shortUsd: 0 });
  });
});
