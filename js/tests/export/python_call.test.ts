import { describe, expect, test } from "vitest";
import { literal, pythonOf } from "../../src/export/python_call";
import { barsOf, ledgerOf } from "../../src/frames/bars_and_ledger";
import { decodeFrame } from "../../src/frames/wire";
import { LedgerField } from "../../src/model/ledger_field";
import { readSettings, type Settings } from "../../src/source/settings";
import { bytesOf } from "../golden";

const MIX = { 3: 40, 10: 30, 25: 20, 100: 10 };
const golden = async (about: object = {}, settings: Record<string, unknown> = {}): Promise<LedgerField> => {
  const bars = barsOf(await decodeFrame(bytesOf("bars")));
  bars.about = { ...bars.about, ...about };
  return new LedgerField(bars, { ...ledgerOf(await decodeFrame(bytesOf("ledger"))), settings }, MIX, 0.03);
};
const USUAL: Settings = {
  ...readSettings(() => undefined),
  leverageMix: MIX,
  binSize: 2.5,
  decayRate: Math.LN2 / 24,
  decayAuto: true,
  threshold: [0, 0.5],
};

describe("a Python literal", () => {
  test.each([
    [true, "True"],
    [false, "False"],
    [1e-7, "1e-7"],
    [-0.5, "-0.5"],
    [Number.NaN, "None"],
    [Infinity, "None"],
    [null, "None"],
    [undefined, "None"],
    [[0, 0.5], "(0, 0.5)"],
    ["BTC-USDT", '"BTC-USDT"'],
    ["币安 é_1", '"币安 é_1"'],
    ['"', '"\\U00000022"'],
    ["\\", '"\\U0000005c"'],
    ["a\nb\r\u2028\u2029\0", '"a\\U0000000ab\\U0000000d\\U00002028\\U00002029\\U00000000"'],
    ["\u202e\ud800😀", '"\\U0000202e\\U0000d800\\U0001f600"'],
    [{ 3: 1, 12.5: 0, "x'\"": [1] }, '{3: 1, 12.5: 0, "x\'\\U00000022": (1)}'],
  ])("of %j is %s", (value, wanted) => expect(literal(value)).toBe(wanted));
});

