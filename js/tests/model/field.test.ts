import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Bars, barsOf, type Ledger, ledgerOf, spliceBars, spliceLedger } from "../../src/frames/bars_and_ledger";
import { decodeFrame } from "../../src/frames/wire";
import { Field, sharesOf } from "../../src/model/field";
import { bytesOf, expected } from "../golden";
import { distance, FLOAT32, plainReplay } from "../plain";

const MIX = { 3: 40, 10: 30, 25: 20, 100: 10 };
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
  test.each([{}, { 3: 0 }, { 3: Number.NaN }, { 3: Infinity }, { 7: 1 }])("are equal where %j says nothing", (mix) => {
    expect([...sharesOf([3, 10], mix as Record<string, number>)]).toEqual([0.5, 0.5]);
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
    const field = new Field(bars, ledger, MIX, decay_rate);
    expect(distance(field.values, values, 1)).toBeLessThan(FLOAT32);
    expect(field.brightest).toBe(Math.max(...field.values));
    expect([...field.column(5)]).toEqual([...field.values.slice(5 * 24, 6 * 24)]);
  });

  test("computes when it is looked at, once", async () => {
    const { bars, ledger } = await golden();
    let replays = 0;
    const counted = { ...ledger };
    Object.defineProperty(counted, "sweep", {
      get() {
        replays++;
        return ledger.sweep;
      },
    });
    const field = new Field(bars, counted, MIX, 0);
    expect(replays).toBe(0);
    field.tune(MIX, 0.1);
    field.tune(MIX, 0.2);
    expect(replays).toBe(0);
    for (let i = 0; i < 3; i++) expect([field.values.length, field.brightest > 0]).toEqual([18 * 24, true]);
    expect(replays).toBe(1);
    expect(distance(field.values, plainReplay(ledger, [0.4, 0.3, 0.2, 0.1], 0.2).flat(), 1)).toBeLessThan(FLOAT32);
  });

  test("tells whether a setting changes the picture", async () => {
    const { bars, ledger } = await golden();
    const field = new Field(bars, ledger, MIX, 0.1);
    const before = field.values.slice();
    expect(field.tune({ 3: 4, 10: 3, 25: 2, 100: 1 }, 0.1)).toBe(false); // the same shares
    expect(field.revision).toBe(0);
    expect(field.tune({ 3: 1 }, 0.1)).toBe(true);
    expect(field.revision).toBe(1);
    expect(field.values).not.toEqual(before);
    expect(field.tune(MIX, 0.1)).toBe(true);
    expect(field.values).toEqual(before);
    expect(field.tune(MIX, 0.3)).toBe(true);
    expect(field.revision).toBe(3);
    expect(field.brightest).toBe(Math.max(...field.values));
  });

  test.each([true, false])("takes in a tail (looked at before: %s)", async (looked) => {
    const { bars, ledger } = await golden();
    const tail = await decodeFrame(bytesOf("tail"));
    const from = tail.meta.from as number;
    const { values, decay_rate } = expected.densities.ledger_after![0]!;
    const field = new Field(bars, ledger, MIX, decay_rate);
    if (looked) expect(field.brightest).toBeGreaterThan(0);
    field.splice(spliceBars(bars, barsOf(tail), from), spliceLedger(ledger, ledgerOf(tail), from), from);
    expect(field.revision).toBe(1);
    expect(distance(field.values, values, 1)).toBeLessThan(2 * FLOAT32);
    expect(field.brightest).toBe(Math.max(...field.values));
    expect(field.bars.time.length).toBe(22);
  });

  test("a tail after a change of mix recomputes everything", async () => {
    const { bars, ledger } = await golden();
    const tail = await decodeFrame(bytesOf("tail"));
    const from = tail.meta.from as number;
    const field = new Field(bars, ledger, { 3: 1 }, 0.5);
    expect(field.brightest).toBeGreaterThan(0);
    const { values, decay_rate } = expected.densities.ledger_after![0]!;
    field.tune(MIX, decay_rate);
    field.splice(spliceBars(bars, barsOf(tail), from), spliceLedger(ledger, ledgerOf(tail), from), from);
    expect(distance(field.values, values, 1)).toBeLessThan(FLOAT32);
  });
});
