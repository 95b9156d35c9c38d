import { describe, expect, test } from "vitest";
import { edgeOf, edgesOf } from "../../src/base/grid";
import {
  cellsCsv,
  clustersCsv,
  csvLine,
  fileName,
  gridCsv,
  gridRows,
  levelsCsv,
  selectionCsv,
} from "../../src/export/files";
import { type Bars, barsOf, ledgerOf } from "../../src/frames/bars_and_ledger";
import { decodeFrame } from "../../src/frames/wire";
import { cellsOf } from "../../src/model/cells";
import { clustersOf } from "../../src/model/clusters";
import { LedgerField } from "../../src/model/ledger_field";
import { bytesOf } from "../golden";

const MIX = { 3: 40, 10: 30, 25: 20, 100: 10 };
const golden = async (symbol = "TEST"): Promise<LedgerField> => {
  const bars: Bars = barsOf(await decodeFrame(bytesOf("bars")));
  bars.about.symbol = symbol;
  return new LedgerField(bars, ledgerOf(await decodeFrame(bytesOf("ledger"))), MIX, 0.03);
};
const parsed = (csv: string): string[][] =>
  csv
    .split("\r\n")
    .slice(0, -1)
    .map((line) => line.split(","));

describe("a line of a table", () => {
  test.each([
    ["=1+1", `"'=1+1"`],
    ["+1", `"'+1"`],
    ["-1", `"'-1"`],
    ["@SUM(A1)", `"'@SUM(A1)"`],
    ["\t=1", `"'\t=1"`],
    [" =1", `"' =1"`],
    ['=HYPERLINK("x")', `"'=HYPERLINK(""x"")"`],
    ["a,b", '"a,b"'],
    ['say "x"', '"say ""x"""'],
    ["two\r\nlines", '"two\r\nlines"'],
    ["BTC-USDT", "BTC-USDT"],
    ["", ""],
  ])("text %j is %j", (text, written) => expect(csvLine([text])).toBe(`${written}\r\n`));

  test("numbers are unchanged, negative ones too", () => {
    expect(csvLine([-1.5, 0, 1e21])).toBe("-1.5,0,1e+21\r\n");
  });
});

describe("levels of a candle", () => {
  test("are the rows that are not empty, with their sums towards the close", async () => {
    const field = await golden();
    const t = field.ledger.columns - 1;
    const [head, ...lines] = parsed(levelsCsv(field, t));
    expect(head).toEqual(
      ["symbol", "time_utc", "side", "price_low", "price_high", "estimate_usd", "cumulative_usd"].concat("distance"),
    );
    const close = field.bars.close[t]!;
    const filled = [...field.column(t).entries()].filter(([, value]) => value > 0);
    expect(lines.length).toBe(filled.length);
    expect(lines.length).toBeGreaterThan(4);
    for (const [i, [row, value]] of filled.entries()) {
      const [symbol, time, side, low, high, usd, sum, distance] = lines[i]!;
      const centre = edgeOf(field.ledger, row + 0.5);
      expect([symbol, side]).toEqual(["TEST", centre < close ? "long" : "short"]);
      expect(Date.parse(time!)).toBe(field.bars.time[t]);
      expect([Number(low), Number(high)]).toEqual([edgeOf(field.ledger, row), edgeOf(field.ledger, row + 1)]);
      expect(Number(usd)).toBeCloseTo(value, 2);
      const between = filled.filter(([r]) =>
        centre < close ? r >= row && r < split(field, close) : r <= row && r >= split(field, close),
      );
      expect(Number(sum)).toBeCloseTo(
        between.reduce((total, [, v]) => total + v, 0),
        1,
      );
      expect(Number(distance)).toBeCloseTo(centre / close - 1, 5);
    }
  });

  test("a hostile symbol remains one cell of text", async () => {
    const csv = levelsCsv(await golden('=cmd|"/c calc",1'), 3);
    expect(csv.split("\r\n")[1]).toMatch(/^"'=cmd\|""\/c calc"",1",/);
  });
});

const split = (field: LedgerField, close: number): number =>
  Array.from({ length: field.ledger.rows }, (_, r) => r).findIndex((r) => edgeOf(field.ledger, r + 0.5) >= close);

test("a selection has its candles and its centres, both ends included", async () => {
  const field = await golden();
  const { time } = field.bars;
  const centre = (row: number): number => edgeOf(field.ledger, row + 0.5);
  const box = { time_from: time[4]!, time_to: time[9]!, price_low: centre(3), price_high: centre(14) };
  const [head, ...lines] = parsed([...cellsCsv(field, box)].join(""));
  expect(head).toEqual(["symbol", "time_utc", "side", "price_low", "price_high", "estimate_usd"]);
  let wanted = 0;
  for (let t = 4; t <= 9; t++) for (let r = 3; r <= 14; r++) wanted += field.column(t)[r]! > 0 ? 1 : 0;
  expect(lines.length).toBe(wanted);
  expect(wanted).toBeGreaterThan(10);
  const times = lines.map((line) => Date.parse(line[1]!));
  expect([Math.min(...times), Math.max(...times)]).toEqual([time[4], time[9]]);
  const lows = lines.map((line) => Number(line[3]));
  expect(Math.min(...lows)).toBeGreaterThanOrEqual(edgeOf(field.ledger, 3));
  expect(Math.max(...lows)).toBeLessThanOrEqual(edgeOf(field.ledger, 14));
});

