/** The levels inside a box of times and prices: what stood last in each of its price rows, on either side. */

import { edgesOf } from "../base/grid";
import type { Field } from "./field";

/** Times and prices, both ends included. */
export interface TimesAndPrices {
  time_from: number;
  time_to: number;
  price_low: number;
  price_high: number;
}

/** A price row of a box in which something stood. */
export interface Level {
  /** Row of the field's grid. */
  row: number;
  /** USD that stood there at the close of `last`. */
  long: number;
  short: number;
  /** First and last column of the box at whose close something stood there. */
  first: number;
  last: number;
}

/** The levels of a box by rising price. Twin of tables.levels_in. */
export function levelsIn(field: Field, box: TimesAndPrices): Level[] {
  const steps = levelSteps(field, box);
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
  }
}

/** The same with a pause after each candle, because many candles take long: each is replayed. */
export function* levelSteps(field: Field, box: TimesAndPrices): Generator<void, Level[]> {
  const found: (Level | undefined)[] = [];
  const rows = rowsIn(field, box);
  for (const t of columnsIn(field, box)) {
    const values = field.column(t);
    const sides = field.sides(t);
    for (const row of rows) {
      const middle = row === sides.bin;
      const long = middle ? sides.long : row < sides.bin ? values[row]! : 0;
      const short = middle ? sides.short : row > sides.bin ? values[row]! : 0;
      if (long === 0 && short === 0) continue;
      found[row] = { row, long, short, first: found[row]?.first ?? t, last: t };
    }
    yield;
  }
  return found.filter((level): level is Level => level !== undefined);
}

/** Columns that open inside a box. */
export function columnsIn({ bars, columns }: Field, box: TimesAndPrices): number[] {
  const all = Array.from({ length: columns }, (_, t) => t);
  return all.filter((t) => bars.time[t]! >= box.time_from && bars.time[t]! <= box.time_to);
}

/** Rows whose centres lie inside a box. */
export function rowsIn({ grid }: Field, box: TimesAndPrices): number[] {
  const edges = edgesOf(grid);
  const centre = (row: number): number => (edges[row]! + edges[row + 1]!) / 2;
  const all = Array.from({ length: grid.rows }, (_, row) => row);
  return all.filter((row) => centre(row) >= box.price_low && centre(row) <= box.price_high);
}
