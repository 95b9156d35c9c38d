import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Grid, sizesOf } from "../../src/base/grid";
import { type Bars, barsOf, barsUntil, closeTime, spliceBars } from "../../src/frames/bars_and_ledger";
import { type Model, modelOf } from "../../src/frames/model";
import { decodeFrame } from "../../src/frames/wire";
import { CandleField } from "../../src/model/candle_field";
import { type Field, tiersOf } from "../../src/model/field";
import { type GoldenMarket, markets, unpacked } from "../golden";
import { distance, FLOAT32, type PlainCandle, plainEntries } from "../plain";

const mixOf = (leverage: number[], weights: number[]): Record<string, number> =>
  Object.fromEntries(leverage.map((tier, i) => [tier, weights[i]!]));
const sum = (values: Iterable<number>): number => [...values].reduce((a, b) => a + b, 0);

async function golden(market: GoldenMarket): Promise<{ bars: Bars; model: Model }> {
  return {
    bars: barsOf(await decodeFrame(unpacked(market.bars))),
    model: modelOf(await decodeFrame(unpacked(market.model))),
  };
}

/** The amount below the close. */
function longOf(field: Field, t: number): number {
  const { bin, long } = field.sides(t);
  return sum(field.column(t).subarray(0, bin)) + long;
}

describe.each(Object.entries(markets))("a market with %s", (_, market) => {
  test.each(market.planes)("has the density of Python's ledger on the same rows, %#", async (plane) => {
    const { bars, model } = await golden(market);
    for (const { factor, first, columns, values, long } of plane.bins) {
      const wanted = new Float32Array(unpacked(values).buffer);
      const binSize = model.rows.binSize * factor;
      const field = new CandleField(bars, model, {
        leverageMix: mixOf(model.leverage, plane.weights),
        decayRate: plane.decay_rate,
        binSize,
        turnover: null,
      });
      expect(field.grid).toMatchObject({ first, rows: wanted.length / columns.length });
      const found = columns.flatMap((t) => [...field.column(t)]);
      const most = Math.max(...wanted, 1e-9);
      expect(distance(found, wanted, most * 1e-3)).toBeLessThan(1e-5);
      const longs = columns.map((t) => longOf(field, t));
      expect(distance(longs, long, most * 1e-3)).toBeLessThan(1e-5);
      if (columns.length === field.columns)
        expect(distance([field.brightest], [Math.max(...found)])).toBeLessThan(FLOAT32);
    }
  });

  test.runIf(market.tail !== undefined)("is the same after a tail as when rebuilt", async () => {
    const { bars, model } = await golden(market);
    const tune = { leverageMix: { 3: 2, 10: 1, 25: 1, 100: 1 }, decayRate: 0.02, binSize: 0, turnover: null };
    const frame = await decodeFrame(unpacked(market.tail!));
    const before = barsOf(await decodeFrame(unpacked(market.bars_before!)));
    const from = frame.meta.from as number;
    for (const turnover of [null, 0.3]) {
      for (const look of [true, false]) {
        const field = new CandleField(before, model, { ...tune, turnover });
        if (look) sampled(field, 1);
        field.splice(spliceBars(before, barsOf(frame), from), from, 2);
        const anew = new CandleField(bars, model, { ...tune, turnover });
        expect(sampled(field, 1)).toEqual(sampled(anew, 1));
        expect(field.brightest).toBe(anew.brightest);
        for (const t of [0, from, field.columns - 1]) {
          expect(field.column(t)).toEqual(anew.column(t));
          expect(field.sides(t)).toEqual(anew.sides(t));
        }
      }
    }
  });
});

/** All columns of a field as passed to a picture, bin b of column c at `c * bins + b`. */
function sampled(field: Field, step: number): Float32Array {
  const bins = { from: 0, to: field.grid.rows };
  return field.sample({ from: -3, to: field.columns + 9, step, bins, block: 1 }).values;
}

