import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  type Bars,
  barsOf,
  cellOf,
  edgeOf,
  type Ledger,
  ledgerOf,
  spliceBars,
  spliceLedger,
} from "../../src/frames/bars_and_ledger";
import { positionsOf } from "../../src/frames/positions";
import { decodeFrame } from "../../src/frames/wire";
import { coarser, coarserSizes, factorOf, MergedField, mergedPositions, onGrid, rowIn } from "../../src/model/coarser";
import { Field } from "../../src/model/field";
import { bytesOf, expected } from "../golden";
import { distance, FLOAT32 } from "../plain";

const MIX = { 3: 40, 10: 30, 25: 20, 100: 10 };
const golden = async (name = "ledger"): Promise<{ bars: Bars; ledger: Ledger }> => ({
  bars: barsOf(await decodeFrame(bytesOf(name === "ledger_after" ? "bars_after" : "bars"))),
  ledger: ledgerOf(await decodeFrame(bytesOf(name))),
});
const mixOf = (ledger: Ledger, weights: number[]): Record<string, number> =>
  Object.fromEntries(ledger.leverage.map((tier, i) => [tier, weights[i]!]));
const sum = (values: Iterable<number>): number => [...values].reduce((a, b) => a + b, 0);

describe.each(Object.entries(expected.coarser))("%s in coarser rows", (name, { factor, first, rows, densities }) => {
  test.each(densities)("is what Python adds up, %#", async ({ weights, decay_rate, values }) => {
    const { bars, ledger } = await golden(name);
    const field = new MergedField(bars, ledger, factor, mixOf(ledger, weights), decay_rate);
    expect(field.ledger).toMatchObject({ binSize: ledger.binSize * factor, first, rows });
    expect(distance(field.values, values, 1)).toBeLessThan(FLOAT32);
    expect(field.brightest).toBe(Math.max(...field.values));
  });

  test("keeps every column's total, whatever the factor", async () => {
    const { bars, ledger } = await golden(name);
    const fine = new Field(bars, ledger, MIX, 0.04);
    for (const by of [1, 2, 3, 7, 100]) {
      const field = new MergedField(bars, ledger, by, MIX, 0.04);
      for (let t = 0; t < ledger.columns; t++) {
        const total = sum(fine.column(t));
        expect(Math.abs(sum(field.column(t)) - total)).toBeLessThanOrEqual(total * 1e-6);
      }
    }
  });
});

test("each coarser row reaches over exactly the finer rows that are added up", () => {
  const grids = fc.record({
    first: fc.integer({ min: -500, max: 5000 }),
    rows: fc.integer({ min: 1, max: 400 }),
    factor: fc.integer({ min: 1, max: 60 }),
  });
  fc.assert(
    fc.property(grids, ({ first, rows, factor }) => {
      const grid = coarser({ first, rows }, factor);
      const places = Array.from({ length: rows }, (_, row) => rowIn(grid, first, row));
      expect([places[0], places[rows - 1]]).toEqual([0, grid.rows - 1]);
      for (const [row, place] of places.entries()) {
        expect(first + row).toBeGreaterThanOrEqual((grid.first + place) * factor);
        expect(first + row + 1).toBeLessThanOrEqual((grid.first + place + 1) * factor);
      }
    }),
  );
});

test("a cell is the sum of its finer cells, and its age their mean", async () => {
  const { bars, ledger } = await golden();
  const factor = 5;
  const field = new MergedField(bars, ledger, factor, MIX, 0.03);
  const grid = coarser(ledger, factor);
  let seen = 0;
  for (const t of [0, 7, ledger.columns - 1]) {
    for (let row = 0; row < field.ledger.rows; row++) {
      const fine = Array.from({ length: ledger.rows }, (_, r) => r).filter((r) => rowIn(grid, ledger.first, r) === row);
      const cells = fine.map((r) => cellOf(ledger, field.weights, 0.03, t, r));
      const total = sum(cells.map((cell) => cell.total));
      const cell = field.cell(t, row);
      expect(cell.total).toBeCloseTo(total, 6);
      expect(field.column(t)[row]!).toBeCloseTo(total, -1);
      expect(sum(cell.byTier)).toBeCloseTo(total, 6);
      if (total === 0) continue;
      seen++;
      expect(cell.age).toBeCloseTo(sum(cells.map((part) => (part.total * part.age) / total)), 6);
    }
  }
  expect(seen).toBeGreaterThan(5);
});

test("sweeps are marked where the centre of the coarser row was swept", async () => {
  const { ledger } = await golden();
  const grid = coarser(ledger, 5);
  const { sweep, rows, ...merged } = onGrid(ledger, grid);
  for (let t = 0; t < ledger.columns; t++) {
    const [a, b] = [ledger.sweep[2 * t]!, ledger.sweep[2 * t + 1]!];
    const [low, high] = [edgeOf(ledger, a), edgeOf(ledger, b)];
    for (let row = 0; row < rows; row++) {
      const centre = edgeOf({ ...ledger, ...merged, rows, sweep }, row + 0.5);
      const inside = a < b && centre >= low && centre <= high;
      expect(sweep[2 * t]! <= row && row < sweep[2 * t + 1]!).toBe(inside);
    }
  }
});

test("settings are taken on, and columns that come later", async () => {
  const { bars, ledger } = await golden();
  const field = new MergedField(bars, ledger, 3, MIX, 0.1);
  const before = field.values.slice();
  expect(field.tune({ 100: 1 }, 0)).toBe(true);
  expect(field.values).not.toEqual(before);
  expect(field.values).toEqual(new MergedField(bars, ledger, 3, { 100: 1 }, 0).values);
  const tail = await decodeFrame(bytesOf("tail"));
  const from = tail.meta.from as number;
  const longer = spliceLedger(ledger, ledgerOf(tail), from);
  field.splice(spliceBars(bars, barsOf(tail), from), longer, from);
  expect(field.values).toEqual(new MergedField(field.bars, longer, 3, { 100: 1 }, 0).values);
});

test("sizes on offer are whole multiples, the ledger's own first", () => {
  const sizes = coarserSizes({ binSize: 0.1, rows: 500 });
  expect(sizes.slice(0, 4)).toEqual([0.1, 0.2, 0.3, 0.4]);
  expect(sizes.at(-1)).toBe(2);
  expect(coarserSizes({ binSize: 50, rows: 20 })).toEqual([50]);
  for (const size of sizes) expect(factorOf(0.1, size)).toBe(Math.round(size * 10));
});

test.each([25, 0, -50, 75, 124.99, Number.NaN])("no whole number of rows of 50 makes %d", (wanted) => {
  expect(factorOf(50, wanted)).toBeNull();
});

test("positions are added up on the same rows", async () => {
  const positions = positionsOf(await decodeFrame(bytesOf("positions")));
  const merged = mergedPositions(positions, 20);
  expect(sum(merged.usd)).toBeCloseTo(sum(positions.usd), 6);
  expect(merged.row.length).toBeLessThan(positions.row.length);
  const grid = coarser({ first: positions.first, rows: 24 }, 20);
  for (const [i, row] of positions.row.entries()) {
    const place = merged.row.indexOf(rowIn(grid, positions.first, row));
    expect(merged.usd[place]).toBeGreaterThanOrEqual(positions.usd[i]!);
  }
  expect(merged).toMatchObject({ binSize: positions.binSize * 20, first: grid.first, label: positions.label });
});
