import { afterEach, expect, test, vi } from "vitest";
import { largestRadius, radiusOf, SMALLEST } from "../../src/chart/bubbles";
import type { Marks } from "../../src/frames/marks";
import { Overlay } from "../../src/frames/overlays";
import { marksText, outsideText, scaleText } from "../../src/panels/legend";
import { startHeartbeat } from "../../src/source/heartbeat";
import { bytesOf } from "../golden";

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

function overlay() {
  const told: string[] = [];
  const made = new Overlay({
    changed: (what) => told.push(what),
    troubled: () => told.push(`trouble ${made.problem}`),
    lost: () => told.push("lost"),
  });
  return { made, told };
}

test("frames are processed one at a time, in order of arrival", async () => {
  const { made, told } = overlay();
  made.takeMarks(bytesOf("events"));
  made.addMarks(bytesOf("events_tail"));
  made.takePositions(bytesOf("positions"));
  await made.settled;
  expect(told).toEqual(["marks", "marks", "positions"]);
  expect(made.marks).toMatchObject({ revision: 2, placed: 9 });
  made.takeMarks(new Uint8Array());
  made.takePositions(null);
  await made.settled;
  expect([made.marks, made.positions]).toEqual([null, null]);
});

test("a replay has the positions that were known by then", async () => {
  const { made } = overlay();
  made.takePositions(bytesOf("positions"));
  await made.settled;
  const { positions } = made;
  expect([null, 0, 8e15].map((asOf) => made.positionsIn(undefined, asOf))).toEqual([positions, null, null]); // no time
  const known = { ...positions!, time: 1000 };
  made.positions = known;
  expect([null, 999, 1000, 2000].map((asOf) => made.positionsIn(undefined, asOf))).toEqual([known, null, known, known]);
});

test("marks are requested again if live ones do not continue them", async () => {
  const { made, told } = overlay();
  made.addMarks(bytesOf("events_tail"));
  made.takeMarks(bytesOf("events"));
  made.addMarks(bytesOf("events_tail"));
  made.addMarks(bytesOf("events_tail"));
  await made.settled;
  expect(told).toEqual(["lost", "marks", "marks", "lost"]);
  expect(made.marks?.placed).toBe(9);
});

test("a bad frame is reported and keeps the last marks; a good frame clears the error", async () => {
  const { made, told } = overlay();
  made.takeMarks(bytesOf("events"));
  made.takeMarks(bytesOf("bad/events_side"));
  made.takePositions(bytesOf("events"));
  made.addMarks("nonsense");
  await made.settled;
  expect(made.marks?.placed).toBe(8);
  expect(told.filter((word) => word.startsWith("trouble")).length).toBe(3);
  expect(made.problem).toMatch(/^Realised liquidations could not be read.*section side/);
  made.takeMarks(bytesOf("events"));
  made.addMarks(bytesOf("events_tail"));
  await made.settled;
  expect(made.problem).toMatch(/^Positions could not be read.*wanted positions; found events/);
  made.takePositions(bytesOf("positions"));
  await made.settled;
  expect(made.problem).toBe("");
});

test("areas are proportional to USD, down to the smallest drawn mark", () => {
  const area = (usd: number): number => radiusOf(usd, 4e6, 20) ** 2;
  expect(area(4e6)).toBe(400);
  expect(area(1e6) / area(4e6)).toBeCloseTo(0.25, 12);
  expect(area(3e5) / area(1e5)).toBeCloseTo(3, 12);
  expect(radiusOf(1, 4e6, 20)).toBe(SMALLEST);
});

test("many large marks together make all of them smaller", () => {
  const sums = (circles: number) => ({ most: 10, longUsd: 4 * circles, shortUsd: 6 * circles });
  const pane = { width: 1200, height: 420 };
  const one = largestRadius(pane, sums(1));
  expect(one).toBeCloseTo(21, 12);
  const many = largestRadius(pane, sums(400));
  expect(400 * Math.PI * many ** 2).toBeCloseTo(0.04 * 1200 * 420, 6);
  expect(largestRadius(pane, sums(1e6))).toBe(3);
  expect(largestRadius({ width: 100, height: 60 }, sums(0.1))).toBe(9);
});

test("the legend names the marks, and says that sums of venues are lower bounds", () => {
  const marks = { most: 1_234_000, unknown: 0, outside: 0, outsideUsd: 0 } as Marks;
  expect(marksText(marks, { simulated: false, currency: "" })).toEqual([
    "area = USD, largest $1.23M",
    "as reported by the venue: a lower bound",
  ]);
  expect(marksText({ ...marks, unknown: 3 }, { simulated: true, currency: "" })).toEqual([
    "area = USD, largest $1.23M",
    "simulated",
    "dashed: price unknown, drawn at the low or high of its candles",
  ]);
  expect(outsideText(marks)).toBe("");
  expect(outsideText({ ...marks, outside: 1, outsideUsd: 500 })).toBe(
    "1 realised liquidation ($500) outside the candles",
  );
  expect(outsideText({ ...marks, outside: 1200, outsideUsd: 5e6 })).toBe(
    "1,200 realised liquidations ($5M) outside the candles",
  );
  expect([20.4, 9.94, 1.26, 0.314, 1234.5].map(scaleText)).toEqual([
    "scale 20 x",
    "scale 9.9 x",
    "scale 1.3 x",
    "scale 0.31 x",
    "scale 1,235 x",
  ]);
});

test("a view sends heartbeats from the start, and once that it is gone", () => {
  vi.useFakeTimers();
  const page = Object.assign(new EventTarget(), { hidden: true });
  vi.stubGlobal("document", page);
  const said: [string, string][] = [];
  const over = new AbortController();
  const source = {
    here: (view: string) => said.push(["here", view]),
    gone: (view: string) => said.push(["gone", view]),
  };
  startHeartbeat(source, over.signal);
  startHeartbeat(source, over.signal);
  expect(said.map(([what]) => what)).toEqual(["here", "here"]);
  expect(said[0]![1]).not.toBe(said[1]![1]);
  expect(said.every(([, view]) => view.length > 0 && view.length <= 64)).toBe(true);
  vi.advanceTimersByTime(10_500);
  expect(said.filter(([what, view]) => what === "here" && view === said[0]![1]).length).toBe(3);
  page.dispatchEvent(new Event("visibilitychange"));
  page.hidden = false;
  expect(said.length).toBe(6);
  page.dispatchEvent(new Event("visibilitychange"));
  const before = said.length;
  expect(before).toBe(8); // a page that becomes visible sends one at once
  over.abort();
  page.dispatchEvent(new Event("visibilitychange"));
  vi.advanceTimersByTime(60_000);
  expect(said.slice(before)).toEqual([
    ["gone", said[0]![1]],
    ["gone", said[1]![1]],
  ]);
});
