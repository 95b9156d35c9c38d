import { describe, expect, test } from "vitest";
import { bytesOf as base64Bytes, type Facts, PageSource, readFacts } from "../../src/source/saved_page";
import { bytesOf } from "../golden";

const FACTS: Facts = readFacts(
  JSON.stringify({ settings: { leverageMix: { 3: 1, 10: 1 }, decayRate: 0.05, binSize: 2.5 }, presets: {} }),
);
const loaded = async (change: Record<string, Uint8Array | undefined> = {}) => {
  const source = new PageSource(FACTS);
  await source.load({
    bars: bytesOf("bars"),
    ledger: bytesOf("ledger"),
    events: bytesOf("events"),
    positions: bytesOf("positions"),
    ...change,
  });
  return source;
};

describe("the facts of a page", () => {
  test("are settings, presets and a selection", () => {
    const selection = { time_from: 1, time_to: 2, price_low: 3, price_high: 4 };
    const presets = { hot: { 10: 1 } };
    const settings = { palette: "viridis", threshold: [0.1, 0.6], bubbles: false, height: 300, swept: true };
    const facts = readFacts(JSON.stringify({ settings, presets, selection }));
    expect(facts).toMatchObject({ settings, presets, selection });
  });
  test("have defaults where they make no sense", () => {
    const facts = readFacts('{"settings":{"palette":"<b>","decayRate":"x","height":1e9,"theme":3},"presets":[]}');
    expect(facts.settings).toMatchObject({ palette: "plasma", decayRate: 0, height: 4000, theme: "auto" });
    expect(facts).toMatchObject({ presets: {}, selection: null });
  });
  test.each(["[]", "null", "3"])("%s are none", (text) => expect(() => readFacts(text)).toThrow("wanted an object"));
});

test("frames are base64, white space allowed", () => {
  expect([...base64Bytes(" AAEC\n/w== ")]).toEqual([0, 1, 2, 255]);
  expect(base64Bytes("not base64!").length).toBe(0);
});

test("a page has its picture, its marks and its positions, and asks nobody", async () => {
  const source = await loaded();
  expect(source.status).toEqual({ state: "idle", message: "" });
  expect(source.field?.ledger.rows).toBe(24);
  expect(source.field?.values.some((value) => value > 0)).toBe(true);
  expect(source.marks?.placed).toBe(8);
  expect(source.positions?.binSize).toBe(2.5);
  expect(source.live.state).toBe("off");
  expect(source.binSizes[0]).toBe(2.5);
});

test("settings act at once", async () => {
  const source = await loaded();
  const told: string[] = [];
  const over = new AbortController();
  for (const event of ["settings", "picture"] as const) source.on(event, () => told.push(event), over.signal);
  const before = source.field!.values.slice();
  source.set({ decayRate: 1 });
  expect(source.field!.values).not.toEqual(before);
  source.set({ leverageMix: { 100: 1 }, palette: "cividis" });
  expect(source.settings).toMatchObject({ decayRate: 1, palette: "cividis", leverageMix: { 100: 1 } });
  expect(told).toEqual(["settings", "settings"]);
  over.abort();
  source.set({ decayRate: 0 });
  expect(told.length).toBe(2);
});

test("coarser bins keep candles, settings and totals, and the way back is exact", async () => {
  const source = await loaded();
  const revision = source.field!.revision;
  const fine = source.field!.values.slice();
  const positions = source.positions;
  source.set({ binSize: 12.5 });
  const coarse = source.field!;
  expect(coarse.ledger).toMatchObject({ binSize: 12.5, rows: 6 });
  expect(coarse.revision).toBeGreaterThan(revision);
  const total = (values: Float32Array): number => values.reduce((a, b) => a + b, 0);
  expect(Math.abs(total(coarse.values) - total(fine))).toBeLessThan(total(fine) * 1e-6);
  expect(source.positions?.binSize).toBe(12.5);
  expect(source.positions).toBe(source.positions);
  source.set({ binSize: 2.5 });
  expect(source.field!.values).toEqual(fine);
  expect(source.positions).toBe(positions);
});

test.each([1, 0, -5, 3, Number.NaN])("a bin size of %d is not possible and changes nothing", async (binSize) => {
  const source = await loaded();
  const { field } = source;
  source.set({ binSize });
  expect(source.field).toBe(field);
  expect(source.settings.binSize).toBe(2.5);
});

describe("what cannot be read is said in words", () => {
  test.each([
    ["no ledger", { ledger: undefined }, /could not be read. magic/],
    ["bars in its place", { ledger: bytesOf("bars") }, /wanted ledger; found bars/],
    ["other candles", { bars: bytesOf("bars_after") }, /wanted \d+ columns as in bars/],
    ["a broken frame", { ledger: bytesOf("bad/row_beyond") }, /section row/],
  ])("%s", async (_, change, words) => {
    const source = await loaded(change);
    expect(source.field).toBeNull();
    expect(source.status.state).toBe("error");
    expect(source.status.message).toMatch(words);
  });
  test("broken marks leave the picture", async () => {
    const source = await loaded({ events: bytesOf("bad/events_side") });
    expect(source.field).not.toBeNull();
    expect(source.status.message).toMatch(/Realised liquidations could not be read/);
  });
});