const anyMarket = fc
  .record({
    row: fc.constantFrom(0.1, 0.25, 1, 5),
    steps: fc.array(
      fc.record({
        hours: fc.constantFrom(1, 1, 0.5, 30),
        move: fc.integer({ min: -40, max: 40 }),
        up: fc.integer({ min: 0, max: 30 }),
        down: fc.integer({ min: 0, max: 30 }),
        volume: fc.constantFrom(0, 1, 17.5, 400),
        change: fc.constantFrom(0, 0, 3, -5, 200, -200),
        mark: fc.constantFrom(Number.NaN, 0, 1.5),
      }),
      { minLength: 1, maxLength: 30 },
    ),
  })
  .map(({ row, steps }) => {
    let close = 100;
    const candles = steps.map(({ hours, move, up, down, volume, change, mark }, t): PlainCandle => {
      const open = close;
      close = Math.max(Math.round(10 * close + move) / 10, 40);
      const high = Math.round(10 * Math.max(open, close) + up) / 10;
      const low = Math.round(10 * Math.min(open, close) - Math.min(down, 100)) / 10;
      const marks = { markLow: low + mark, markHigh: high - mark };
      return { hours: t === 0 ? 0 : hours, high, low, close, volume, change: t === 0 ? 0 : change, ...marks };
    });
    const column = (of: (candle: PlainCandle) => number) => Float64Array.from(candles, of);
    let now = 0;
    const bars: Bars = {
      revision: 1,
      time: column(({ hours }) => (now += hours * 3_600_000)),
      missing: new Uint32Array(candles.length),
      open: column(({ close: price }) => price),
      high: column(({ high }) => high),
      low: column(({ low }) => low),
      close: column(({ close: price }) => price),
      volume: Float32Array.from(candles, ({ volume }) => volume),
      openInterest: Float32Array.from(candles, () => 1000),
      openInterestChange: Float32Array.from(candles, ({ change }) => change),
      venues: new Map(),
      markLow: column(({ markLow }) => markLow),
      markHigh: column(({ markHigh }) => markHigh),
      about: { width: 1, intervalMs: 1_800_000 } as Bars["about"],
    };
    const first = Math.floor(30 / row);
    const rows: Grid = { binSize: row, first, rows: Math.ceil(150 / row) - first };
    const model: Model = {
      revision: 1,
      barsRevision: 1,
      rows,
      leverage: [3, 20, 100],
      contracts: null,
      kLong: [0.6693440428380188, 0.9538152610441767, 0.9939759036144579],
      kShort: [1.3280212483399734, 1.045816733067729, 1.0059760956175299],
      turnover: 0.5,
      beyond: [0, 0, 0],
      settings: {},
    };
    return { candles, bars, model };
  });

const anyMix = fc
  .tuple(...[0, 1, 2].map(() => fc.constantFrom(0, 1, 2.5)))
  .map(([a, b, c]) => ({ 3: a! + (b! + c! === 0 ? 1 : 0), 20: b!, 100: c! }));
const anyRate = fc.constantFrom(0, 0.03, 2, 1e6);
const tuneOf = (leverageMix: Record<string, number>, decayRate: number, binSize = 0) => ({
  leverageMix,
  decayRate,
  binSize,
  turnover: null,
});

/** The amount in each bin at each candle, by the plain twin. */
function plainBins({ candles, model }: { candles: PlainCandle[]; model: Model }, field: CandleField): number[][] {
  const k = model.kLong.map((long, i): [number, number] => [long, model.kShort[i]!]);
  const factor = Math.round(field.grid.binSize / model.rows.binSize);
  return plainEntries(candles, k, model.rows, 0.5, 1).map((entries) => {
    const bins = new Array<number>(field.grid.rows).fill(0);
    for (const { row, tier, usd, hours } of entries) {
      const bin = Math.floor((model.rows.first + row) / factor) - field.grid.first;
      bins[bin]! += usd * field.weights[tier]! * Math.exp(-field.decayRate * hours);
    }
    return bins;
  });
}

