import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  FLOOR,
  PALETTES,
  paletteOf,
  pixelsOf,
  positionOf,
  SCALES,
  type Span,
  STEPS,
  spanOf,
  stepEdges,
  stepTable,
  valueAt,
} from "../../src/base/colour";

const anySpan: fc.Arbitrary<Span> = fc
  .tuple(
    fc.double({ min: 1e-3, max: 1e12, noNaN: true }),
    fc.double({ min: 0, max: 1, noNaN: true }),
    fc.double({ min: 0, max: 1, noNaN: true }),
  )
  .map(([brightest, a, b]) => spanOf(brightest, [Math.min(a, b), Math.max(a, b)]));
const anyScale = fc.constantFrom(...SCALES);
const bitsOf = (value: number): number => new Uint32Array(Float32Array.of(value).buffer)[0]!;

describe("palettes", () => {
  const ends = {
    plasma: ["1d0c45", "f4ef45"],
    viridis: ["2a0a45", "fde725"],
    cividis: ["00204c", "fee838"],
    inferno: ["0c0826", "fcffa4"],
    greys: ["1b1a22", "e9e8ee"],
  };
  const hex = (rgb: Uint8Array): string => Buffer.from(rgb).toString("hex");

  test.each([...PALETTES, "greys"] as const)("%s runs from its first to its last anchor, ever brighter", (name) => {
    const colours = paletteOf(name);
    expect(colours.length).toBe(255 * 3);
    expect([hex(colours.subarray(0, 3)), hex(colours.subarray(-3))]).toEqual(ends[name]);
    const light = Array.from(
      { length: 255 },
      (_, i) => 0.2126 * colours[3 * i]! + 0.7152 * colours[3 * i + 1]! + 0.0722 * colours[3 * i + 2]!,
    );
    for (let i = 16; i < 255; i++) expect(light[i]!, `${name} ${i}`).toBeGreaterThan(light[i - 16]!);
  });

  test.each([...PALETTES, "greys"] as const)(
    "%s as pixels: step 0 is clear, the others are opaque and the same colours",
    (name) => {
      const colours = paletteOf(name);
      const bytes = new Uint8Array(pixelsOf(name).buffer);
      expect(bytes.length).toBe(STEPS * 4);
      expect([...bytes.subarray(0, 4)]).toEqual([0, 0, 0, 0]);
      for (let s = 1; s < STEPS; s++) {
        expect([...bytes.subarray(4 * s, 4 * s + 4)]).toEqual([...colours.subarray(3 * s - 3, 3 * s), 255]);
      }
    },
  );
});

describe("the span of a threshold", () => {
  test("is the shares of the brightest cell, never below the floor, never empty", () => {
    expect(spanOf(200, [0.1, 0.5])).toEqual({ low: 20, high: 100 });
    expect(spanOf(200, [0, 1])).toEqual({ low: 200 * FLOOR, high: 200 });
    fc.assert(fc.property(anySpan, ({ low, high }) => low > 0 && high > low));
  });
});

describe("scales", () => {
  test("run from 0 to 1, rising", () => {
    fc.assert(
      fc.property(
        anySpan,
        anyScale,
        fc.double({ min: 0, max: 2, noNaN: true }),
        fc.double({ min: 0, max: 2, noNaN: true }),
        (span, scale, a, b) => {
          expect(positionOf(span.low, span, scale)).toBeCloseTo(0, 12);
          expect(positionOf(span.high, span, scale)).toBeCloseTo(1, 9);
          const [x, y] = [Math.min(a, b) * span.high, Math.max(a, b) * span.high];
          const [p, q] = [positionOf(x, span, scale), positionOf(y, span, scale)];
          expect(p >= 0 && p <= q && q <= 1).toBe(true);
        },
      ),
    );
  });

  test("differ: half way up, sqrt is above linear, and log above both on a wide span", () => {
    const span = { low: 1, high: 1001 };
    expect(positionOf(501, span, "linear")).toBe(0.5);
    expect(positionOf(501, span, "sqrt")).toBe(Math.SQRT1_2);
    expect(positionOf(Math.sqrt(1001), span, "log")).toBeCloseTo(0.5, 12);
  });

  test("positionOf and valueAt are each other's inverse", () => {
    const wide = anySpan.filter(({ low, high }) => high > low * 1.01); // narrower spans lose digits to cancellation
    fc.assert(
      fc.property(wide, anyScale, fc.double({ min: 0.001, max: 1, noNaN: true }), (span, scale, position) => {
        expect(positionOf(valueAt(position, span, scale), span, scale)).toBeCloseTo(position, 8);
        const value = span.low + (span.high - span.low) * position;
        expect(valueAt(positionOf(value, span, scale), span, scale) / value).toBeCloseTo(1, 10);
      }),
    );
  });

  test("clamp values outside the span", () => {
    for (const scale of SCALES) {
      expect(positionOf(0, { low: 1, high: 10 }, scale)).toBe(0);
      expect(positionOf(1e9, { low: 1, high: 10 }, scale)).toBe(1);
    }
  });
});

