import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { pixelsOf, stepEdges } from "../../src/base/colour";
import { type Pooling, paint, poolFor } from "../../src/chart/pooling";

const EDGES = stepEdges({ low: 1, high: 1000 }, "log");
const FLOATS = new Float32Array(EDGES.buffer);
const PIXELS = pixelsOf("plasma");
const STALE = 0x12345678;

const plainPixel = (value: number): number => PIXELS[FLOATS.filter((edge) => edge <= value).length]!;

/** The picture by the words of its contract, cell by cell. */
function plainPaint(values: Float32Array, rows: number, pool: Pooling): Uint32Array {
  const columns = values.length / rows;
  const width = Math.ceil(columns / pool.columns);
  const height = Math.ceil(rows / pool.rows);
  const most = new Float32Array(width * height);
  for (let t = 0; t < columns; t++) {
    for (let row = 0; row < rows; row++) {
      const at = (height - 1 - Math.floor(row / pool.rows)) * width + Math.floor(t / pool.columns);
      most[at] = Math.max(most[at]!, values[t * rows + row]!);
    }
  }
  return Uint32Array.from(most, plainPixel);
}

function painted(values: Float32Array, rows: number, pool: Pooling, shown = { from: 0, to: rows }): Uint32Array {
  const columns = values.length / rows;
  const lines = Math.ceil((shown.to - shown.from) / pool.rows);
  const out = new Uint32Array(Math.ceil(columns / pool.columns) * lines).fill(STALE);
  paint(values, rows, shown, pool, EDGES, PIXELS, out);
  return out;
}

const anyPool = fc.record({ columns: fc.constantFrom(1, 2, 3, 6, 16), rows: fc.constantFrom(1, 2, 3, 6, 16) });
const anyValue = fc.oneof(fc.constant(0), fc.float({ min: 0, max: 2000, noNaN: true }), fc.constantFrom(...FLOATS));
const anyPicture = fc
  .record({ rows: fc.integer({ min: 1, max: 20 }), columns: fc.integer({ min: 1, max: 20 }) })
  .chain(({ rows, columns }) =>
    fc.record({
      rows: fc.constant(rows),
      columns: fc.constant(columns),
      values: fc
        .array(anyValue, { minLength: rows * columns, maxLength: rows * columns })
        .map((all) => Float32Array.from(all, Math.abs)),
    }),
  );

describe("paint", () => {
  test("puts the first column left and the highest row on top", () => {
    const pixels = painted(Float32Array.of(0, 1000, 50, 0), 2, { columns: 1, rows: 1 });
    expect([...pixels]).toEqual([PIXELS[255], 0, 0, plainPixel(50)]);
  });

  test("equals the plain picture at every pooling, partial blocks included", () => {
    fc.assert(
      fc.property(anyPicture, anyPool, ({ values, rows }, pool) => {
        expect(painted(values, rows, pool)).toEqual(plainPaint(values, rows, pool));
      }),
      { numRuns: 300 },
    );
  });

  test("one to one, every cell has the pixel of its own value", () => {
    fc.assert(
      fc.property(anyPicture, ({ values, rows, columns }) => {
        const out = painted(values, rows, { columns: 1, rows: 1 });
        for (let t = 0; t < columns; t++) {
          for (let r = 0; r < rows; r++)
            expect(out[(rows - 1 - r) * columns + t]).toBe(plainPixel(values[t * rows + r]!));
        }
      }),
    );
  });

  test("a band of one row survives every pooling", () => {
    const [rows, columns] = [37, 21];
    for (const size of [1, 2, 4, 8, 16]) {
      for (let band = 0; band < rows; band++) {
        const values = new Float32Array(rows * columns);
        for (let t = 0; t < columns; t++) values[t * rows + band] = 1000;
        const width = Math.ceil(columns / size);
        const height = Math.ceil(rows / size);
        const out = painted(values, rows, { columns: size, rows: size });
        const line = height - 1 - Math.floor(band / size);
        expect([...out.subarray(line * width, (line + 1) * width)]).toEqual(new Array(width).fill(PIXELS[255]));
        expect(out.filter((pixel) => pixel !== 0).length).toBe(width);
      }
    }
  });

  test("a part of the rows is the plain picture of these rows alone", () => {
    fc.assert(
      fc.property(anyPicture, anyPool, fc.nat(), fc.nat(), ({ values, rows, columns }, pool, a, b) => {
        const from = a % rows;
        const to = from + 1 + (b % (rows - from));
        const part = new Float32Array(columns * (to - from));
        for (let t = 0; t < columns; t++) {
          part.set(values.subarray(t * rows + from, t * rows + to), t * (to - from));
        }
        expect(painted(values, rows, pool, { from, to })).toEqual(plainPaint(part, to - from, pool));
      }),
      { numRuns: 300 },
    );
  });

  test("reads a view at its place in a buffer", () => {
    const values = Float32Array.of(1000, 1000, 5, 0, 1000).subarray(2, 4);
    expect([...painted(values, 2, { columns: 1, rows: 1 })]).toEqual([0, plainPixel(5)]);
  });
});

describe("poolFor", () => {
  test.each([
    [0.01, 1],
    [1, 1],
    [1.01, 2],
    [2, 2],
    [2.4, 3],
    [3, 3],
    [4.5, 6],
    [16, 16],
    [1000, 16],
  ])("%d cells a pixel: %i", (cells, pool) => expect(poolFor(cells)).toBe(pool));
});
