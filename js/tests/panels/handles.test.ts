import fc from "fast-check";
import { expect, test } from "vitest";
import { SCALES, valueAt } from "../../src/base/colour";
import { STEPS, stepOf, thresholdAt, ticksOf, WHOLE } from "../../src/panels/handles";

const scale = fc.constantFrom(...SCALES);
const step = fc.integer({ min: 0, max: STEPS });
const share = fc.double({ min: 0, max: 1, noNaN: true });
const threshold = fc.tuple(share, share).filter(([a, b]) => a < b && b > 1e-9);

test("handles stop at each other, one step apart, and the other one stays", () => {
  fc.assert(
    fc.property(
      fc.constantFrom("low" as const, "high" as const),
      step,
      threshold,
      scale,
      (moved, at, before, scale) => {
        const [low, high] = thresholdAt(moved, at, before, scale);
        expect(0 <= low && low < high && high <= 1).toBe(true); // what Python accepts
        expect(moved === "low" ? high : low).toBe(moved === "low" ? before[1] : before[0]);
        const [first, second] = before.map((share) => stepOf(share, scale)) as [number, number];
        const wanted =
          moved === "low" ? Math.max(Math.min(at, second - 1), 0) : Math.min(Math.max(at, first + 1), STEPS);
        expect(stepOf(moved === "low" ? low : high, scale)).toBe(wanted);
      },
    ),
    { numRuns: 2000 },
  );
});

test("the ends of the bar are nothing hidden and the brightest cell", () => {
  for (const scale of SCALES) {
    expect(thresholdAt("low", 0, [0.2, 0.5], scale)).toEqual([0, 0.5]);
    expect(thresholdAt("high", STEPS, [0.2, 0.5], scale)).toEqual([0.2, 1]);
    expect(thresholdAt("high", 0, [0, 0.5], scale)[1]).toBeCloseTo(valueAt(1 / STEPS, WHOLE, scale), 6);
  }
});

test("ticks are round, within the bar, and about as many at every brightness", () => {
  const values = (most: number, scale: (typeof SCALES)[number]): number[] =>
    ticksOf(most, scale).map(({ value }) => Number(value.toPrecision(6)));
  expect(values(303e6, "linear")).toEqual([50e6, 100e6, 150e6, 200e6, 250e6, 300e6]);
  expect(ticksOf(303e6, "linear").map(({ minor }) => minor)).toEqual([true, false, true, false, true, false]);
  expect(values(303e6, "log")).toEqual([5e5, 1e6, 2e6, 5e6, 10e6, 20e6, 50e6, 100e6, 200e6]);
  expect(ticksOf(0, "log")).toEqual([]);
  fc.assert(
    fc.property(fc.double({ min: 1e-6, max: 1e12, noNaN: true }), scale, (most, scale) => {
      const ticks = ticksOf(most, scale);
      for (const { value } of ticks) expect(value >= most / 1000 && value <= most).toBe(true);
      expect(ticks.length).toBeGreaterThan(2);
      expect(ticks.length).toBeLessThan(11);
    }),
  );
});
