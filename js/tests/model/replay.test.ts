import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Ledger, ledgerOf } from "../../src/frames/bars_and_ledger";
import { decodeFrame } from "../../src/frames/wire";
import { brightest, replay } from "../../src/model/replay";
import { bytesOf, expected } from "../golden";
import { anyDecay, anyLedger, anyWeights, distance, FLOAT32, plainReplay } from "../plain";

const run = (ledger: Ledger, weights: Float64Array, decayRate: number): Float32Array => {
  const out = new Float32Array(ledger.rows * ledger.columns).fill(-1); // must be overwritten completely
  replay(ledger, weights, decayRate, out);
  return out;
};

describe("the golden densities", () => {
  const cases = Object.entries(expected.densities).flatMap(([name, all]) =>
    all.map((density) => [name, density] as const),
  );
  test.each(cases)("%s, %j", async (name, { weights, decay_rate, values }) => {
    const ledger = ledgerOf(await decodeFrame(bytesOf(name)));
    expect(values.some((x) => x > 1000)).toBe(true);
    expect(distance(run(ledger, Float64Array.from(weights), decay_rate), values, 1)).toBeLessThan(FLOAT32);
  });
});

describe("the replay", () => {
  test("equals its plain twin", () => {
    fc.assert(
      fc.property(anyLedger(), anyWeights, anyDecay, (ledger, weights, decayRate) => {
        const wanted = plainReplay(ledger, weights, decayRate).flat();
        expect(distance(run(ledger, weights, decayRate), wanted, 1e-3)).toBeLessThan(FLOAT32);
      }),
      { numRuns: 300 },
    );
  });

  test("from a column on equals the whole", () => {
    fc.assert(
      fc.property(anyLedger(), anyWeights, anyDecay, fc.nat(), (ledger, weights, decayRate, at) => {
        const whole = run(ledger, weights, decayRate);
        const from = at % (ledger.columns + 1);
        const part = whole.slice();
        part.fill(-1, from * ledger.rows);
        replay(ledger, weights, decayRate, part, from);
        expect(part.subarray(0, from * ledger.rows)).toEqual(whole.subarray(0, from * ledger.rows));
        expect(distance(part, whole, 1e-3)).toBeLessThan(FLOAT32); // it starts from values rounded to float32
      }),
      { numRuns: 300 },
    );
  });

  test("sweeps earlier positions, then opens new ones", () => {
    const ledger: Ledger = {
      revision: 1,
      barsRevision: 1,
      binSize: 1,
      first: 0,
      rows: 2,
      columns: 2,
      leverage: [10],
      start: Uint32Array.of(0, 2, 3),
      row: Uint16Array.of(0, 1, 0),
      tier: Uint8Array.of(0, 0, 0),
      notional: Float32Array.of(8, 4, 1),
      sweep: Uint16Array.of(0, 2, 0, 1),
      hours: Float32Array.of(5, 2),
      age: null,
      ageUnit: 0,
      beyond: [],
      settings: {},
    };
    // Half closes within 2 h; the 5 h before the first column have no effect.
    expect([...run(ledger, Float64Array.of(1), Math.LN2 / 2)]).toEqual([8, 4, 1, 2]);
  });
});

describe("brightest", () => {
  test("is the largest value", () => {
    fc.assert(
      fc.property(fc.float32Array({ min: 0, noNaN: true, minLength: 1 }), (values) => {
        const magnitudes = values.map(Math.abs); // densities contain no -0
        expect(brightest(magnitudes)).toBe(Math.max(...magnitudes));
      }),
    );
  });
  test("is 0 for nothing", () => expect(brightest(new Float32Array())).toBe(0));
  test("sees only its own part of a buffer", () =>
    expect(brightest(Float32Array.of(9, 1, 2, 9).subarray(1, 3))).toBe(2));
});