test("the levels of a selection are what stood last in each of its rows", async () => {
  const field = await golden();
  const { time } = field.bars;
  const box = { time_from: time[1]!, time_to: time.at(-1)!, price_low: 0, price_high: 1e9 };
  const cells = parsed([...cellsCsv(field, box)].join("")).slice(1);
  const [head, ...lines] = parsed(selectionCsv(field, box));
  expect(head).toEqual("symbol,price_low,price_high,long_usd,short_usd,first_utc,last_utc".split(","));
  const lows = [...new Set(cells.map((cell) => Number(cell[3])))].sort((a, b) => a - b);
  expect(lines.map((line) => Number(line[1]))).toEqual(lows);
  expect(lines.length).toBeGreaterThan(9);
  for (const [symbol, low, high, long, short, first, last] of lines) {
    const here = cells.filter((cell) => cell[3] === low);
    const then = (side: string): string => here.find((cell) => cell[1] === last && cell[2] === side)?.[5] ?? "0";
    expect([symbol, high]).toEqual(["TEST", here[0]![4]]);
    expect([long, short]).toEqual([then("long"), then("short")]);
    expect([first, last]).toEqual([here[0]![1], here.at(-1)![1]]);
  }
});

test.each([
  ["BTCUSDT", /^liqwidget-BTCUSDT-/],
  ["../../etc/passwd", /^liqwidget-etc-passwd-/],
  ['<img src=x onerror="x">', /^liqwidget-img-src-x-onerror-x-/],
  ["", /^liqwidget-[^-]*-?levels-/],
  ["x".repeat(500), /^liqwidget-x{40}-/],
])("a file about %j has a name that is one", async (symbol, wanted) => {
  const name = fileName(await golden(symbol), "levels", "csv");
  expect(name).toMatch(wanted);
  expect(name).toMatch(/^[A-Za-z0-9-]+-levels-\d{8}T\d{4}Z\.csv$/);
});

test("clusters are lines with their sums, and the symbol remains a cell", async () => {
  const field = await golden("=1+1");
  const at = 6;
  const [head, ...lines] = parsed(clustersCsv(field, at));
  expect(head).toEqual(
    "symbol,time_utc,side,price_low,price_high,peak_price,estimate_usd,distance,to_reach_usd".split(","),
  );
  const found = clustersOf(cellsOf(field, at), field.bars.close[at]!);
  expect(lines.length).toBe(found.length);
  for (const [i, { side, low, high, usd, toReach }] of found.entries()) {
    const [symbol, time, ...cells] = lines[i]!;
    expect([symbol, Date.parse(time!), cells[0]]).toEqual([`"'=1+1"`, field.bars.time[at], side]);
    expect(cells.slice(1, 3).map(Number)).toEqual([low, high]);
    expect(Number(cells[4])).toBeCloseTo(usd, 3);
    expect(Number(cells[6])).toBeCloseTo(toReach, 3);
  }
});

test("a grid is every row that is not empty of the columns in view, as many as were counted", async () => {
  const field = await golden();
  const parts = [...gridCsv(field, [3, 8])];
  const [, ...lines] = parsed(parts.join(""));
  expect(parts.length).toBe(7); // a header, and one part per column
  expect(lines.length).toBe(gridRows(field, [3, 8]));
  const sum = lines.reduce((total, line) => total + Number(line[5]), 0);
  let wanted = 0;
  for (let t = 3; t <= 8; t++) wanted += field.column(t).reduce((a, b) => a + b, 0);
  expect(sum / wanted).toBeCloseTo(1, 6);
});

test.each([0.1, 0.3, 1e-8, 2.5, 1 / 3])("edges of bins of %d are the floats nearest to their decimals", (binSize) => {
  const ledger = { binSize, first: 12345, rows: 300 };
  const edges = edgesOf(ledger);
  expect(edges.length).toBe(301);
  for (const [row, edge] of edges.entries()) {
    expect(Math.abs(edge - (12345 + row) * binSize)).toBeLessThanOrEqual(4 * Number.EPSILON * edge);
    expect(String(edge).replace(/\D/g, "").replace(/^0+/, "").length).toBeLessThanOrEqual(binSize === 1 / 3 ? 15 : 9);
  }
});
