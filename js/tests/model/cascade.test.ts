import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { edgeOf } from "../../src/base/grid";
import { pythonOf } from "../../src/export/python_call";
import { barsOf, ledgerOf } from "../../src/frames/bars_and_ledger";
import { modelOf } from "../../src/frames/model";
import { decodeFrame } from "../../src/frames/wire";
import { CandleField } from "../../src/model/candle_field";
import { cascade, wordsOf } from "../../src/model/cascade";
import { LedgerField } from "../../src/model/ledger_field";
import { readSettings } from "../../src/source/settings";
import { markets, unpacked } from "../golden";

/** Written by tests/fixtures/cascade/make.py. */
const FOLDER = new URL("../../../tests/fixtures/cascade/", import.meta.url);
const frame = (name: string) => decodeFrame(Uint8Array.from(readFileSync(new URL(`${name}.bin`, FOLDER))));
const golden: {
  densities: {
    mix: Record<string, number>;
    decay_rate: number;
    cases: { y: number; shock: number; steps: [number[], number[]]; beyond: boolean }[];
  }[];
} = JSON.parse(readFileSync(new URL("expected.json", FOLDER), "utf8"));
const bars = barsOf(await frame("bars"));
const ledger = ledgerOf(await frame("ledger"));
const fieldOf = (mix: Record<string, number>, decay: number) => new LedgerField(bars, ledger, mix, decay);
const balanced = fieldOf(golden.densities[0]!.mix, golden.densities[0]!.decay_rate);

const near = (found: number, wanted: number) =>
  expect(Math.abs(found - wanted)).toBeLessThanOrEqual(1e-6 * Math.abs(wanted));

describe.each(golden.densities)("of $mix at $decay_rate", ({ mix, decay_rate, cases }) => {
  const field = fieldOf(mix, decay_rate);
  test.each(cases)("a push of $shock with Y = $y is Python's", ({ y, shock, steps: [prices, usd], beyond }) => {
    const found = cascade(field, shock, y)!;
    expect(found.rounds.length).toBe(prices.length);
    for (const [i, round] of found.rounds.entries()) {
      near(found.close * (1 + round.move), prices[i]!);
      near(round.usd, usd[i]!);
    }
    expect(found.beyond).toBe(beyond);
  });
});

test("golden pushes go both ways, take one or many rounds, and some leave the grid", () => {
  const cases = golden.densities.flatMap((density) => density.cases);
  expect(Math.max(...cases.map(({ steps }) => steps[0].length))).toBeGreaterThan(8);
  expect(cases.filter(({ beyond }) => beyond).length).toBeGreaterThan(5);
  expect(cases.some(({ shock, steps }) => shock > 0 && steps[0].length > 3)).toBe(true);
});

test("it ends where all rows on the way are liquidated, and a larger push or impact never ends nearer", () => {
  const push = fc.double({ min: -0.4, max: 0.4, noNaN: true });
  fc.assert(
    fc.property(push, push, fc.double({ min: 0, max: 6, noNaN: true }), (one, other, y) => {
      const found = cascade(balanced, one, y)!;
      const last = found.rounds.at(-1)!;
      expect(Math.abs(last.move)).toBeGreaterThanOrEqual(Math.abs(one));
      const column = balanced.column(ledger.columns - 1);
      let crossed = 0;
      for (let row = 0; row < ledger.rows; row++) {
        const move = edgeOf(ledger, row + 0.5) / found.close - 1;
        if (move * Math.sign(one) > 1e-12 && Math.abs(move) <= Math.abs(last.move)) crossed += column[row]!;
      }
      near(last.usd, crossed);
      const [small, large] = [one, Math.sign(one) * Math.abs(other)].sort((a, b) => Math.abs(a) - Math.abs(b));
      const end = (shock: number, coefficient: number) =>
        Math.abs(cascade(balanced, shock, coefficient)!.rounds.at(-1)!.move);
      expect(end(large!, y)).toBeGreaterThanOrEqual(end(small!, y) - 1e-12);
      expect(end(one, y + 1)).toBeGreaterThanOrEqual(end(one, y) - 1e-12);
    }),
  );
});

test.each([[[0, 1e9]], [[0.02, 0]], [[Number.NaN, 1e9]], [[]]])(
  "with a day of %j there is nothing to measure by",
  (day) => {
    const still = new LedgerField({ ...bars, about: { ...bars.about, day } }, ledger, { 5: 1 }, 0);
    expect(cascade(still, -0.03)).toBeNull();
    expect(wordsOf(cascade(still, -0.03), 1)).toContain("no impact can be measured");
  },
);

test("it does not depend on the bins", async () => {
  const market = markets["small prices"]!;
  const candles = barsOf(await decodeFrame(unpacked(market.bars)));
  const tune = { leverageMix: { 10: 1, 25: 1, 100: 1 }, decayRate: 0.02, binSize: 0, turnover: null };
  const field = new CandleField(candles, modelOf(await decodeFrame(unpacked(market.model))), tune);
  const fine = cascade(field, -0.02)!;
  expect(fine.rounds.at(-1)!.usd).toBeGreaterThan(0);
  for (const binSize of field.binSizes) {
    field.tune({ ...tune, binSize });
    expect(cascade(field, -0.02)).toEqual(fine);
  }
});

describe("the text", () => {
  const two = [
    { move: -0.03, usd: 9e6 },
    { move: -0.048, usd: 12.3e6 },
  ];
  test("states push, USD, rounds and end, and that it is no forecast", () => {
    expect(wordsOf({ close: 63_000, rounds: two, beyond: false }, 0)).toBe(
      "Push −3.00 % to 61,110: would liquidate est. $12.3M in 2 rounds and rest at 59,976 (−4.80 %), 1.60 × the push. " +
        "Mechanical what-if on an estimate, not a forecast; how far liquidations move the price is an assumption.",
    );
  });
  test("states where it leaves the known range", () => {
    const words = wordsOf({ close: 63_000, rounds: two, beyond: true }, 0);
    expect(words).toContain("and leave the known range at 59,976 (−4.80 %), at least 1.60 × the push.");
  });
  test("of no push does not divide by it", () => {
    const words = wordsOf({ close: 63_000, rounds: [{ move: 0, usd: 0 }], beyond: false }, 0);
    expect(words).toContain(
      "Push +0.00 % to 63,000: would liquidate est. $0 in 1 round and rest at 63,000 (+0.00 %), 1",
    );
  });
});

describe("as a setting", () => {
  test.each([
    [-0.03, -0.03],
    [0, 0],
    ["x", null],
    [Number.NaN, null],
    [undefined, null],
  ])("%j is %j", (value, wanted) => expect(readSettings(() => value).shock).toBe(wanted));
  test("it is in the Python of a view, if set", () => {
    const usual = { ...readSettings(() => undefined), leverageMix: { 5: 1 }, binSize: 250 };
    expect(pythonOf(balanced, { ...usual, shock: -0.031 }, null, null)).toContain("\n    shock=-0.031,\n");
    expect(pythonOf(balanced, usual, null, null)).not.toContain("shock");
  });
});
