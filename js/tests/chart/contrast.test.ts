import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { brightestIn, Contrast } from "../../src/chart/contrast";
import type { Field, Sample } from "../../src/model/field";

const sample = (from: number, step: number, count: number, low: number, high: number, values: number[]): Sample => ({
  from,
  step,
  count,
  bins: { from: low, to: high },
  block: 1,
  values: Float32Array.from(values),
  revision: 1,
});
const part = (from: number, to: number, low = 0, high = 2) => ({ from, to, bins: { from: low, to: high } });

describe("the brightest cell in view", () => {
  test("is what a plain search finds, pooled or not, beyond the sample or not", () => {
    const span = (most: number) => fc.tuple(fc.integer({ min: -3, max: most }), fc.integer({ min: 1, max: most }));
    const cases = fc.tuple(fc.integer({ min: 0, max: 9 }), fc.integer({ min: 1, max: 4 }), span(30), span(12));
    fc.assert(
      fc.property(cases, fc.array(fc.double({ min: 0, max: 9, noNaN: true })), ([from, step, time, price], numbers) => {
        const [count, height] = [5, 6];
        const values = Array.from({ length: count * height }, (_, i) => numbers[i] ?? i);
        const view = part(time[0], time[0] + time[1], price[0], price[0] + price[1]);
        let most = 0;
        for (let c = 0; c < count; c++) {
          const candles = [from + c * step, from + (c + 1) * step];
          if (candles[0]! >= view.to || candles[1]! <= view.from) continue;
          for (let bin = 0; bin < height; bin++) {
            if (bin + 2 < view.bins.from || bin + 2 >= view.bins.to) continue;
            most = Math.max(most, Math.fround(values[c * height + bin]!));
          }
        }
        expect(brightestIn(sample(from, step, count, 2, 8, values), view)).toBe(most);
      }),
    );
  });
});

describe("the scale of the colours", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  const values = sample(0, 1, 4, 0, 2, [1, 2, 3, 4, 50, 6, 7, 800]);
  const start = () => {
    const field = { revision: 1, brightest: 800 } as Field;
    const settled = vi.fn();
    const contrast = new Contrast(settled);
    const of = (from: number, to: number, whole = false) => contrast.of(field, values, part(from, to), whole);
    return { field, settled, contrast, of };
  };

  test("follows the view once it is still, and not before", () => {
    const { of, settled, contrast } = start();
    expect(of(0, 2)).toBe(4);
    expect(of(1, 3)).toBe(4);
    vi.advanceTimersByTime(149);
    expect(of(0, 3)).toBe(4); // it still moves
    vi.advanceTimersByTime(149);
    expect(settled).not.toHaveBeenCalled();
    expect(of(0, 3)).toBe(4); // drawn again, unmoved
    vi.advanceTimersByTime(1);
    expect(settled).toHaveBeenCalledOnce();
    expect(of(0, 3)).toBe(50);
    expect(contrast.part).toEqual(part(0, 3));
    vi.advanceTimersByTime(1000);
    expect(settled).toHaveBeenCalledOnce();
  });

  test("stays if the view comes back before it was still", () => {
    const { of, settled } = start();
    expect([of(0, 2), of(0, 3), of(0, 2)]).toEqual([4, 4, 4]);
    vi.advanceTimersByTime(1000);
    expect(settled).not.toHaveBeenCalled();
  });

  test("is that of new values at once, and after a restart", () => {
    const { of, field, contrast } = start();
    expect(of(0, 2)).toBe(4);
    field.revision++;
    expect(of(0, 3)).toBe(50);
    contrast.restart();
    expect(of(0, 4)).toBe(800);
  });

  test("may be that of everything, and then does not wait", () => {
    const { of, settled, contrast } = start();
    of(0, 2);
    of(0, 3);
    expect(of(0, 3, true)).toBe(800);
    expect(contrast.part).toBeNull();
    vi.advanceTimersByTime(1000);
    expect(settled).not.toHaveBeenCalled();
    expect(of(0, 2)).toBe(4);
    of(0, 3);
    contrast.remove();
    vi.advanceTimersByTime(1000);
    expect(settled).not.toHaveBeenCalled();
  });
});

test("blocks of bins count where the part touches them", () => {
  const pooled = { ...sample(0, 1, 2, 4, 10, [1, 7, 2, 5]), block: 3 };
  expect(brightestIn(pooled, part(0, 1, 4, 7))).toBe(1);
  expect(brightestIn(pooled, part(0, 1, 4, 8))).toBe(7);
  expect(brightestIn(pooled, part(1, 2, 7, 10))).toBe(5);
});
