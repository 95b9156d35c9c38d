import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { coarser, sizesOf } from "../../src/base/grid";
import { AutoBin, autoBin } from "../../src/chart/auto_bin";
import type { Settings } from "../../src/source/settings";

const sizes = sizesOf({ binSize: 20, first: 2000, rows: 4000 });
const scale = fc.double({ min: 1e-4, max: 10, noNaN: true });

describe("the automatic bin size", () => {
  test("makes rows of 4 to 8 device pixels where a size does", () => {
    fc.assert(
      fc.property(scale, (perUsd) => {
        const height = (size: number) => size * perUsd;
        const chosen = height(autoBin(sizes, perUsd));
        if (sizes.some((size) => height(size) >= 4 && height(size) <= 8)) {
          expect(chosen).toBeGreaterThanOrEqual(4);
          expect(chosen).toBeLessThanOrEqual(8);
        } else if (height(sizes[0]!) < 8 && height(sizes.at(-1)!) > 4) {
          expect(chosen).toBeGreaterThan(3.5);
          expect(chosen).toBeLessThan(9);
        } else expect([sizes[0]! * perUsd, sizes.at(-1)! * perUsd]).toContain(chosen);
      }),
    );
    expect(sizes).toContain(coarser({ binSize: 20, first: 2000, rows: 4000 }, 50).binSize);
  });

  test("does not flicker: after a change, a small way back changes nothing", () => {
    fc.assert(
      fc.property(scale, fc.double({ min: 0.94, max: 1.06, noNaN: true }), (perUsd, back) => {
        const chosen = autoBin(sizes, perUsd);
        expect(autoBin(sizes, perUsd * back, chosen)).toBe(chosen);
      }),
    );
  });

  test("zooming through a whole range changes as often as there are sizes", () => {
    let [size, changes] = [autoBin(sizes, 10), 0];
    for (let perUsd = 10; perUsd > 1e-3; perUsd *= 0.99) {
      const next = autoBin(sizes, perUsd * (1 + 0.03 * Math.sin(perUsd * 1e4)), size);
      if (next !== size) changes++;
      size = next;
    }
    expect(changes).toBe(sizes.length - 1);
  });
});

describe("a view's choice", () => {
  /** What happens to a source of these sizes, of which 1000 USD are in use. */
  const view = (binAuto = true) => {
    const source = {
      settings: { binSize: 1000, binAuto } as Settings,
      binSizes: sizes,
      set: ({ autoBin }: Partial<Settings>) => {
        source.settings = { ...source.settings, binSize: autoBin! };
      },
    };
    const auto = new AutoBin(source);
    const at = (perUsd: number): [boolean, number] => [auto.adapt(perUsd), source.settings.binSize];
    return { source, auto, at };
  };

  test("is made once for a scale, and again if the scale or the sizes on offer change", () => {
    const { source, at } = view();
    expect(at(0.05)).toEqual([true, 100]);
    source.set({ autoBin: 1000 }); // another view has changed it: left alone
    expect(at(0.05)).toEqual([false, 1000]);
    expect(at(0.0505)).toEqual([false, 1000]);
    source.set({ autoBin: 100 });
    expect(at(0.09)).toEqual([false, 100]); // 9 pixels: kept
    expect(at(0.12)).toEqual([true, 40]);
    source.binSizes = [50, 70];
    expect(at(0.12)).toEqual([true, 50]);
    source.binSizes = [];
    expect(at(0.5)).toEqual([false, 50]);
    expect(at(Number.NaN)).toEqual([false, 50]);
  });

  test("starts anew when asked to: the size in use is not preferred", () => {
    const { source, auto, at } = view();
    expect(at(0.092)).toEqual([true, 40]); // 3.7 pixels are nearer to the middle than 9.2
    source.set({ autoBin: 100 });
    expect(at(0.092)).toEqual([false, 100]);
    auto.restart();
    expect(at(0.092)).toEqual([true, 40]);
  });

  test("is none while the user has chosen, and a new one after that", () => {
    const { source, at } = view(false);
    expect(at(0.05)).toEqual([false, 1000]);
    source.settings = { ...source.settings, binAuto: true };
    expect(at(0.05)).toEqual([true, 100]);
    source.settings = { ...source.settings, binAuto: false, binSize: 200 };
    expect(at(0.05)).toEqual([false, 200]);
    source.settings = { ...source.settings, binAuto: true };
    expect(at(0.05)).toEqual([true, 100]);
  });
});
