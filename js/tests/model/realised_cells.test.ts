import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Marks, Placed } from "../../src/frames/marks";
import type { Field } from "../../src/model/field";
import { RealisedCells, usdByCell } from "../../src/model/realised_cells";

const COLUMNS = 40;
const grid = { binSize: 10, first: 5, rows: 8 };
/** What RealisedCells reads of a field. */
const fieldOf = (brightest = 100, size = grid): Field =>
  ({ grid: size, columns: COLUMNS, brightest }) as unknown as Field;

/** Marks of [first column, last column, price, USD], placed. */
function placed(...rows: [number, number, number, number][]): Placed {
  const column = (i: number) => rows.map((row) => row[i]!);
  return {
    marks: { price: Float32Array.from(column(2)), notional: Float32Array.from(column(3)) } as Marks,
    from: Int32Array.from(column(0)),
    to: Int32Array.from(column(1)),
    price: Float64Array.from(column(2)),
    order: Uint32Array.from(rows, (_, i) => i),
  };
}

const anyMark = fc
  .record({
    from: fc.integer({ min: 0, max: COLUMNS - 1 }),
    more: fc.integer({ min: 0, max: 3 }),
    price: fc.oneof(fc.constant(Number.NaN), fc.integer({ min: 30, max: 150 })),
    usd: fc.integer({ min: 1, max: 1000 }),
  })
  .map(({ from, more, price, usd }): [number, number, number, number] => [
    from,
    Math.min(from + more, COLUMNS - 1),
    price,
    usd,
  ]);

describe("cells of realised liquidations", () => {
  test("hold the USD of marks with a price, in the estimate's bins", () => {
    const marks = placed([3, 3, 50, 7], [3, 3, 59.5, 1], [3, 3, 60, 2], [4, 5, 129, 8], [6, 6, Number.NaN, 9]);
    expect(Object.fromEntries(usdByCell(marks, grid))).toEqual({
      [3 * 8]: 8,
      [3 * 8 + 1]: 2,
      [4 * 8 + 7]: 4,
      [5 * 8 + 7]: 4,
    });
    expect(usdByCell(placed([0, 0, 49, 1], [0, 0, 130, 1]), grid).size).toBe(0); // beyond the bins
  });

  test("are sampled as by hand: each pixel shows the brightest candle that it covers", () => {
    const view = fc.record({
      from: fc.integer({ min: -20, max: 30 }),
      width: fc.integer({ min: 1, max: 60 }),
      step: fc.constantFrom(1, 2, 3, 8),
      bottom: fc.integer({ min: 0, max: 6 }),
      bins: fc.integer({ min: 1, max: 8 }),
      block: fc.constantFrom(1, 1, 2, 3),
    });
    fc.assert(
      fc.property(
        fc.array(anyMark, { maxLength: 30 }),
        fc.array(view, { minLength: 1, maxLength: 4 }),
        (rows, views) => {
          const marks = placed(...rows);
          const usd = usdByCell(marks, grid);
          const cells = new RealisedCells().show(marks, fieldOf());
          for (const { from, width, step: asked, bottom, bins, block } of views) {
            if (from + width <= 0) continue;
            const part = { from: bottom, to: Math.min(bottom + bins, grid.rows) };
            const sample = cells.sample({ from, to: from + width, step: asked, bins: part, block });
            expect(sample.from).toBeLessThanOrEqual(Math.max(from, 0));
            expect(sample.from + sample.count * sample.step).toBeGreaterThanOrEqual(Math.min(from + width, COLUMNS));
            const height = Math.ceil((sample.bins.to - sample.bins.from) / block);
            expect(sample.values).toHaveLength(sample.count * height);
            sample.values.forEach((value, i) => {
              const bin = sample.bins.from + (i % height) * block;
              const end = Math.min(bin + block, sample.bins.to);
              const first = sample.from + Math.floor(i / height) * sample.step;
              const cells = [];
              for (let t = first; t < first + sample.step; t++)
                for (let b = bin; b < end; b++) cells.push(usd.get(t * grid.rows + b) ?? 0);
              expect(value).toBe(Math.fround(Math.max(...cells)));
            });
          }
        },
      ),
    );
  });

  test("have a new revision whenever a pixel may change, and no other time", () => {
    const cells = new RealisedCells();
    const marks = placed([3, 3, 50, 7]);
    const view = { from: 0, to: COLUMNS, step: 1, bins: { from: 0, to: 8 }, block: 1 };
    const revision = (): number => cells.sample(view).revision;
    const field = fieldOf();
    const revisions = [100, 100, 5].map((brightest) => {
      Object.assign(field, { brightest });
      cells.show(marks, field);
      return revision();
    });
    expect(revisions[1]).toBe(revisions[0]);
    expect(revisions[2]).toBeGreaterThan(revisions[1]!);
    expect(cells.brightest).toBe(5);
    cells.show(placed([3, 3, 60, 7]), field);
    expect(revision()).toBeGreaterThan(revisions[2]!);
    expect([...cells.sample(view).values].indexOf(7)).toBe(3 * 8 + 1);
    const before = revision();
    cells.show(placed([3, 3, 60, 7]), fieldOf(100, { ...grid, binSize: 20, first: 2, rows: 4 }));
    expect(cells.sample({ ...view, bins: { from: 0, to: 4 } }).revision).toBeGreaterThan(before);
  });
});
