import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Bars, barsOf, ledgerOf, spliceBars } from "../../src/frames/bars_and_ledger";
import { decodeFrame, type Frame } from "../../src/frames/wire";
import { bytesOf, expected } from "../golden";

const read = (name: string): Promise<Frame> => decodeFrame(bytesOf(name));
const ARRAYS = ["start", "row", "tier", "notional", "sweep", "hours", "age"] as const;

describe("a ledger from its frame", () => {
  test("has the contents of the frame", async () => {
    const frame = await read("ledger_merged");
    const ledger = ledgerOf(frame);
    expect(ledger).toMatchObject({ binSize: 2.5, first: 29, rows: 24, columns: 6, revision: 1, barsRevision: 1 });
    expect(ledger.leverage).toEqual([3, 10, 25, 100]);
    expect(ledger.ageUnit).toBe(expected.frames.ledger_merged!.meta.age_unit);
    for (const name of ARRAYS) expect(ledger[name]).toBe(frame.arrays[name]);
    expect(ledgerOf(await read("ledger")).age).toBeNull();
  });
});

describe("bars from their frame", () => {
  test("have times, and count the candles missing between them", async () => {
    const bars = barsOf(await read("bars_after"));
    const hours = Array.from(bars.time, (ms) => (ms - Date.UTC(2026, 0, 1)) / 3_600_000);
    expect(hours[0]).toBe(0);
    expect(hours.every(Number.isInteger)).toBe(true);
    expect([...bars.missing]).toEqual(hours.map((hour, i) => (i === 0 ? 0 : hour - hours[i - 1]! - 1)));
    expect(Math.max(...bars.missing)).toBeGreaterThan(0);
    expect(bars.about).toMatchObject({ symbol: "TEST", decimals: 1, width: 1, notices: [], simulated: false });
    expect(bars.openInterest![0]).toBeNaN();
  });

  test("keep hostile text as short text only", async () => {
    const frame = await read("bars");
    Object.assign(frame.meta, { symbol: "<b>".repeat(1000), exchange: 5, notices: [1, "x"], decimals: 99, width: -1 });
    const { about } = barsOf(frame);
    expect(about.symbol.length).toBe(200);
    expect(about).toMatchObject({ exchange: "", notices: ["", "x"], decimals: 12, width: 1, autoDecayRate: null });
  });
});

describe("splicing a tail", () => {
  test("gives the complete bars", async () => {
    const tail = await read("tail");
    const spliced = spliceBars(barsOf(await read("bars")), barsOf(tail), tail.meta.from as number);
    const whole = barsOf(await read("bars_after"));
    for (const name of ["time", "missing", "open", "high", "low", "close", "volume", "openInterest"] as const) {
      expect(spliced[name], name).toEqual(whole[name]);
    }
  });

  test("counts no missing candles after a late candle", () => {
    const minutes = [0, 5, 6, 11, 16]; // 5-minute candles; the third comes a minute after the second
    const bars = (some: number[]): Bars =>
      barsOf({
        kind: "bars",
        meta: { time_base: some[0]! * 60_000, step: 60_000, interval_ms: 300_000 },
        arrays: {
          gap: Float64Array.from(some, (n, i) => (i === 0 ? 0 : n - some[i - 1]!)),
          ...Object.fromEntries(["open", "high", "low", "close"].map((key) => [key, new Float64Array(some.length)])),
          volume: new Float32Array(some.length),
        },
      });
    const spliced = spliceBars(bars(minutes.slice(0, 3)), bars(minutes.slice(3)), 3);
    expect([...spliced.missing]).toEqual([0, 0, 0, 0, 0]);
  });

  test("counts missing candles between any two columns, wherever the gaps are", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 8 }), fc.nat(), (gaps, at) => {
        const steps = [0, 1, ...gaps]; // at least two columns are adjacent
        const bars = (some: number[], base: number): Bars =>
          barsOf({
            kind: "bars",
            meta: { time_base: base, step: 60_000, interval_ms: 60_000 },
            arrays: {
              gap: Float64Array.from(some, (n, i) => (i === 0 ? 0 : n)),
              ...Object.fromEntries(
                ["open", "high", "low", "close"].map((key) => [key, new Float64Array(some.length)]),
              ),
              volume: new Float32Array(some.length),
            },
          });
        const whole = bars(steps, 0);
        const from = 2 + (at % gaps.length);
        const spliced = spliceBars(bars(steps.slice(0, from), 0), bars(steps.slice(from), whole.time[from]!), from);
        expect(spliced.time).toEqual(whole.time);
        expect([...spliced.missing]).toEqual([...whole.missing]);
      }),
    );
  });
});
