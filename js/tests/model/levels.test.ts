import { expect, test } from "vitest";
import type { Field } from "../../src/model/field";
import { levelsIn } from "../../src/model/levels";

/** Rows of 0.1 from 0.3 on; per column the standing USD, the row that holds the close, and its longs and shorts. */
const COLUMNS: [usd: number[], bin: number, long: number, short: number][] = [
  [[5, 0, 3, 4, 0], 2, 1, 2],
  [[4, 0, 2, 3, 8], 2, 2, 0],
  [[0, 0, 6, 2, 7], 3, 0, 2],
  [[0, 0, 5, 0, 6], 9, 0, 0],
];
const field = {
  grid: { binSize: 0.1, first: 3, rows: 5 },
  columns: 4,
  bars: { time: Float64Array.of(10, 20, 40, 50) },
  column: (t: number) => Float32Array.from(COLUMNS[t]![0]),
  sides: (t: number) => ({ bin: COLUMNS[t]![1], long: COLUMNS[t]![2], short: COLUMNS[t]![3], cut: null }),
} as unknown as Field;
const all = { time_from: 0, time_to: 99, price_low: 0, price_high: 9 };

test("a level is what stood last in a row, on its side then, with its first and last candle", () => {
  expect(levelsIn(field, all)).toEqual([
    { row: 0, long: 4, short: 0, first: 0, last: 1 }, // swept
    { row: 2, long: 5, short: 0, first: 0, last: 3 },
    { row: 3, long: 0, short: 2, first: 0, last: 2 }, // its last candle holds the close in it
    { row: 4, long: 6, short: 0, first: 1, last: 3 }, // was short
  ]);
});

test("the row of the close has both sides", () => {
  const first = levelsIn(field, { ...all, time_to: 10 });
  expect(first.map(({ row, long, short }) => [row, long, short])).toEqual([
    [0, 5, 0],
    [2, 1, 2],
    [3, 0, 4],
  ]);
});

test("both ends of a box belong to it: times of candles, centres of rows", () => {
  const rows = (box: object): number[] => levelsIn(field, { ...all, ...box }).map(({ row }) => row);
  expect(rows({ price_low: 0.35, price_high: 0.55 })).toEqual([0, 2]);
  expect(rows({ price_low: 0.36, price_high: 0.5499 })).toEqual([]);
  expect(rows({ time_from: 40, time_to: 40 })).toEqual([2, 3, 4]);
  expect(rows({ time_from: 41, time_to: 49 })).toEqual([]);
});
