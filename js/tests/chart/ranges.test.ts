import { describe, expect, test } from "vitest";
import type { Chart } from "../../src/chart/chart";
import { extentOf, RANGES, rangesIn, timesOf } from "../../src/chart/ranges";
import { showView, viewOf } from "../../src/chart/viewport";

const MINUTE = 60_000;
const DAY = 1440 * MINUTE;
const extent = (days: number) => ({ first: 0, last: days * DAY - 5 * MINUTE, interval: 5 * MINUTE });

describe("ranges", () => {
  test("are offered if the data fill them", () => {
    expect(rangesIn(extent(0.9))).toEqual([]);
    expect(rangesIn(extent(1))).toEqual(["24h"]);
    expect(rangesIn(extent(7))).toEqual(["24h", "3d", "1w"]);
    expect(rangesIn(extent(400))).toEqual(["24h", "3d", "1w", "1m"]);
  });

  test("hold whole candles up to the last one", () => {
    const { time_from, time_to } = timesOf("24h", extent(7));
    expect((time_to - time_from) / (5 * MINUTE) + 1).toBe(288);
    expect(time_to).toBe(7 * DAY - 5 * MINUTE);
    expect(timesOf("1m", extent(7)).time_from).toBe(0);
  });

  test("end with the history, whatever window of it is here", () => {
    const time = Float64Array.of(2 * DAY, 3 * DAY);
    const about = { span: null, last: 3 * DAY, intervalMs: DAY };
    expect(extentOf({ time, about })).toEqual({ first: 2 * DAY, last: 3 * DAY, interval: DAY });
    const part = { ...about, span: [0, 90 * DAY] as [number, number] };
    expect(timesOf("1w", extentOf({ time, about: part }))).toEqual({ time_from: 84 * DAY, time_to: 90 * DAY });
    expect(Object.keys(RANGES)).toEqual(rangesIn(extentOf({ time, about: part })));
  });
});

describe("what a chart shows", () => {
  const chart = (follows: unknown, prices: { from: number; to: number } | null, did: unknown[] = []): Chart => {
    const axis = {
      isAuto: prices === null,
      prices,
      show: ({ from, to }: { from: number; to: number }) => did.push([from, to]),
    };
    const timeScale = () => ({ getVisibleLogicalRange: () => ({ from: 1, to: 2 }) });
    const fit = {
      follows,
      candles: () => did.push("all"),
      range: (range: string) => did.push(range),
      times: (...times: number[]) => did.push(times),
    };
    const bars = { time: [0, 1, 2, 3].map((t) => t * DAY), about: { intervalMs: DAY, width: 1, last: 3 * DAY } };
    const fitted = follows === "all";
    return { api: { timeScale }, axis, fit, fitted, bars, columnsInView: [1, 2] } as unknown as Chart;
  };
  const prices = { from: 100, to: 200 };
  const levels = { price_low: 100, price_high: 200 };

  test.each([
    ["all", null, null],
    ["all", prices, { time_from: 0, time_to: 3 * DAY, ...levels }],
    ["24h", null, { time_from: 3 * DAY, time_to: 3 * DAY, range: "24h" }],
    ["3d", prices, { time_from: DAY, time_to: 3 * DAY, range: "3d", ...levels }],
    [null, null, { time_from: DAY, time_to: 2 * DAY }],
    [null, prices, { time_from: DAY, time_to: 2 * DAY, ...levels }],
  ])("following %s is told in full, and can be shown again", (follows, shown, wanted) => {
    expect(viewOf(chart(follows, shown))).toEqual(wanted);
    const did: unknown[] = [];
    showView(chart(null, null, did), wanted as never);
    const times = [wanted?.time_from, wanted?.time_to];
    const first = wanted === null ? "all" : "range" in wanted ? follows : times;
    expect(did).toEqual(shown === null ? [first] : [first, [100, 200]]);
  });
});