describe("a field of candles", () => {
  test("equals the plain replay, whatever the bin size", () => {
    fc.assert(
      fc.property(anyMarket, anyMix, anyRate, fc.nat(), (market, mix, rate, pick) => {
        const sizes = sizesOf(market.model.rows);
        const field = new CandleField(market.bars, market.model, tuneOf(mix, rate, sizes[pick % sizes.length]));
        const wanted = plainBins(market, field);
        const found = sampled(field, 1);
        expect(distance(found, wanted.flat(), 1e-3)).toBeLessThan(FLOAT32);
        const last = field.columns - 1;
        for (const t of [last, 0, Math.floor(last / 2)]) {
          expect(distance(field.column(t), wanted[t]!, 1e-3)).toBeLessThan(FLOAT32);
        }
        expect(field.brightest).toBe(Math.max(...found));
      }),
      { numRuns: 100 },
    );
  });

  test("has the same total and the same longs at every candle for every bin size, to 1e-9", () => {
    fc.assert(
      fc.property(anyMarket, anyMix, anyRate, ({ bars, model }, mix, rate) => {
        const engineTotals = (size: number): number[] => {
          const field = new CandleField(bars, model, tuneOf(mix, rate, size));
          return Array.from(bars.time, (_, t) => t).flatMap((t) => {
            // In float64, because sums of float32 columns are only accurate to about 1e-7.
            let total = 0;
            field.visit(t, (_, tier, usd, hours) => {
              total += usd * field.weights[tier]! * Math.exp(-rate * hours);
            });
            return [total];
          });
        };
        const [finest, ...others] = sizesOf(model.rows);
        const wanted = engineTotals(finest!);
        const fine = new CandleField(bars, model, tuneOf(mix, rate, finest));
        for (const size of others) {
          expect(distance(engineTotals(size), wanted, 1e-9)).toBeLessThan(1e-9);
          const field = new CandleField(bars, model, tuneOf(mix, rate, size));
          for (let t = 0; t < field.columns; t++) {
            expect(distance([longOf(field, t)], [longOf(fine, t)], 1e-3)).toBeLessThan(1e-5);
            expect(distance([sum(field.column(t))], [sum(fine.column(t))], 1e-3)).toBeLessThan(1e-5);
          }
        }
      }),
      { numRuns: 30 },
    );
  });

  test("equals a new field after any change", () => {
    const change = fc.record({ mix: anyMix, rate: anyRate, size: fc.nat(), turnover: fc.constantFrom(null, 0.1, 1) });
    fc.assert(
      fc.property(anyMarket, fc.array(change, { maxLength: 4 }), fc.nat(), ({ bars, model }, changes, at) => {
        const sizes = sizesOf(model.rows);
        let tune = { ...tuneOf({ 3: 1, 20: 1, 100: 1 }, 0.01), turnover: null as number | null };
        const field = new CandleField(bars, model, tune);
        for (const { mix, rate, size, turnover } of changes) {
          field.column(at % field.columns);
          sampled(field, 1);
          tune = { leverageMix: mix, decayRate: rate, binSize: sizes[size % sizes.length]!, turnover };
          field.tune(tune);
        }
        const anew = new CandleField(bars, model, tune);
        expect(sampled(field, 1)).toEqual(sampled(anew, 1));
        expect(field.brightest).toBe(anew.brightest);
        expect(field.column(at % field.columns)).toEqual(anew.column(at % field.columns));
      }),
      { numRuns: 50 },
    );
  });

  test("breaks cells down into the tiers and ages of the plain entries", () => {
    fc.assert(
      fc.property(anyMarket, anyMix, fc.constantFrom(0, 0.03), fc.nat(), fc.nat(), (market, mix, rate, at, pick) => {
        const { bars, model, candles } = market;
        const sizes = sizesOf(model.rows);
        const field = new CandleField(bars, model, tuneOf(mix, rate, sizes[pick % sizes.length]));
        const t = at % field.columns;
        const k = model.kLong.map((long, i): [number, number] => [long, model.kShort[i]!]);
        const factor = Math.round(field.grid.binSize / model.rows.binSize);
        const entries = plainEntries(candles, k, model.rows, 0.5, 1)[t]!.map((entry) => ({
          ...entry,
          bin: Math.floor((model.rows.first + entry.row) / factor) - field.grid.first,
          usd: entry.usd * field.weights[entry.tier]! * Math.exp(-rate * entry.hours),
        }));
        const tiers = tiersOf(field, t);
        for (const bin of new Set([...entries.map((entry) => entry.bin), 0])) {
          const here = entries.filter((entry) => entry.bin === bin);
          const cell = field.cell(t, bin);
          const byTier = [0, 1, 2].map((tier) => sum(here.filter((e) => e.tier === tier).map(({ usd }) => usd)));
          expect(distance(cell.byTier, byTier, 1e-6)).toBeLessThan(1e-9);
          expect(distance(tiers.subarray(3 * bin, 3 * bin + 3), byTier, 1e-6)).toBeLessThan(1e-9);
          const aged = sum(here.map(({ usd, hours }) => usd * hours));
          if (cell.total > 1e-6) expect(cell.age).toBeCloseTo(aged / sum(byTier), 6);
        }
      }),
      { numRuns: 40 },
    );
  });
});

