import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { edgeOf } from "../../src/base/grid";
import { type Bars, barsOf, type Ledger, ledgerOf } from "../../src/frames/bars_and_ledger";
import { decodeFrame } from "../../src/frames/wire";
import { sharesOf, sidesOf } from "../../src/model/field";
import { LedgerField } from "../../src/model/ledger_field";
import { bytesOf, expected } from "../golden";
import { anyDecay, anyLedger, anyWeights, distance, FLOAT32, plainReplay } from "../plain";

const MIX = { 3: 40, 10: 30, 25: 20, 100: 10 };
const TUNE = { leverageMix: MIX as Record<string, number>, decayRate: 0.1, binSize: 0, turnover: null };
const golden = async (): Promise<{ bars: Bars; ledger: Ledger }> => ({
  bars: barsOf(await decodeFrame(bytesOf("bars"))),
  ledger: ledgerOf(await decodeFrame(bytesOf("ledger"))),
});

describe("shares of a mix", () => {
  test("sum to 1 in the order of the tiers, whatever the scale", () => {
    expect([...sharesOf([3, 10, 2.5], { 3: 50, 10: 25, 2.5: 25 })]).toEqual([0.5, 0.25, 0.25]);
    expect([...sharesOf([10, 3], { 3: 1, 10: 3 })]).toEqual([0.75, 0.25]);
  });
  test("are 0 for tiers that the mix does not name, and for negative weights", () => {
    expect([...sharesOf([3, 10, 25], { 3: 1, 10: -5 })]).toEqual([1, 0, 0]);
  });
  test.each([{}, { 3: 0 }, { 3: Number.NaN }, { 3: Infinity }, { 7: 1 }])("are equal if none in %j counts", (mix) => {
    expect([...sharesOf([3, 10], mix as Record<string, number>)]).toEqual([0.5, 0.5]);
  });
  test("of huge and tiny weights are the same as in Python", () => {
    expect([...sharesOf([3, 10], { 3: 1.5e308, 10: 0.5e308 })]).toEqual([0.75, 0.25]);
    expect([...sharesOf([3, 10], { 3: 3 * 2 ** -1060, 10: 2 ** -1060 })]).toEqual([0.75, 0.25]);
  });
  test("always sum to 1", () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: 0, max: 1e6, noNaN: true }), { minLength: 3, maxLength: 3 }),
        ([a, b, c]) => {
          const shares = sharesOf([3, 10, 25], { 3: a!, 10: b!, 25: c! });
          expect(shares.reduce((x, y) => x + y, 0)).toBeCloseTo(1, 12);
        },
      ),
    );
  });
});

