import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { barsOf, type Ledger, ledgerOf } from "../../src/frames/bars_and_ledger";
import { modelOf } from "../../src/frames/model";
import { decodeFrame } from "../../src/frames/wire";
import { bandOf, drawnMixes } from "../../src/model/band";
import { CandleField } from "../../src/model/candle_field";
import { LedgerField } from "../../src/model/ledger_field";
import { bytesOf, markets, unpacked } from "../golden";
import { anyLedger, plainReplay } from "../plain";

/** Written by tests/fixtures/band/make.py. */
const FIXTURE = new URL("../../../tests/fixtures/band/expected.json", import.meta.url);
const golden: Record<string, { at: number; weights: number[]; decay_rate: number; band: [number[], number[]] }[]> =
  JSON.parse(readFileSync(FIXTURE, "utf8"));
const bars = barsOf(await decodeFrame(bytesOf("bars")));
const mixOf = ({ leverage }: Ledger, weights: ArrayLike<number>): Record<string, number> =>
  Object.fromEntries(leverage.map((tier, i) => [tier, weights[i]!]));

describe.each(Object.entries(golden))("the band of %s", (name, cases) => {
  test.each(cases)("at column $at for $weights and $decay_rate is Python's", async ({ at, weights, ...one }) => {
    const ledger = ledgerOf(await decodeFrame(bytesOf(name)));
    const found = bandOf(new LedgerField(bars, ledger, mixOf(ledger, weights), one.decay_rate), at);
    for (const [end, wanted] of one.band.entries()) {
      for (const [row, usd] of wanted.entries()) {
        expect(Math.abs(found[end]![row]! - usd), `row ${row}`).toBeLessThanOrEqual(1e-6 * usd);
      }
    }
  });
});

test("most golden bands are not empty", () => {
  const wide = Object.values(golden).flatMap((cases) => cases.map(({ band }) => Math.max(...band[1]) > 0));
  expect(wide.filter(Boolean).length).toBeGreaterThan(12);
});

/** USD of each draw by the plain replay, sorted; [row][draw]. */
function plainDraws(ledger: Ledger, weights: Float64Array, rate: number, at: number): number[][] {
  const mixes = drawnMixes(weights);
  const draws = Array.from({ length: 200 }, (_, d) => {
    const mix = mixes.subarray(d * weights.length, (d + 1) * weights.length);
    return plainReplay(ledger, mix, rate * 2 ** ((2 * (d % 8) + 1) / 8 - 1))[at]!;
  });
  return draws[0]!.map((_, row) => draws.map((column) => column[row]!).sort((a, b) => a - b));
}

test("a band equals that of two hundred replays, for any ledger", () => {
  fc.assert(
    fc.property(anyLedger(), fc.double({ min: 0, max: 1, noNaN: true }), fc.nat(), (ledger, rate, number) => {
      const at = number % ledger.columns;
      const field = new LedgerField(bars, ledger, { 5: 3, 10: 0, 100: 1 }, rate);
      const [low, high] = bandOf(field, at);
      for (const [row, usd] of plainDraws(ledger, field.weights, rate, at).entries()) {
        expect(Math.abs(low[row]! - usd[9]!)).toBeLessThanOrEqual(1e-9 + 1e-6 * usd[9]!);
        expect(Math.abs(high[row]! - usd[190]!)).toBeLessThanOrEqual(1e-9 + 1e-6 * usd[190]!);
      }
    }),
    { numRuns: 40 },
  );
});

test("bins of candles have the band of their sums", async () => {
  const market = markets["late open interest"]!;
  const [candles, model] = [await decodeFrame(unpacked(market.bars)), await decodeFrame(unpacked(market.model))];
  const tune = { leverageMix: { 3: 4, 10: 3, 25: 2, 100: 1 }, decayRate: 0.1, binSize: 2.5, turnover: 0.3 };
  const field = new CandleField(barsOf(candles), modelOf(model), tune);
  const at = field.columns - 1;
  const [low, high] = bandOf(field, at);
  const mixes = drawnMixes(field.weights);
  const draws = Array.from({ length: 200 }, (_, d) => {
    const leverageMix = Object.fromEntries(field.leverage.map((tier, i) => [tier, mixes[4 * d + i]!]));
    field.tune({ ...tune, leverageMix, decayRate: 0.1 * 2 ** ((2 * (d % 8) + 1) / 8 - 1) });
    return field.column(at).slice();
  });
  for (let bin = 0; bin < field.grid.rows; bin++) {
    const usd = draws.map((column) => column[bin]!).sort((a, b) => a - b);
    expect(Math.abs(low[bin]! - usd[9]!)).toBeLessThanOrEqual(1e-9 + 1e-6 * usd[9]!);
    expect(Math.abs(high[bin]! - usd[190]!)).toBeLessThanOrEqual(1e-9 + 1e-6 * usd[190]!);
  }
  expect(Math.max(...high)).toBeGreaterThan(2 * Math.max(...low));
});

describe("drawn mixes", () => {
  const weights = Float64Array.from([0.25, 0, 0.7, 0.05]);
  const mixes = drawnMixes(weights);
  const shareOf = (tier: number): number[] => Array.from({ length: 200 }, (_, d) => mixes[d * 4 + tier]!);
  test("sum to 1, and leave a tier without weight at 0", () => {
    for (let d = 0; d < 200; d++) expect(mixes.subarray(d * 4, d * 4 + 4).reduce((a, b) => a + b)).toBeCloseTo(1, 12);
    expect(new Set(shareOf(1))).toEqual(new Set([0]));
  });
  test("are around the mix: nine of ten give a quarter 13 to 39 %", () => {
    for (const [tier, weight] of weights.entries()) {
      expect(shareOf(tier).reduce((a, b) => a + b) / 200).toBeCloseTo(weight, 1);
    }
    const inside = shareOf(0).filter((share) => share > 0.13 && share < 0.39).length;
    expect(inside).toBeGreaterThan(170);
    expect(inside).toBeLessThan(190);
  });
});