describe("columns for a picture", () => {
  /** A market that is long enough for states to be cached. */
  const long = (): { bars: Bars; model: Model } => {
    const [one] = fc.sample(anyMarket, { numRuns: 1, seed: 4 });
    const n = 3000;
    const wave = Float64Array.from({ length: n }, (_, t) => 100 + 8 * Math.sin(t / 40) + 3 * Math.sin(t / 3));
    const bars: Bars = {
      ...one!.bars,
      time: Float64Array.from({ length: n }, (_, t) => t * 300_000),
      close: wave,
      high: wave.map((price) => price + 0.5),
      low: wave.map((price) => price - 0.5),
      volume: new Float32Array(n).fill(10),
      openInterest: null,
      openInterestChange: null,
      markLow: null,
      markHigh: null,
    };
    return { bars, model: { ...one!.model, rows: { binSize: 0.25, first: 120, rows: 480 } } };
  };

  test("equal those of the whole replay, after any previous view", () => {
    const { bars, model } = long();
    const tune = tuneOf({ 3: 1, 20: 1, 100: 1 }, 0.05, 1.25);
    const whole = sampled(new CandleField(bars, model, tune), 1);
    const field = new CandleField(bars, model, tune);
    const height = field.grid.rows;
    const views = [
      [0, 3000, 4, 1],
      [2100, 2200, 1, 1],
      [2150, 2400, 1, 6],
      [2150, 2400, 1, 4],
      [900, 1100, 2, 3],
      [-500, 40, 1, 64],
      [2990, 5000, 3, 1],
    ] as const;
    for (const [from, to, step, block] of views) {
      for (const bins of [
        { from: 20, to: 60 },
        { from: 23, to: 61 },
        { from: 32, to: 56 },
        { from: 0, to: height },
      ]) {
        const sample = field.sample({ from, to, step, bins, block });
        expect(sample).toMatchObject({ block });
        expect((bins.from - sample.bins.from) % block).toBe(0);
        expect(bins.to === sample.bins.to || (bins.to - sample.bins.from) % block === 0).toBe(true);
        expect(sample.from).toBeLessThanOrEqual(Math.max(from, 0));
        expect(sample.from % sample.step).toBe(0);
        expect(sample.from + sample.count * sample.step).toBeGreaterThanOrEqual(Math.min(to, 3000));
        const count = Math.ceil((sample.bins.to - sample.bins.from) / block);
        const wanted = new Float32Array(sample.count * count);
        for (let c = 0; c < sample.count; c++) {
          const t = Math.min(sample.from + (c + 1) * sample.step, 3000) - 1;
          for (let i = 0; i < count; i++) {
            const first = sample.bins.from + i * block;
            const bins = whole.subarray(t * height + first, t * height + Math.min(first + block, sample.bins.to));
            wanted[c * count + i] = Math.max(...bins);
          }
        }
        expect(Buffer.from(sample.values.buffer).equals(Buffer.from(wanted.buffer))).toBe(true);
      }
    }
  });

  test("are not recomputed for a pan to neighbouring columns, but are after a change", () => {
    const { bars, model } = long();
    const tune = tuneOf({ 3: 1, 20: 1, 100: 1 }, 0.05, 1.25);
    const field = new CandleField(bars, model, tune);
    const bins = { from: 0, to: field.grid.rows };
    const first = field.sample({ from: 1000, to: 1400, step: 1, bins, block: 1 });
    expect(field.sample({ from: 1150, to: 1550, step: 1, bins, block: 1 })).toBe(first);
    expect(field.sample({ from: 1500, to: 1900, step: 1, bins, block: 1 })).not.toBe(first);
    field.tune({ ...tune, decayRate: 0.5 });
    const anew = new CandleField(bars, model, { ...tune, decayRate: 0.5 });
    for (const t of [2999, 17, 1500, 1501, 1024, 1023]) expect(field.column(t)).toEqual(anew.column(t));
    expect(field.brightest).toBe(anew.brightest);
  });

  test("grow with a replay, candle by candle, to what they are for one that starts there", () => {
    const { bars, model } = long();
    const tune = tuneOf({ 3: 1, 20: 1, 100: 1 }, 0.05, 10 * model.rows.binSize);
    for (const step of [1, 7]) {
      const field = new CandleField(bars, model, { ...tune, asOf: closeTime(bars, 1000) });
      const view = { from: 200, to: 2000, step, bins: { from: 0, to: field.grid.rows }, block: 2 };
      field.sample(view);
      for (let t = 1001; t < 1060; t++) {
        const asOf = closeTime(bars, t);
        field.tune({ ...tune, asOf });
        if (t % 9 === 0) field.column(t - 500); // a pointer over an earlier candle
        const { values, from, count } = field.sample(view);
        if (t % 19 !== 0) continue;
        const anew = new CandleField(bars, model, { ...tune, asOf });
        const wanted = anew.sample({ ...view, from });
        const shown = Math.min(count, wanted.count) * (values.length / count);
        expect(from).toBe(wanted.from);
        expect(values.slice(0, shown)).toEqual(wanted.values.slice(0, shown));
        expect(field.brightest).toBe(anew.brightest);
        expect(field.column(t)).toEqual(anew.column(t));
      }
    }
  });
});

