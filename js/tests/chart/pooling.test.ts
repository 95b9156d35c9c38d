import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { pixelsOf, stepEdges } from "../../src/base/colour";
import { linesOf, paint, pooled, poolFor } from "../../src/chart/pooling";

const EDGES = stepEdges({ low: 1, high: 1000 }, "log");
const FLOATS = new Float32Array(EDGES.buffer);
const PIXELS = pixelsOf("plasma");
const STALE = 0x12345678;

const plainPixel = (value: number): number => PIXELS[FLOATS.filter((edge) => edge <= value).length]!;

/** The picture as its documentation defines it, cell by cell. */
function plainPaint(values: Float32Array, rows: number, block: number): Uint32Array {
  const columns = values.length / rows;
  const height = Math.ceil(rows / block);
  const most = new Float32Array(columns * height);
  for (let t = 0; t < columns; t++) {
    for (let row = 0; row < rows; row++) {
      const at = (height - 1 - Math.floor(row / block)) * columns + t;
      most[at] = Math.max(most[at]!, values[t * rows + row]!);
    }
  }
  return Uint32Array.from(most, plainPixel);
}

function painted(values: Float32Array, rows: number, block: number, shown = { from: 0, to: rows }): Uint32Array {
  const columns = values.length / rows;
  const lines = Math.ceil((shown.to - shown.from) / block);
  const out = new Uint32Array(columns * lines).fill(STALE);
  paint(values, rows, shown, block, EDGES, PIXELS, out);
  return out;
}

const anyBlock = fc.constantFrom(1, 2, 3, 6, 16);
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
  test("puts the first column on the left and the highest row at the top", () => {
    const pixels = painted(Float32Array.of(0, 1000, 50, 0), 2, 1);
    expect([...pixels]).toEqual([PIXELS[255], 0, 0, plainPixel(50)]);
  });

  test("equals the plain picture at every pooling, partial blocks included", () => {
    fc.assert(
      fc.property(anyPicture, anyBlock, ({ values, rows }, block) => {
        expect(painted(values, rows, block)).toEqual(plainPaint(values, rows, block));
      }),
      { numRuns: 300 },
    );
  });

  test("without pooling, every cell has the pixel of its own value", () => {
    fc.assert(
      fc.property(anyPicture, ({ values, rows, columns }) => {
        const out = painted(values, rows, 1);
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
        const height = Math.ceil(rows / size);
        const out = painted(values, rows, size);
        const line = height - 1 - Math.floor(band / size);
        expect([...out.subarray(line * columns, (line + 1) * columns)]).toEqual(new Array(columns).fill(PIXELS[255]));
        expect(out.filter((pixel) => pixel !== 0).length).toBe(columns);
      }
    }
  });

  test("a range of rows is the plain picture of only these rows", () => {
    fc.assert(
      fc.property(anyPicture, anyBlock, fc.nat(), fc.nat(), ({ values, rows, columns }, block, a, b) => {
        const from = a % rows;
        const to = from + 1 + (b % (rows - from));
        const part = new Float32Array(columns * (to - from));
        for (let t = 0; t < columns; t++) {
          part.set(values.subarray(t * rows + from, t * rows + to), t * (to - from));
        }
        expect(painted(values, rows, block, { from, to })).toEqual(plainPaint(part, to - from, block));
      }),
      { numRuns: 300 },
    );
  });

  test("reads a view at its offset in a buffer", () => {
    const values = Float32Array.of(1000, 1000, 5, 0, 1000).subarray(2, 4);
    expect([...painted(values, 2, 1)]).toEqual([0, plainPixel(5)]);
  });
});

describe("lines", () => {
  const anyRows = fc.record({ from: fc.nat(400), more: fc.integer({ min: 1, max: 400 }) });
  const plain = ({ from, more }: { from: number; more: number }, block: number) => ({
    from: from - (from % block),
    to: from + more,
  });

  test("of a linear axis have one height, but for the last", () => {
    expect([...linesOf({ from: 6, to: 13 }, 3, 99, 0)]).toEqual([6, 9, 12, 13]);
    expect([...linesOf({ from: 6, to: 9 }, 1, 99, 0)]).toEqual([6, 7, 8, 9]);
  });

  test("of a logarithmic axis are whole rows, at least a pixel high and not twice as many as that takes", () => {
    fc.assert(
      fc.property(anyRows, anyBlock, fc.nat(3000), fc.integer({ min: 2, max: 5000 }), (rows, block, first, fold) => {
        const { from, to } = plain(rows, block);
        const lines = linesOf({ from, to }, block, first, fold);
        expect([lines[0], lines.at(-1)]).toEqual([from, to]);
        const height = (a: number, b: number): number => fold * Math.log((first + b) / (first + a));
        for (let i = 1; i < lines.length - 2; i++) {
          const [a, b] = [lines[i]!, lines[i + 1]!];
          expect((b - a) % block).toBe(0);
          expect(height(a, b)).toBeGreaterThanOrEqual(0.999);
          if (b - a > block) expect(height(a, a + (b - a) / 2)).toBeLessThan(1.6);
        }
      }),
    );
  });

  test("stay where they are while panning", () => {
    fc.assert(
      fc.property(anyRows, fc.nat(50), fc.integer({ min: 2, max: 5000 }), ({ from, more }, first, fold) => {
        const all = linesOf({ from: 0, to: 1000 }, 1, first, fold);
        const part = linesOf({ from, to: from + more }, 1, first, fold);
        expect([...part.subarray(1, -1)]).toEqual([...all].filter((row) => row > from && row < from + more));
      }),
    );
  });

  test("are the brightest of their rows", () => {
    const values = Float32Array.of(0, 50, 1000, 0, 5, 0, 9, 8, 7, 6, 5, 4);
    expect([...pooled(values, 6, Int32Array.of(1, 2, 4, 6))]).toEqual([50, 1000, 5, 8, 7, 5]);
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
    [17, 24],
    [250.5, 256],
    [1000.5, 1001],
  ])("%d cells a pixel: %i", (cells, pool) => expect(poolFor(cells)).toBe(pool));
});
