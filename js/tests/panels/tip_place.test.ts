import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Rect, tipPlace } from "../../src/panels/tip_place";

const BOUNDS: Rect = { x0: 8, y0: 8, x1: 600, y1: 400 };
const SIZE = { width: 200, height: 60 };
const at = (x: number, y: number): Rect => ({ x0: x - 2, y0: y - 3, x1: x + 2, y1: y + 3 });
const apart = (a: Rect, b: Rect): boolean => a.x0 >= b.x1 || b.x0 >= a.x1 || a.y0 >= b.y1 || b.y0 >= a.y1;
const rectOf = ({ x, y }: { x: number; y: number }): Rect => ({ x0: x, y0: y, x1: x + 200, y1: y + 60 });

describe("a tooltip", () => {
  test("goes above at the right, else at the left, else below", () => {
    expect(tipPlace(SIZE, BOUNDS, at(100, 200), [])).toEqual({ x: 114, y: 125 });
    expect(tipPlace(SIZE, BOUNDS, at(500, 200), [])).toEqual({ x: 286, y: 125 });
    expect(tipPlace(SIZE, BOUNDS, at(100, 50), [])).toEqual({ x: 114, y: 65 });
  });

  test("goes where it does not cover the candle", () => {
    const candle = { x0: 98, y0: 20, x1: 130, y1: 190 };
    expect(tipPlace(SIZE, BOUNDS, at(100, 200), [candle])).toEqual({ x: 114, y: 215 });
  });

  test("stays within its bounds and apart from its cell wherever that is", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 8, max: 600 }),
        fc.integer({ min: 8, max: 400 }),
        fc.integer({ min: 230, max: 600 }),
        (x, y, x1) => {
          const bounds = { ...BOUNDS, x1 };
          const cell = at(Math.min(x, x1), y);
          const tip = rectOf(tipPlace(SIZE, bounds, cell, []));
          expect(apart(tip, cell)).toBe(true);
          expect([tip.x0 >= 8, tip.y0 >= 8, tip.x1 <= x1, tip.y1 <= 400]).toEqual([true, true, true, true]);
        },
      ),
    );
  });

  test("has the corner of bounds that are too small for it", () => {
    expect(tipPlace(SIZE, { x0: 8, y0: 8, x1: 100, y1: 40 }, at(50, 20), [])).toEqual({ x: 8, y: 8 });
  });
});