describe("a replay", () => {
  const times = fc.array(fc.record({ at: fc.nat(), bin: fc.nat(), step: fc.constantFrom(1, 2, 3) }), {
    minLength: 1,
    maxLength: 8,
  });

  test("shows the field of the candles that have closed, whatever was shown before", () => {
    fc.assert(
      fc.property(anyMarket, anyMix, times, ({ bars, model }, mix, moments) => {
        const sizes = sizesOf(model.rows);
        const width = bars.about.intervalMs * bars.about.width;
        const field = new CandleField(bars, model, tuneOf(mix, 0.03, sizes[0]));
        for (const { at, bin, step } of moments) {
          const columns = (at % bars.time.length) + 1;
          const tune = tuneOf(mix, 0.03, sizes[bin % sizes.length]);
          const asOf = columns === bars.time.length ? null : bars.time[columns - 1]! + width;
          field.tune({ ...tune, asOf });
          const anew = new CandleField(barsUntil(bars, columns), model, tune);
          expect(field.columns).toBe(columns);
          expect(field.allBars).toBe(bars);
          expect(field.bars.close).toEqual(anew.bars.close);
          expect(sampled(field, step)).toEqual(sampled(anew, step));
          expect(field.brightest).toBe(anew.brightest);
          expect(field.column(columns - 1)).toEqual(anew.column(columns - 1));
          expect(field.cell(columns - 1, 0)).toEqual(anew.cell(columns - 1, 0));
        }
      }),
      { numRuns: 60 },
    );
  });

  test("keeps its bars while only the mix changes, and its time while live candles come", () => {
    const { bars, model } = fc.sample(
      anyMarket.filter((one) => one.bars.time.length > 6),
      { numRuns: 1, seed: 7 },
    )[0]!;
    const tune = tuneOf({ 3: 1, 20: 1, 100: 1 }, 0.03, model.rows.binSize);
    const asOf = closeTime(bars, 2);
    const field = new CandleField(barsUntil(bars, 5), model, { ...tune, asOf });
    expect(field.columns).toBe(3);
    const shown = field.bars;
    field.tune({ ...tune, leverageMix: { 3: 1, 20: 5, 100: 1 }, asOf });
    expect(field.bars).toBe(shown);
    field.splice(bars, 4, 2);
    expect(field.columns).toBe(3);
    expect(field.allBars).toBe(bars);
    field.tune({ ...tune, asOf: null });
    const anew = new CandleField(bars, model, tune);
    expect(sampled(field, 1)).toEqual(sampled(anew, 1));
    expect(field.brightest).toBe(anew.brightest);
  });

  test("begins with the first candle, since there is no picture without one", () => {
    const { bars, model } = fc.sample(anyMarket, { numRuns: 1, seed: 8 })[0]!;
    const field = new CandleField(bars, model, { ...tuneOf({ 3: 1, 20: 1, 100: 1 }, 0, 1), asOf: -1 });
    expect(field.columns).toBe(1);
  });
});
