import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { edgeOf } from "../../src/base/grid";
import { rowMap } from "../../src/base/row_map";

const anyGrid = fc.record({
  binSize: fc.constantFrom(1e-7, 0.25, 20, 500),
  first: fc.integer({ min: 0, max: 2000 }),
  rows: fc.integer({ min: 24, max: 3000 }),
});
const anyPane = fc.record({
  top: fc.double({ min: -1e4, max: 500, noNaN: true }),
  height: fc.double({ min: 10, max: 1e5, noNaN: true }),
});
const share = fc.double({ min: 0, max: 1, noNaN: true });
const anyAxis = fc.constantFrom("linear", "log");
/** What the chart adds to prices before it takes their logarithm. */
const shiftOf = (axis: string, binSize: number): number | null => (axis === "log" ? binSize * 1e-5 : null);

describe("a map of rows", () => {
  test("goes through both ends, and row undoes y", () => {
    fc.assert(
      fc.property(anyGrid, anyPane, anyAxis, share, (grid, { top, height }, axis, at) => {
        const map = rowMap(grid, top + height, top, shiftOf(axis, grid.binSize));
        expect(Math.abs(map.y(0) - (top + height))).toBeLessThan(1e-6 * height);
        expect(Math.abs(map.y(grid.rows) - top)).toBeLessThan(1e-6 * height);
        const row = at * grid.rows;
        expect(Math.abs(map.row(map.y(row)) - row)).toBeLessThan(1e-6 * (grid.first + grid.rows));
      }),
    );
  });

  test("puts higher rows higher, and its height is that of a row", () => {
    fc.assert(
      fc.property(anyGrid, anyPane, anyAxis, share, (grid, { top, height }, axis, at) => {
        const map = rowMap(grid, top + height, top, shiftOf(axis, grid.binSize));
        const row = 1 + Math.floor(at * (grid.rows - 2));
        const [below, own, above] = [row - 0.5, row, row + 0.5].map(map.y) as [number, number, number];
        expect(below).toBeGreaterThan(own);
        expect(own).toBeGreaterThan(above);
        const curved = axis === "log" ? 0.2 / (grid.first + row) ** 2 : 0; // of the logarithm's third derivative
        expect(Math.abs((below - above) / map.height(row) - 1)).toBeLessThan(curved + 1e-6);
      }),
    );
  });

  test("of a logarithmic axis has equal steps for equal factors of the price", () => {
    const grid = { binSize: 10, first: 0, rows: 1000 };
    const map = rowMap(grid, 500, 0, 1e-4);
    const steps = [10, 100, 1000].map((price) => map.y(price / 10) - map.y(price));
    for (const step of steps) expect(step / map.fold).toBeCloseTo(Math.log(10), 4);
    expect(map.y(0)).toBe(500);
    expect(map.y(-3)).toBe(500); // there is nothing below a price of 0
  });

  test("of a linear axis has rows of one height", () => {
    const map = rowMap({ binSize: 20, first: 7, rows: 50 }, 250, 0, null);
    expect([map.y(10), map.row(200), map.height(0), map.height(49), map.fold]).toEqual([200, 10, 5, 5, 0]);
    expect(edgeOf({ binSize: 20, first: 7, rows: 50 }, map.row(250))).toBe(140);
  });
});
