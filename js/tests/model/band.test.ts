import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { barsOf, type Ledger, ledgerOf } from "../../src/frames/bars_and_ledger";
import { decodeFrame } from "../../src/frames/wire";
import { bandOf, drawnMixes } from "../../src/model/band";
import { MergedField } from "../../src/model/coarser";
import { Field } from "../../src/model/field";
import { bytesOf } from "../golden";
import { anyLedger, plainReplay } from "../plain";

/** What tests/fixtures/band/make.py wrote. */
const FIXTURE = new URL("../../../tests/fixtures/band/expected.json", import.meta.url);
const golden: Record<string, { at: number; weights: number[]; decay_rate: number; band: [number[], number[]] }[]> =
  JSON.parse(readFileSync(FIXTURE, "utf8"));
const bars = barsOf(await decodeFrame(bytesOf("bars")));
const mixOf = ({ leverage }: Ledger, weights: ArrayLike<number>): Record<string, number> =>
  Object.fromEntries(leverage.map((tier, i) => [tier, weights[i]!]));

describe.each(Object.entries(golden))("the band of %s", (name, cases) => {
  test.each(cases)("at column $at for $weights and $decay_rate is Python's", async ({ at, weights, ...one }) => {
    const ledger = ledgerOf(await decodeFrame(bytesOf(name)));
    const found = bandOf(new Field(bars, ledger, mixOf(ledger, weights), one.decay_rate), at);
    for (const [end, wanted] of one.band.entries()) {
      for (const [row, usd] of wanted.entries()) {
        expect(Math.abs(found[end]![row]! - usd), `row ${row}`).toBeLessThanOrEqual(1e-6 * usd);
      }
    }
  });
});

test("the golden bands say something", () => {
  const wide = Object.values(golden).flatMap((cases) => cases.map(({ band }) => Math.max(...band[1]) > 0));
  expect(wide.filter(Boolean).length).toBeGreaterThan(12);
});

/** What stands under each draw, by the plain replay, sorted; [row][draw]. */
function plainDraws(ledger: Ledger, weights: Float64Array, rate: number, at: number): number[][] {
  const mixes = drawnMixes(weights);
  const draws = Array.from({ length: 200 }, (_, d) => {
    const mix = mixes.subarray(d * weights.length, (d + 1) * weights.length);
    return plainReplay(ledger, mix, rate * 2 ** ((2 * (d % 8) + 1) / 8 - 1))[at]!;
  });
  return draws[0]!.map((_, row) => draws.map((column) => column[row]!).sort((a, b) => a - b));
}

test("a band is what two hundred replays say, whatever the ledger", () => {
  fc.assert(
    fc.property(anyLedger(), fc.double({ min: 0, max: 1, noNaN: true }), fc.nat(), (ledger, rate, number) => {
      const at = number % ledger.columns;
      const field = new Field(bars, ledger, { 5: 3, 10: 0, 100: 1 }, rate);
      const [low, high] = bandOf(field, at);
      for (const [row, usd] of plainDraws(ledger, field.weights, rate, at).entries()) {
        expect(Math.abs(low[row]! - usd[9]!)).toBeLessThanOrEqual(1e-9 + 1e-6 * usd[9]!);
        expect(Math.abs(high[row]! - usd[190]!)).toBeLessThanOrEqual(1e-9 + 1e-6 * usd[190]!);
      }
    }),
    { numRuns: 40 },
  );
});

test("coarser rows have the band of their sums", async () => {
  const fine = ledgerOf(await decodeFrame(bytesOf("ledger")));
  const field = new MergedField(bars, fine, 5, mixOf(fine, [0.4, 0.3, 0.2, 0.1]), 0.1);
  const at = fine.columns - 1;
  const [low, high] = bandOf(field, at);
  const mixes = drawnMixes(field.weights);
  const first = Math.floor(fine.first / 5);
  const sums = Array.from({ length: field.ledger.rows }, () => new Float64Array(200));
  for (let d = 0; d < 200; d++) {
    const column = plainReplay(fine, mixes.subarray(d * 4, d * 4 + 4), 0.1 * 2 ** ((2 * (d % 8) + 1) / 8 - 1))[at]!;
    for (const [row, usd] of column.entries()) sums[Math.floor((fine.first + row) / 5) - first]![d]! += usd;
  }
  for (const [row, usd] of sums.entries()) {
    usd.sort();
    expect(low[row]).toBeCloseTo(usd[9]!, 2);
    expect(high[row]).toBeCloseTo(usd[190]!, 2);
  }
  expect(Math.max(...high)).toBeGreaterThan(2 * Math.max(...low));
});

describe("drawn mixes", () => {
  const weights = Float64Array.from([0.25, 0, 0.7, 0.05]);
  const mixes = drawnMixes(weights);
  const shareOf = (tier: number): number[] => Array.from({ length: 200 }, (_, d) => mixes[d * 4 + tier]!);
  test("sum to 1, and leave a tier that has nothing at nothing", () => {
    for (let d = 0; d < 200; d++) expect(mixes.subarray(d * 4, d * 4 + 4).reduce((a, b) => a + b)).toBeCloseTo(1, 12);
    expect(new Set(shareOf(1))).toEqual(new Set([0]));
  });
  test("lie around the mix, a quarter between 13 and 39 % in nine of ten", () => {
    for (const [tier, weight] of weights.entries()) {
      expect(shareOf(tier).reduce((a, b) => a + b) / 200).toBeCloseTo(weight, 1);
    }
    const inside = shareOf(0).filter((share) => share > 0.13 && share < 0.39).length;
    expect(inside).toBeGreaterThan(170);
    expect(inside).toBeLessThan(190);
  });
});