describe("a view as Python", () => {
  test("of a history creates a HistoryHeatmap without the arguments of the history", async () => {
    const field = await golden({ part: true }, { maintenance_rate: 0.01, turnover: 0.2, span: 0.1, fee_rate: 0.001 });
    expect(pythonOf(field, { ...USUAL, opacity: 0.5 }, null, null)).toContain(`
# history: what lw.history returned
hm = lw.HistoryHeatmap(
    history,
    leverage_mix={3: 40, 10: 30, 25: 20, 100: 10},
    opacity=0.5,
)
`);
  });

  test("names an inverse contract where the user has the candles", async () => {
    const call = pythonOf(await golden({ symbol: "MINE", exchange: "", contract: "inverse" }), USUAL, null, null);
    expect(call).toContain('lw.Market.from_frame(df, symbol="MINE", exchange="", contract="inverse")');
    expect(pythonOf(await golden({ contract: "" }), USUAL, null, null)).not.toContain("contract=");
  });

  test("has the mix, the bin size, and all other settings that are not defaults", async () => {
    expect(
      pythonOf(await golden(), USUAL, null, null),
    ).toBe(`# Estimated liquidation levels: an estimate, not a forecast.
import liqwidget as lw

# market: your candles, such as lw.Market.from_frame(df, symbol="TEST", exchange="")
hm = lw.LiquidationHeatmap(
    market,
    leverage_mix={3: 40, 10: 30, 25: 20, 100: 10},
    bin_size=2.5,
)
hm
`);
  });

  test("names every setting that differs", async () => {
    const rules = { maintenance_rate: 0.01, fee_rate: 0, turnover: 0.5, span: 0.25, evil: "x" };
    const look = {
      palette: "viridis",
      swept: true,
      layer: "both",
      bubbles: false,
      threshold: [0.1, 0.6],
      height: 400,
    } as const;
    const settings = {
      ...USUAL,
      ...look,
      threshold: [0.1, 0.6] as [number, number],
      decayRate: 0,
      decayAuto: false,
      asOf: 60_000,
    };
    const selection = { time_from: 1, time_to: 2, price_low: 3.5, price_high: 4 };
    const text = pythonOf(await golden({}, rules), settings, selection, {
      time_from: 60_000,
      time_to: 120_000,
      price_low: 1,
      price_high: 2.5,
    });
    expect(text.split("\n").slice(5)).toEqual([
      "    market,",
      "    leverage_mix={3: 40, 10: 30, 25: 20, 100: 10},",
      "    bin_size=2.5,",
      "    decay_rate=0,",
      "    maintenance_rate=0.01,",
      "    turnover=0.5,",
      '    palette="viridis",',
      "    threshold=(0.1, 0.6),",
      "    swept=True,",
      '    layer="both",',
      "    bubbles=False,",
      "    height=400,",
      '    visible={"time": ("1970-01-01 00:01:00", "1970-01-01 00:02:00"), "price": (1, 2.5)},',
      ")",
      'hm.as_of = "1970-01-01 00:01:00"',
      'hm.selection = {"time_from": 1, "time_to": 2, "price_low": 3.5, "price_high": 4}',
      "hm",
      "",
    ]);
  });

  test("leaves out the decay rate while it is automatic, and writes a number that the user chose", async () => {
    const field = await golden({ autoDecayRate: 0.07 });
    const auto = { ...USUAL, decayRate: 0.07 };
    expect(pythonOf(field, auto, null, null)).not.toContain("decay_rate");
    expect(pythonOf(field, { ...auto, decayAuto: false }, null, null)).toContain("decay_rate=0.07");
  });

  test.each([
    [{ origin: "sample", candles: 2016 }, "market = lw.load_sample()"],
    [
      { origin: "sample", candles: 18 },
      'market = lw.load_sample().between("2026-01-01 00:00:00", "2026-01-02 02:00:00")',
    ],
    [
      { origin: "fetch", symbol: "BTC", exchange: "okx", interval: "1h" },
      'market = lw.fetch("BTC", exchange="okx", interval="1h", start="2026-01-01 00:00:00", end="2026-01-02 03:00:00")',
    ],
  ])("makes the market of %j again", async (about, line) => {
    const field = await golden({ ...about, last: Date.UTC(2026, 0, 2, 2) });
    field.bars.time[0] = Date.UTC(2026, 0, 1);
    expect(pythonOf(field, USUAL, null, null).split("\n")[3]).toBe(line);
  });

  test("has a fixed number of lines for any settings and symbol", async () => {
    const evil = '1}); import os\n"); #\u2028';
    const settings = readSettings(() => [evil, evil]);
    const field = await golden({ symbol: evil, exchange: evil, origin: "fetch", interval: evil }, { span: evil });
    const loose = { leverageMix: { [evil]: evil, 3: [evil] }, binSize: evil } as unknown as Partial<Settings>;
    const box = { time_from: evil, [evil]: 1 } as never;
    const text = pythonOf(field, { ...settings, ...loose }, box, box);
    const outside = text.replaceAll(/"[^"\n]*"/g, "_");
    expect(outside).not.toContain("import os");
    expect(text.match(/\n/g)!.length).toBe(outside.match(/\n/g)!.length);
    expect(outside.split("\n").every((line) => !line.includes("os"))).toBe(true);
  });

  test("names a range, and leaves out an automatic bin size", async () => {
    const text = pythonOf(await golden(), { ...USUAL, binAuto: true }, null, {
      time_from: 1,
      time_to: 2,
      range: "3d",
    });
    expect(text).toContain('    visible="3d",\n)');
    expect(text).not.toContain("bin_size");
  });
});