describe("a field", () => {
  test("has the golden values, column by column", async () => {
    const { bars, ledger } = await golden();
    const { values, decay_rate } = expected.densities.ledger![0]!;
    const field = new LedgerField(bars, ledger, MIX, decay_rate);
    expect(distance(field.values, values, 1)).toBeLessThan(FLOAT32);
    expect(field.brightest).toBe(Math.max(...field.values));
    expect([...field.column(5)]).toEqual([...field.values.slice(5 * 24, 6 * 24)]);
  });

  test("is computed on first use, once", async () => {
    const { bars, ledger } = await golden();
    let replays = 0;
    const counted = { ...ledger };
    Object.defineProperty(counted, "sweep", {
      get() {
        replays++;
        return ledger.sweep;
      },
    });
    const field = new LedgerField(bars, counted, MIX, 0);
    expect(replays).toBe(0);
    field.tune({ ...TUNE, decayRate: 0.1 });
    field.tune({ ...TUNE, decayRate: 0.2 });
    expect(replays).toBe(0);
    for (let i = 0; i < 3; i++) expect([field.values.length, field.brightest > 0]).toEqual([18 * 24, true]);
    expect(replays).toBe(1);
    expect(distance(field.values, plainReplay(ledger, [0.4, 0.3, 0.2, 0.1], 0.2).flat(), 1)).toBeLessThan(FLOAT32);
  });

  test("reports whether a setting changes the picture", async () => {
    const { bars, ledger } = await golden();
    const field = new LedgerField(bars, ledger, MIX, 0.1);
    const before = field.values.slice();
    expect(field.tune({ ...TUNE, leverageMix: { 3: 4, 10: 3, 25: 2, 100: 1 }, decayRate: 0.1 })).toBe(false); // the same shares
    expect(field.revision).toBe(1);
    expect(field.tune({ ...TUNE, leverageMix: { 3: 1 }, decayRate: 0.1 })).toBe(true);
    expect(field.revision).toBe(2);
    expect(field.values).not.toEqual(before);
    expect(field.tune({ ...TUNE, decayRate: 0.1 })).toBe(true);
    expect(field.values).toEqual(before);
    expect(field.tune({ ...TUNE, decayRate: 0.3 })).toBe(true);
    expect(field.revision).toBe(4);
    expect(field.brightest).toBe(Math.max(...field.values));
  });

  test("shows the close of every n-th column in a picture, and of the last", async () => {
    const { bars, ledger } = await golden();
    const field = new LedgerField(bars, ledger, MIX, 0.1);
    const sample = field.sample({ from: 2, to: 9, step: 4, bins: { from: 3, to: 9 }, block: 1 });
    expect(sample).toMatchObject({ from: 0, step: 4, count: 5, bins: { from: 0, to: 24 }, block: 1 });
    for (const [c, t] of [3, 7, 11, 15, 17].entries()) {
      expect(sample.values.subarray(c * 24, (c + 1) * 24)).toEqual(field.column(t));
    }
    expect(field.sample({ from: 0, to: 18, step: 4, bins: { from: 0, to: 24 }, block: 1 })).toBe(sample);
    expect(field.sample({ from: 0, to: 18, step: 1, bins: { from: 0, to: 24 }, block: 1 }).values).toBe(field.values);
    field.tune({ ...TUNE, decayRate: 1 });
    expect(field.sample({ from: 2, to: 9, step: 4, bins: { from: 3, to: 9 }, block: 1 })).not.toBe(sample);
  });

  test("has each row on one side of the close", async () => {
    const { bars, ledger } = await golden();
    const field = new LedgerField(bars, ledger, MIX, 0.1);
    for (let t = 0; t < field.columns; t++) {
      const [long, short] = sidesOf(field, t);
      for (const [row, usd] of field.column(t).entries()) {
        const below = edgeOf(ledger, row + 0.5) < bars.close[t]!;
        expect([long[row], short[row]]).toEqual(below ? [usd, 0] : [0, usd]);
      }
    }
  });
});

describe("one cell broken down", () => {
  test("adds up to the replayed cell, and its tiers to their own replays", async () => {
    const { bars } = await golden();
    fc.assert(
      fc.property(anyLedger(), anyWeights, anyDecay, fc.nat(), fc.nat(), (ledger, weights, decayRate, t, r) => {
        const column = t % ledger.columns;
        const row = r % ledger.rows;
        const mix = { 5: weights[0]!, 10: weights[1]!, 100: weights[2]! };
        const field = new LedgerField(bars, ledger, mix, decayRate);
        const cell = field.cell(column, row);
        expect(distance([cell.total], [field.column(column)[row]!], 1e-3)).toBeLessThan(FLOAT32);
        const alone = field.weights.map((weight, tier) => {
          const only = Float64Array.from([0, 1, 2], (i) => (i === tier ? weight : 0));
          return plainReplay(ledger, only, decayRate)[column]![row]!;
        });
        expect(distance(cell.byTier, alone, 1e-3)).toBeLessThan(FLOAT32);
      }),
      { numRuns: 300 },
    );
  });

  test("has the mean age of its positions", async () => {
    const { bars, ledger: base } = await golden();
    const ledger = {
      ...base,
      first: 0,
      rows: 1,
      columns: 3,
      leverage: [10],
      start: Uint32Array.of(0, 1, 2, 2),
      row: Uint16Array.of(0, 0),
      tier: Uint8Array.of(0, 0),
      notional: Float32Array.of(300, 100),
      sweep: new Uint16Array(6),
      hours: Float32Array.of(0, 1, 2),
      age: Uint8Array.of(2, 0),
      ageUnit: 0.125,
    };
    expect(new LedgerField(bars, ledger, { 10: 1 }, 0).cell(2, 0)).toEqual({
      byTier: Float64Array.of(400),
      total: 400,
      age: (300 * 4 + 100 * 2) / 400,
    });
    ledger.sweep.set([0, 1], 4);
    const nothing = { byTier: Float64Array.of(0), total: 0, age: 0 };
    expect(new LedgerField(bars, ledger, { 10: 1 }, 0).cell(2, 0)).toEqual(nothing);
  });
});
