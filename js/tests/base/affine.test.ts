import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { affineThrough, apply, invert, visibleStrip } from "../../src/base/affine";

const coordinate = fc.double({ min: -1e4, max: 1e4, noNaN: true });
const unit = fc.double({ min: 0.01, max: 100, noNaN: true });

describe("affine maps", () => {
  test("go through both points", () => {
    const map = affineThrough(10, 100, 20, 150);
    expect(map).toEqual({ origin: 50, unit: 5 });
    expect([apply(map, 10), apply(map, 20), apply(map, 12.5)]).toEqual([100, 150, 112.5]);
  });
  test("decrease if the second point is lower, as for prices", () => {
    expect(apply(affineThrough(0, 300, 30, 0), 10)).toBe(200);
  });
  test("invert undoes apply", () => {
    fc.assert(
      fc.property(coordinate, unit, coordinate, (origin, size, index) => {
        expect(invert({ origin, unit: size }, apply({ origin, unit: size }, index))).toBeCloseTo(index, 6);
      }),
    );
  });
});

describe("the visible strip", () => {
  test("is everything where everything is in view", () => {
    expect(visibleStrip({ origin: 10, unit: 2 }, 20, 100)).toEqual({
      source: 0,
      sourceSize: 20,
      target: 10,
      targetSize: 40,
    });
  });
  test("keeps whole bitmap pixels at both borders", () => {
    // Pixels are 10 wide and start at -25: the one across the left border starts at -5, the last one at 95.
    expect(visibleStrip({ origin: -25, unit: 10 }, 50, 100)).toEqual({
      source: 2,
      sourceSize: 11,
      target: -5,
      targetSize: 110,
    });
  });
  test.each([
    ["left of the screen", { origin: -500, unit: 10 }, 50],
    ["right of the screen", { origin: 100, unit: 10 }, 50],
    ["empty", { origin: 0, unit: 10 }, 0],
    ["a falling map", { origin: 50, unit: -1 }, 50],
    ["a falling map, all within one pixel", { origin: 500, unit: -1000 }, 50],
    ["no width", { origin: 0, unit: 0 }, 50],
    ["not a number", { origin: Number.NaN, unit: 1 }, 50],
  ])("is null: %s", (_, map, count) => expect(visibleStrip(map, count, 100)).toBeNull());

  test("covers exactly the pixels that touch the screen", () => {
    fc.assert(
      fc.property(
        coordinate,
        unit,
        fc.integer({ min: 1, max: 500 }),
        fc.integer({ min: 1, max: 2000 }),
        (origin, size, count, width) => {
          const map = { origin, unit: size };
          const strip = visibleStrip(map, count, width);
          const seen: number[] = [];
          const slack = 1e-6; // rounding may decide whether a pixel at the border counts
          for (let i = 0; i < count; i++) if (apply(map, i + 1) > slack && apply(map, i) < width - slack) seen.push(i);
          if (strip === null) {
            expect(seen).toEqual([]);
            return;
          }
          const { source, sourceSize, target, targetSize } = strip;
          expect(source >= 0 && source + sourceSize <= count).toBe(true);
          expect(target).toBe(apply(map, source));
          expect(target + targetSize).toBeCloseTo(apply(map, source + sourceSize), 6);
          if (seen.length > 0) {
            expect(source <= seen[0]! && source + sourceSize > seen.at(-1)!).toBe(true);
            expect(sourceSize - seen.length).toBeLessThanOrEqual(2);
          }
          expect(apply(map, source + 1)).toBeGreaterThan(-slack);
          expect(apply(map, source + sourceSize - 1)).toBeLessThan(width + slack);
        },
      ),
    );
  });
});