describe("steps", () => {
  const stepBy = (table: Uint8Array, edges: Uint32Array, bits: number): number => {
    let step = table[bits >>> 16]!;
    while (step < edges.length && edges[step]! <= bits) step++;
    return step;
  };

  test("edges ascend from the low end", () => {
    fc.assert(
      fc.property(anySpan, anyScale, (span, scale) => {
        const edges = new Float32Array(stepEdges(span, scale).buffer);
        expect(edges.length).toBe(255);
        expect(edges[0]).toBe(Math.fround(span.low));
        for (let i = 1; i < 255; i++) expect(edges[i]! >= edges[i - 1]!).toBe(true);
        expect(edges[254]! <= Math.fround(span.high)).toBe(true);
      }),
    );
  });

  test("table and edges give the plain count of edges not above a value", () => {
    const anyValue = fc.oneof(
      fc.float({ min: 0, noNaN: true }),
      fc.constantFrom(0, 1e-45, 3.4028234663852886e38, Infinity),
    );
    fc.assert(
      fc.property(
        anySpan,
        anyScale,
        fc.array(anyValue),
        fc.array(fc.integer({ min: 0, max: 254 })),
        (span, scale, some, at) => {
          const edges = stepEdges(span, scale);
          const floats = new Float32Array(edges.buffer);
          const table = stepTable(edges);
          const exact = at.map((i) => floats[i]!);
          const inside = at.map((i) => Math.fround(span.low + ((span.high - span.low) * i) / 254));
          for (const value of [...some, ...exact, ...inside].map((x) => Math.abs(x))) {
            const plain = floats.filter((edge) => edge <= Math.fround(value)).length;
            expect(stepBy(table, edges, bitsOf(value))).toBe(plain);
          }
          // One unit in the last place below an edge.
          for (const i of at) {
            const below = edges[i]! - 1;
            const value = new Float32Array(Uint32Array.of(below).buffer)[0]!;
            expect(stepBy(table, edges, below)).toBe(floats.filter((edge) => edge <= value).length);
          }
        },
      ),
      { numRuns: 300 },
    );
  });

  test("the table's guess is exact for the smallest value of its upper half", () => {
    fc.assert(
      fc.property(anySpan, anyScale, (span, scale) => {
        const edges = stepEdges(span, scale);
        const table = stepTable(edges);
        for (const upper of [0, 1, edges[0]! >>> 16, (edges[100]! >>> 16) + 1, 0x7f80]) {
          expect(table[upper]).toBe(edges.filter((edge) => edge <= upper * 65_536).length);
        }
      }),
    );
  });

  test("the table counts an edge that equals this smallest value", () => {
    const table = stepTable(stepEdges({ low: 1, high: 1000 }, "log")); // 1 is 0x3f800000
    expect([table[0x3f7f], table[0x3f80]]).toEqual([0, 1]);
  });

  test("step and position agree: step 0 below the low end, the last step at and above the high end", () => {
    for (const scale of SCALES) {
      const edges = stepEdges({ low: 10, high: 1000 }, scale);
      const table = stepTable(edges);
      expect(stepBy(table, edges, bitsOf(9.99))).toBe(0);
      expect(stepBy(table, edges, bitsOf(10))).toBe(1);
      expect(stepBy(table, edges, bitsOf(1000))).toBe(255);
    }
  });
});
