import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { positionsOf, stepsOf } from "../../src/frames/positions";
import { decodeFrame } from "../../src/frames/wire";
import { bytesOf } from "../golden";

const rows = (values: Record<number, number>) => ({
  row: Uint16Array.from(Object.keys(values), Number),
  usd: Float64Array.from(Object.values(values)),
});

test("golden positions add up both sides", async () => {
  const positions = positionsOf(await decodeFrame(bytesOf("positions")));
  expect([...positions.usd]).toEqual([1000.5, 34.25, 777]);
  expect([...positions.row]).toEqual([5, 6, 12]);
  expect([positions.label, positions.outsideUsd, positions.outsideRows]).toEqual(["three addresses", 5, 1]);
});

describe("the outline", () => {
  test("has one step per row", () => {
    expect(stepsOf(rows({ 2: 5, 3: 7, 9: 1 }), 0, 20, 1)).toEqual([
      { from: 2, to: 3, usd: 5 },
      { from: 3, to: 4, usd: 7 },
      { from: 9, to: 10, usd: 1 },
    ]);
  });

  test("takes the largest of rows that share a pixel, from the first row in view on", () => {
    expect(stepsOf(rows({ 1: 50, 2: 5, 3: 7, 5: 3, 9: 1 }), 2, 9, 3)).toEqual([
      { from: 2, to: 5, usd: 7 },
      { from: 5, to: 8, usd: 3 },
    ]);
    expect(stepsOf(rows({ 8: 2 }), 2, 9, 4)).toEqual([{ from: 6, to: 9, usd: 2 }]);
  });

  test("visits the largest of every row, once, in order", () => {
    fc.assert(
      fc.property(
        fc.dictionary(fc.nat(60).map(String), fc.integer({ min: 1, max: 99 })),
        fc.nat(30),
        fc.nat(40),
        fc.integer({ min: 1, max: 9 }),
        (values, from, height, share) => {
          const steps = stepsOf(rows(values), from, from + height, share);
          for (const [i, step] of steps.entries()) {
            expect((step.from - from) % share).toBe(0);
            expect(i === 0 || step.from >= steps[i - 1]!.to).toBe(true);
            const inside = Object.entries(values).filter(([r]) => Number(r) >= step.from && Number(r) < step.to);
            expect(step.usd).toBe(Math.max(...inside.map(([, usd]) => usd)));
          }
          const covered = Object.keys(values).filter((r) => Number(r) >= from && Number(r) < from + height);
          for (const r of covered) expect(steps.some((s) => s.from <= Number(r) && Number(r) < s.to)).toBe(true);
        },
      ),
    );
  });
});
