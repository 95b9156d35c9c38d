import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  type Bars,
  barsOf,
  cellOf,
  edgeOf,
  type Ledger,
  ledgerOf,
  rowOf,
  spliceBars,
  spliceLedger,
} from "../../src/frames/bars_and_ledger";
import { decodeFrame, type Frame } from "../../src/frames/wire";
import { replay } from "../../src/model/replay";
import { bytesOf, expected } from "../golden";
import { anyDecay, anyLedger, anyWeights, distance, FLOAT32 } from "../plain";

const read = (name: string): Promise<Frame> => decodeFrame(bytesOf(name));
const ARRAYS = ["start", "row", "tier", "notional", "sweep", "hours", "age"] as const;

describe("a ledger from its frame", () => {
  test("has what the frame says", async () => {
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

  test("take hostile words as short text only", async () => {
    const frame = await read("bars");
    Object.assign(frame.meta, { symbol: "<b>".repeat(1000), exchange: 5, notices: [1, "x"], decimals: 99, width: -1 });
    const { about } = barsOf(frame);
    expect(about.symbol.length).toBe(200);
    expect(about).toMatchObject({ exchange: "", notices: ["", "x"], decimals: 12, width: 1, autoDecayRate: null });
  });
});

describe("splicing a tail", () => {
  test("gives the whole ledger", async () => {
    const tail = await read("tail");
    const spliced = spliceLedger(ledgerOf(await read("ledger")), ledgerOf(tail), tail.meta.from as number);
    const whole = ledgerOf(await read("ledger_after"));
    expect(spliced.columns).toBe(whole.columns);
    expect(spliced.revision).toBe(2);
    for (const name of ARRAYS) expect(spliced[name], name).toEqual(whole[name]);
  });

  test("and the whole density", async () => {
    const tail = await read("tail");
    const from = tail.meta.from as number;
    const before = ledgerOf(await read("ledger"));
    const after = spliceLedger(before, ledgerOf(tail), from);
    for (const { weights, decay_rate, values } of expected.densities.ledger_after!) {
      const out = new Float32Array(after.rows * after.columns);
      replay(before, Float64Array.from(weights), decay_rate, out);
      replay(after, Float64Array.from(weights), decay_rate, out, from);
      expect(distance(out, values, 1)).toBeLessThan(2 * FLOAT32);
    }
  });

  test("gives the whole bars", async () => {
    const tail = await read("tail");
    const spliced = spliceBars(barsOf(await read("bars")), barsOf(tail), tail.meta.from as number);
    const whole = barsOf(await read("bars_after"));
    for (const name of ["time", "missing", "open", "high", "low", "close", "volume", "openInterest"] as const) {
      expect(spliced[name], name).toEqual(whole[name]);
    }
  });

  test("any cut of a ledger joins again", () => {
    fc.assert(
      fc.property(anyLedger(), fc.nat(), (whole, at) => {
        const from = at % whole.columns;
        const cut = whole.start[from]!;
        const tail: Ledger = {
          ...whole,
          columns: whole.columns - from,
          start: whole.start.slice(from).map((n) => n - cut),
          row: whole.row.slice(cut),
          tier: whole.tier.slice(cut),
          notional: whole.notional.slice(cut),
          sweep: whole.sweep.slice(2 * from),
          hours: whole.hours.slice(from),
          age: whole.age?.slice(cut) ?? null,
        };
        expect(spliceLedger(whole, tail, from)).toEqual(whole);
      }),
    );
  });

  test("counts missing candles between any two columns, wherever the gaps are", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 8 }), fc.nat(), (gaps, at) => {
        const steps = [0, 1, ...gaps]; // somewhere two columns are neighbours
        const bars = (some: number[], base: number): Bars =>
          barsOf({
            kind: "bars",
            meta: { time_base: base, step: 60_000, interval_ms: 60_000 },
            arrays: {
              gap: Uint32Array.from(some, (n, i) => (i === 0 ? 0 : n)),
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

describe("one cell taken apart", () => {
  test("adds up to the replayed cell, and its tiers to their own replays", () => {
    fc.assert(
      fc.property(anyLedger(), anyWeights, anyDecay, fc.nat(), fc.nat(), (ledger, weights, decayRate, t, r) => {
        const column = t % ledger.columns;
        const row = r % ledger.rows;
        const valueFor = (w: Float64Array): number => {
          const out = new Float32Array(ledger.rows * ledger.columns);
          replay(ledger, w, decayRate, out);
          return out[column * ledger.rows + row]!;
        };
        const cell = cellOf(ledger, weights, decayRate, column, row);
        expect(distance([cell.total], [valueFor(weights)], 1e-3)).toBeLessThan(FLOAT32);
        const shares = ledger.leverage.map((_, tier) => valueFor(weights.map((w, i) => (i === tier ? w : 0))));
        expect(distance(cell.byTier, shares, 1e-3)).toBeLessThan(FLOAT32);
      }),
      { numRuns: 300 },
    );
  });

  test("knows the mean age of what stands", () => {
    const ledger: Ledger = {
      revision: 1,
      barsRevision: 1,
      binSize: 1,
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
      beyond: [],
      settings: {},
    };
    expect(cellOf(ledger, Float64Array.of(1), 0, 2, 0)).toEqual({
      byTier: Float64Array.of(400),
      total: 400,
      age: (300 * 4 + 100 * 2) / 400,
    });
    ledger.sweep.set([0, 1], 4);
    expect(cellOf(ledger, Float64Array.of(1), 0, 2, 0)).toEqual({ byTier: Float64Array.of(0), total: 0, age: 0 });
  });
});

describe("rows of prices", () => {
  const on = (binSize: number, first: number): Ledger => ({ binSize, first }) as Ledger;

  // [bin, tick, both in units of 10 ** -decimals]
  const grids: [string, number, number][] = [
    ["0.01", 1, 2],
    ["0.05", 5, 2],
    ["0.1", 10, 2],
    ["0.5", 50, 2],
    ["1", 100, 2],
    ["2.5", 250, 2],
    ["10", 1000, 2],
    ["50", 5000, 2],
    ["250", 25_000, 2],
  ];
  test.each(grids)(
    "bin size %s: every tick-aligned price is in the row of its exact quotient",
    (name, ticks, decimals) => {
      const ledger = on(Number(name), 40);
      fc.assert(
        fc.property(fc.integer({ min: 1, max: 20_000_000 }), (hundredths) => {
          const price = Number(`${hundredths}e-${decimals}`);
          expect(rowOf(ledger, price)).toBe(Math.floor(hundredths / ticks) - 40);
        }),
        { numRuns: 3000 },
      );
    },
  );

  test.each(grids)("bin size %s: every edge belongs to the row above it", (name, ticks, decimals) => {
    const ledger = on(Number(name), 7);
    for (let edge = 8; edge < 3000; edge++) {
      expect(rowOf(ledger, Number(`${edge * ticks}e-${decimals}`))).toBe(edge - 7);
      expect(rowOf(ledger, edgeOf(ledger, edge - 7))).toBe(edge - 7);
    }
  });

  test("a plain floor would get some of them wrong", () => {
    expect(Math.floor(0.3 / 0.1)).toBe(2);
    expect(rowOf(on(0.1, 0), 0.3)).toBe(3);
  });

  test("prices off the grid are outside [0, rows)", () => {
    expect(rowOf(on(10, 5), 49.99)).toBe(-1);
    expect(rowOf(on(10, 5), 50)).toBe(0);
  });
});
