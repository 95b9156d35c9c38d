import { describe, expect, test } from "vitest";
import { bytesOf as base64Bytes, type Facts, PageSource, readFacts } from "../../src/source/saved_page";
import { bytesOf, markets, unpacked } from "../golden";

const FACTS: Facts = readFacts(
  JSON.stringify({ settings: { leverageMix: { 3: 1, 10: 1 }, decayRate: 0.05, binSize: 2.5 }, presets: {} }),
);
/** A page of a market as the browser replays it, on rows of 0.5. */
const replayed = async (change: Record<string, Uint8Array | undefined> = {}) => {
  const { bars, model } = markets.plain!;
  const source = new PageSource({ ...FACTS, settings: { ...FACTS.settings, binSize: 0.5 } });
  await source.load({ bars: unpacked(bars), model: unpacked(model), positions: bytesOf("positions"), ...change });
  return source;
};
const valuesOf = ({ field }: PageSource): number[] =>
  Array.from({ length: field!.columns }, (_, t) => [...field!.column(t)]).flat();
/** A page of a window of a history. */
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
  test("consist of settings, presets and a selection", () => {
    const selection = { time_from: 1, time_to: 2, price_low: 3, price_high: 4 };
    const presets = { hot: { 10: 1 } };
    const settings = {
      palette: "viridis",
      threshold: [0.1, 0.6],
      bubbles: false,
      layer: "realised",
      height: 300,
      swept: true,
    };
    const facts = readFacts(JSON.stringify({ settings, presets, selection }));
    expect(facts).toMatchObject({ settings, presets, selection });
  });
  test("use defaults for invalid values", () => {
    const facts = readFacts('{"settings":{"palette":"<b>","decayRate":"x","height":1e9,"theme":3},"presets":[]}');
    expect(facts.settings).toMatchObject({ palette: "plasma", decayRate: 0, height: 4000, theme: "auto" });
    expect(facts).toMatchObject({ presets: {}, selection: null });
  });
  test.each(["[]", "null", "3"])("%s is refused", (text) => expect(() => readFacts(text)).toThrow("wanted an object"));
});

test("frames are base64, white space allowed", () => {
  expect([...base64Bytes(" AAEC\n/w== ")]).toEqual([0, 1, 2, 255]);
  expect(base64Bytes("not base64!").length).toBe(0);
});

test("a page has its picture, its marks and its positions, and sends no requests", async () => {
  const source = await loaded();
  expect(source.status).toEqual({ state: "idle", message: "" });
  expect(source.field?.grid.rows).toBe(24);
  expect(valuesOf(source).some((value) => value > 0)).toBe(true);
  expect(source.marks?.placed).toBe(8);
  expect(source.positions?.binSize).toBe(2.5);
  expect(source.live.state).toBe("off");
  expect(source.binSizes).toEqual([2.5]);
});

test("settings act at once", async () => {
  const source = await loaded();
  const told: string[] = [];
  const over = new AbortController();
  for (const event of ["settings", "picture"] as const) source.on(event, () => told.push(event), over.signal);
  const before = valuesOf(source);
  source.set({ decayRate: 1 });
  expect(valuesOf(source)).not.toEqual(before);
  source.set({ leverageMix: { 100: 1 }, palette: "cividis" });
  expect(source.settings).toMatchObject({ decayRate: 1, palette: "cividis", leverageMix: { 100: 1 } });
  expect(told).toEqual(["settings", "settings"]);
  over.abort();
  source.set({ decayRate: 0 });
  expect(told.length).toBe(2);
});

test("every bin size is available at once, with the same totals, and switching back is exact", async () => {
  const source = await replayed({ positions: undefined });
  expect(source.status).toEqual({ state: "idle", message: "" });
  expect(source.binSizes.slice(0, 3)).toEqual([0.5, 1, 2.5]);
  const fine = valuesOf(source);
  const total = fine.reduce((a, b) => a + b, 0);
  expect(total).toBeGreaterThan(0);
  for (const binSize of [...source.binSizes.slice(1), 3.5]) {
    const { revision } = source.field!;
    source.set({ binSize });
    expect(source.field!.grid.binSize).toBe(binSize);
    expect(source.field!.revision).toBeGreaterThan(revision);
    expect(valuesOf(source).reduce((a, b) => a + b, 0) / total).toBeCloseTo(1, 6);
  }
  source.set({ binSize: 0.5 });
  expect(valuesOf(source)).toEqual(fine);
});

test("positions are summed into the shown bins", async () => {
  const source = await replayed();
  const fine = source.positions!;
  expect(fine.binSize).toBe(2.5); // larger than the bins: unchanged
  source.set({ binSize: 25 });
  expect(source.positions).toMatchObject({ binSize: 25, first: source.field!.grid.first });
  expect(source.positions!.row.length).toBeLessThan(fine.row.length);
  const sum = (usd: Float64Array) => usd.reduce((a, b) => a + b, 0);
  expect(sum(source.positions!.usd)).toBeCloseTo(sum(fine.usd), 6);
  expect(source.positions).toBe(source.positions);
});

test("a bin size that is no multiple of a row becomes the nearest one on offer", async () => {
  const source = await replayed();
  source.set({ binSize: 0.8 });
  expect(source.field!.grid.binSize).toBe(1);
});

test("turnover follows the decay rate, or is a fixed number", async () => {
  const source = await replayed();
  source.set({ decayRate: 0.016 });
  expect(source.field!.opening).toMatchObject({ scale: 1, relative: false });
  expect(source.field!.opening!.turnover).toBeCloseTo(markets.plain!.turnovers[3]![1], 5);
  source.set({ turnover: 0.25 });
  expect(source.field!.opening!.turnover).toBe(0.25);
});

describe("errors for invalid contents", () => {
  test.each([
    ["neither ledger nor model", { ledger: undefined }, /could not be read. magic/],
    ["a model of other candles", { model: bytesOf("model"), bars: bytesOf("tail") }, /wanted bars; found tail/],
    ["bars in its place", { ledger: bytesOf("bars") }, /wanted ledger; found bars/],
    ["other candles", { bars: bytesOf("bars_after") }, /wanted \d+ columns as in bars/],
    ["a broken frame", { ledger: bytesOf("bad/row_beyond") }, /section row/],
  ])("%s", async (_, change, words) => {
    const source = await loaded(change);
    expect(source.field).toBeNull();
    expect(source.status.state).toBe("error");
    expect(source.status.message).toMatch(words);
  });
  test("broken marks do not affect the picture", async () => {
    const source = await loaded({ events: bytesOf("bad/events_side") });
    expect(source.field).not.toBeNull();
    expect(source.status.message).toMatch(/Realised liquidations could not be read/);
  });
});
