import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { coarser, edgeOf, factorOf, type Grid, rowOf, sizesOf } from "../../src/base/grid";

describe("rows of prices", () => {
  const on = (binSize: number, first: number): Grid => ({ binSize, first, rows: 1 });

  // [bin size, tick], both in units of 10 ** -decimals
  const grids: [string, number, number][] = [
    ["0.01", 1, 2],
    ["0.05", 5, 2],
    ["0.1", 10, 2],
    ["0.5", 50, 2],
    ["1", 100, 2],
    ["2.5", 250, 2],
    ["10", 1000, 2],
    ["50", 5000, 2],
    ["250", 25_000, 2],
  ];
  test.each(grids)(
    "bin size %s: every tick-aligned price is in the row of its exact quotient",
    (name, ticks, decimals) => {
      const grid = on(Number(name), 40);
      fc.assert(
        fc.property(fc.integer({ min: 1, max: 20_000_000 }), (hundredths) => {
          const price = Number(`${hundredths}e-${decimals}`);
          expect(rowOf(grid, price)).toBe(Math.floor(hundredths / ticks) - 40);
        }),
        { numRuns: 3000 },
      );
    },
  );

  test.each(grids)("bin size %s: every edge belongs to the row above it", (name, ticks, decimals) => {
    const grid = on(Number(name), 7);
    for (let edge = 8; edge < 3000; edge++) {
      expect(rowOf(grid, Number(`${edge * ticks}e-${decimals}`))).toBe(edge - 7);
      expect(rowOf(grid, edgeOf(grid, edge - 7))).toBe(edge - 7);
    }
  });

  test("a plain floor would get some of them wrong", () => {
    expect(Math.floor(0.3 / 0.1)).toBe(2);
    expect(rowOf(on(0.1, 0), 0.3)).toBe(3);
  });

  test("prices off the grid are outside [0, rows)", () => {
    expect(rowOf(on(10, 5), 49.99)).toBe(-1);
    expect(rowOf(on(10, 5), 50)).toBe(0);
  });
});

describe("bin sizes", () => {
  const rows: Grid = { binSize: 0.2, first: 317, rows: 600 };

  test("on offer are 1, 2, 5, 10 ... rows, as long as 24 bins are left", () => {
    expect(sizesOf(rows)).toEqual([0.2, 0.4, 1, 2, 4]);
    expect(sizesOf({ ...rows, rows: 20 })).toEqual([0.2]);
  });

  test.each([
    [0.2, 1],
    [0.6, 3],
    [7.4, 37],
    [0.5, 2],
    [0.01, 1],
    [3.1, 20],
    [63.05, 20],
    [1e9, 5e9],
    [0, 1],
    [-1, 1],
    [Number.NaN, 1],
  ])("%d USD is %i rows: whole rows as they are, else the nearest size on offer", (size, factor) =>
    expect(factorOf(rows, size)).toBe(factor),
  );

  test("of any number of rows start at multiples of their size", () => {
    const number = (min: number, max: number) => fc.integer({ min, max });
    fc.assert(
      fc.property(number(0, 500), number(1, 400), number(1, 60), (first, count, factor) => {
        const grid = coarser({ binSize: 0.1, first, rows: count }, factor);
        expect(grid.first * factor).toBeLessThanOrEqual(first);
        expect((grid.first + 1) * factor).toBeGreaterThan(first);
        expect((grid.first + grid.rows) * factor).toBeGreaterThanOrEqual(first + count);
        expect((grid.first + grid.rows - 1) * factor).toBeLessThan(first + count);
      }),
    );
  });
});
