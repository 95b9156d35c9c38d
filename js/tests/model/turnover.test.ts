import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { barsOf } from "../../src/frames/bars_and_ledger";
import { decodeFrame } from "../../src/frames/wire";
import { captionOf, TurnoverCurve } from "../../src/model/turnover";
import { markets, unpacked, words } from "../golden";

const solved = Object.entries(markets).filter(([, { turnovers }]) => turnovers.length > 0);
describe.each(solved)("the turnover of a market with %s", (_, { bars, turnovers }) => {
  test.each(turnovers)("at a rate of %d is Python's", async (rate, turnover, scale) => {
    const found = new TurnoverCurve(barsOf(await decodeFrame(unpacked(bars)))).at("auto", rate);
    expect(found.turnover).toBeCloseTo(turnover, 5);
    expect(found.scale).toBeCloseTo(scale, 6);
    expect(found).toMatchObject({ relative: false, auto: true });
  });
});

const anyCandles = fc.array(
  fc.record({
    volume: fc.double({ min: 0, max: 100, noNaN: true }),
    change: fc.double({ min: -20, max: 20, noNaN: true }),
    hours: fc.constantFrom(1, 1, 1, 5),
  }),
  { minLength: 1, maxLength: 20 },
);
type Candle = { volume: number; change: number; hours: number };

/** Bars: a first candle with 500 coins of open interest, then the given candles with changes of it. */
function barsFrom(candles: Candle[]) {
  let [time, interest] = [0, 500];
  const rows = [{ volume: 1, change: 0, hours: 0 }, ...candles].map((candle) => {
    time += candle.hours * 3_600_000;
    interest += candle.change;
    return { ...candle, time, interest };
  });
  return {
    time: Float64Array.from(rows, (row) => row.time),
    volume: Float32Array.from(rows, (row) => row.volume),
    openInterest: Float32Array.from(rows, (row) => row.interest),
    openInterestChange: Float32Array.from(rows, (row) => row.change),
  };
}

/** Coins that close and open on each side, and coin hours, candle by candle as the model's docs define them. */
function plain(bars: ReturnType<typeof barsFrom>, turnover: number) {
  let [closed, rise, exposure] = [0, 0, 0];
  for (let t = 1; t < bars.time.length; t++) {
    const [v, d] = [bars.volume[t]!, bars.openInterestChange[t]!];
    closed += Math.max((turnover * v + d) / 2, d, 0) - d;
    rise += Math.max(d, 0);
    exposure += (bars.openInterest[t - 1]! * (bars.time[t]! - bars.time[t - 1]!)) / 3_600_000;
  }
  return { closed, rise, exposure, hours: bars.time.at(-1)! / 3_600_000 };
}

test("coins closed per hour are the rate times open interest, or all volume opens, or amounts are scaled", () => {
  fc.assert(
    fc.property(anyCandles, fc.double({ min: 0, max: 0.2, noNaN: true }), (candles, rate) => {
      const bars = barsFrom(candles);
      const { turnover, scale } = new TurnoverCurve(bars).at("auto", rate);
      const { closed, rise, exposure, hours } = plain(bars, turnover);
      const wanted = rate * exposure;
      if (wanted < plain(bars, 0).closed) {
        expect(turnover).toBe(0);
        const grown = rate < 1e-12 ? hours : (1 - Math.exp(-rate * hours)) / rate;
        expect(scale).toBeCloseTo(Math.min(1, exposure / (rise * grown)), 6);
      } else {
        expect(scale).toBe(1);
        if (turnover === 1) expect(closed).toBeLessThanOrEqual(wanted * (1 + 1e-9) + 1e-9);
        else expect(Math.abs(closed - wanted)).toBeLessThan(1e-7 * (1 + wanted));
      }
    }),
    { numRuns: 500 },
  );
});

test.each([
  [22.7835111618042, 1.501322912072423e-25],
  [0.000010547019428486239, 9.042527082669949e-8],
])("nothing opens where nothing closes, whatever is rounded: %d, %d", (volume, change) => {
  const bars = barsFrom([
    { volume, change, hours: 1 },
    { volume: 0, change: 0, hours: 1 },
  ]);
  expect(new TurnoverCurve(bars).at("auto", 0).turnover).toBeLessThan(0.01);
});

test("a number is used as it is, and without open interest all volume opens", () => {
  const bars = barsFrom([{ volume: 5, change: 3, hours: 1 }]);
  expect(new TurnoverCurve(bars).at(0.2, 0.1)).toEqual({ turnover: 0.2, scale: 1, relative: false, auto: false });
  const without = new TurnoverCurve({ ...bars, openInterest: null, openInterestChange: null });
  expect(without.at("auto", 0.1)).toEqual({ turnover: 1, scale: 1, relative: true, auto: true });
  expect(without.at(0.2, 0.1)).toMatchObject({ turnover: 0.2, relative: true });
});

test.each(words.captions)("the caption of a turnover of %d, auto %j, known %j at %d per hour", (...row) => {
  const [turnover, auto, known, rate, caption] = row;
  expect(captionOf({ turnover, scale: 1, auto, relative: !known }, rate)).toBe(caption);
});

test("where openings are unknown, the caption says what the decay rate means", () => {
  expect(captionOf(null, Math.LN2 / 72)).toBe("half closes within 3 d");
});
