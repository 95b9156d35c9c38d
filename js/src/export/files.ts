/** Taking it with you: the picture as PNG; levels, clusters, grid and selection as CSV. */

import type { Clock } from "../base/clock";
import { paletteOf, spanOf } from "../base/colour";
import { decimalsOf, halfLife, price, usd, utc } from "../base/units";
import { edgeOf, type Ledger } from "../frames/bars_and_ledger";
import { clustersOf } from "../model/clusters";
import type { Field } from "../model/field";
import type { Selection, Settings } from "../source/settings";

/** What nobody may miss on anything that leaves the page. */
export const WORDS = "estimate, not a forecast";

/** A value of a table: numbers are written as they are, text is quoted. */
export type Value = string | number;

/**
 * One line of a table. Text that a spreadsheet would run as a formula gets an apostrophe before it; numbers, which
 * may be negative, do not.
 */
export function csvLine(values: readonly Value[]): string {
  return `${values.map((value) => (typeof value === "number" ? String(value) : csvText(value))).join(",")}\r\n`;
}

function csvText(text: string): string {
  const safe = /^\s*[=+\-@\t\r\n]/.test(text) ? `'${text}` : text;
  return /[",\r\n']/.test(safe) || safe !== safe.trim() ? `"${safe.replaceAll('"', '""')}"` : safe;
}

const isoOf = (ms: number): string => new Date(ms).toISOString().replace(".000Z", "Z");

/** Edges of a ledger's rows, USD, shape (rows + 1,): fifteen digits show no noise of floats. */
export const edgesOf = (ledger: Ledger): Float64Array =>
  Float64Array.from({ length: ledger.rows + 1 }, (_, row) => Number(edgeOf(ledger, row).toPrecision(15)));

/** Nine digits, which are all that a float32 has. */
const exact = (value: number): number => Number(value.toPrecision(9));

const LEVELS = ["symbol", "time_utc", "side", "price_low", "price_high", "estimate_usd"];

/** What stands at one candle's close as CSV: rows that are not empty, upwards, and their sums towards the close. */
export function levelsCsv(field: Field, column: number): string {
  const { ledger, bars } = field;
  const close = bars.close[column]!;
  const values = field.column(column);
  const edges = edgesOf(ledger);
  const centre = (row: number): number => (edges[row]! + edges[row + 1]!) / 2;
  const lines: Value[][] = [];
  const split = values.findIndex((_, row) => centre(row) >= close);
  const above = split < 0 ? values.length : split;
  const sums = new Float64Array(values.length);
  for (let r = above - 1, sum = 0; r >= 0; r--) sums[r] = sum += values[r]!;
  for (let r = above, sum = 0; r < values.length; r++) sums[r] = sum += values[r]!;
  const time = isoOf(bars.time[column]!);
  for (const [row, value] of values.entries()) {
    if (value === 0) continue;
    const place = [row < above ? "long" : "short", edges[row]!, edges[row + 1]!];
    const distance = exact(centre(row) / close - 1);
    lines.push([bars.about.symbol, time, ...place, exact(value), exact(sums[row]!), distance]);
  }
  return [[...LEVELS, "cumulative_usd", "distance"], ...lines].map(csvLine).join("");
}

/** The clusters at one candle's close as CSV, largest first. */
export function clustersCsv(field: Field, column: number): string {
  const { ledger, bars } = field;
  const edges = edgesOf(ledger);
  const head = [...LEVELS.slice(0, 5), "peak_price", "estimate_usd", "distance", "to_reach_usd"];
  const lines = clustersOf(field.column(column), edges, bars.close[column]!).map((cluster) => [
    bars.about.symbol,
    isoOf(bars.time[column]!),
    cluster.side,
    edges[cluster.from]!,
    edges[cluster.to]!,
    (edges[cluster.peak]! + edges[cluster.peak + 1]!) / 2,
    exact(cluster.usd),
    exact(cluster.distance),
    exact(cluster.toReach),
  ]);
  return [head, ...lines].map(csvLine).join("");
}

/** The levels inside a selection as CSV, candle by candle: as LiquidationHeatmap.selected() gives them. */
export function* selectionCsv(field: Field, box: Selection): Generator<string> {
  const { ledger, bars } = field;
  const edges = edgesOf(ledger);
  // What a row says of its prices is the same at every candle.
  const prices = Array.from({ length: ledger.rows }, (_, row) => `${edges[row]},${edges[row + 1]}`);
  const centres = prices.map((_, row) => (edges[row]! + edges[row + 1]!) / 2);
  yield csvLine(LEVELS);
  for (let t = 0; t < ledger.columns; t++) {
    if (bars.time[t]! < box.time_from || bars.time[t]! > box.time_to) continue;
    const start = csvLine([bars.about.symbol, isoOf(bars.time[t]!)]).slice(0, -2);
    const values = field.column(t);
    const close = bars.close[t]!;
    let lines = "";
    for (let row = 0; row < values.length; row++) {
      const centre = centres[row]!;
      if (values[row] === 0 || centre < box.price_low || centre > box.price_high) continue;
      lines += `${start},${centre < close ? "long" : "short"},${prices[row]},${exact(values[row]!)}\r\n`;
    }
    if (lines !== "") yield lines;
  }
}

/** Most rows of a grid as CSV: what a spreadsheet takes in one sheet. */
export const MAX_GRID_ROWS = 1_000_000;

/** How many rows the grid of some columns has. */
export function gridRows(field: Field, [from, to]: readonly [number, number]): number {
  const { rows } = field.ledger;
  let filled = 0;
  for (const value of field.values.subarray(from * rows, (to + 1) * rows)) if (value > 0) filled++;
  return filled;
}

/** All rows that are not empty of some columns as CSV, candle by candle. */
export function gridCsv(field: Field, [from, to]: readonly [number, number]): Generator<string> {
  const { time } = field.bars;
  const times = { time_from: time[from]!, time_to: time[to]! };
  return selectionCsv(field, { ...times, price_low: -Infinity, price_high: Infinity });
}

/** Name of a file about a field: letters, digits, dots and dashes, whatever the symbol is. */
export function fileName(field: Field, what: string, ending: string): string {
  const { about, time } = field.bars;
  const clean = (text: string): string =>
    text
      .replace(/[^A-Za-z0-9]+/g, "-")
      .replace(/^-+|-+$/g, "")
      .slice(0, 40);
  const at = utc(time[time.length - 1]!)
    .replace(" ", "T")
    .replace(/[-:]/g, "");
  return `${["liqwidget", clean(about.symbol), clean(about.interval), what, `${at}Z`].filter(Boolean).join("-")}.${ending}`;
}

const PAPERS = {
  dark: { paper: "#121019", ink: "#e8e6f2", dim: "#b3afc6" },
  light: { paper: "#ffffff", ink: "#23212e", dim: "#6d6a7c" },
} as const;
const MARGIN = 14;
/** Above the chart, CSS pixels. */
const TOP = 74;
const LINE = 15;

/** What a view shows, for the picture. */
export interface Shown {
  /** The chart's layers. */
  canvas: HTMLCanvasElement;
  /** Device pixels of the layers a CSS pixel. */
  ratio: number;
  theme: "light" | "dark";
  clock: Clock;
  /** First and last column in view. */
  columns: readonly [number, number];
  /** What is said of the data: badges, and what the marks mean. */
  words: string[];
}

/**
 * The chart with everything that has to be read with it, on one canvas: title, when, settings, legend, and that it is
 * an estimate.
 */
export function pictureOf(shown: Shown, field: Field, settings: Settings): HTMLCanvasElement {
  const { canvas: chart, ratio, theme, columns, clock } = shown;
  const { about, time } = field.bars;
  const { paper, ink, dim } = PAPERS[theme];
  const canvas = document.createElement("canvas");
  const context = canvas.getContext("2d");
  if (context === null) throw new Error("this browser has no canvas left for the picture");
  const width = Math.max(chart.width / ratio, 360) + 2 * MARGIN;
  const height = chart.height / ratio;
  context.font = fontOf(10.5);
  const made = `made ${utc(Date.now())} UTC with liqwidget · charts: TradingView Lightweight Charts`;
  const lines = [...wrapped(context, shown.words, width - 2 * MARGIN), made];
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round((TOP + height + 36 + lines.length * LINE) * ratio); // which clears it
  context.scale(ratio, ratio);
  context.fillStyle = paper;
  context.fillRect(0, 0, width, canvas.height / ratio);
  const write = (text: string, x: number, y: number, size: number, colour: string, align: CanvasTextAlign = "left") => {
    context.font = fontOf(size);
    context.textAlign = align;
    context.fillStyle = colour;
    context.fillText(text, x, y, width - 2 * MARGIN);
  };
  const [from, to] = columns.map((column) => clock.stamp(time[column]!));
  const title = [about.symbol, about.exchange, about.interval].filter(Boolean).join(" · ");
  write(title || "Liquidation levels", MARGIN, 24, 16, ink);
  write(`Estimated liquidation levels: ${WORDS}${about.simulated ? " · simulated market" : ""}`, MARGIN, 43, 12, ink);
  write(`candles from ${from} to ${to} · ${mixText(settings)}`, MARGIN, 61, 11, dim);
  context.drawImage(chart, MARGIN, TOP, chart.width / ratio, height);
  let y = TOP + height + 14;
  const colours = paletteOf(settings.palette);
  const bar = Math.min(width - 2 * MARGIN, 360);
  for (let i = 0; i < 255; i++) {
    context.fillStyle = `rgb(${colours[3 * i]} ${colours[3 * i + 1]} ${colours[3 * i + 2]})`;
    context.fillRect(MARGIN + (i * bar) / 255, y - 9, bar / 255 + 0.5, 8);
  }
  const span = spanOf(field.brightest, settings.threshold);
  y += 12;
  write(usd(span.low), MARGIN, y, 10.5, ink);
  write(`${usd(span.high)}${settings.threshold[1] < 1 ? " or more" : ""}`, MARGIN + bar, y, 10.5, ink, "right");
  write(
    `est. USD per bin of ${price(settings.binSize, decimalsOf(settings.binSize))} · ${settings.scale}`,
    MARGIN + bar / 2,
    y,
    10.5,
    dim,
    "center",
  );
  for (const line of lines) {
    y += LINE;
    write(line, MARGIN, y, 10.5, dim);
  }
  return canvas;
}

const fontOf = (size: number): string => `${size >= 15 ? "600 " : ""}${size}px system-ui, sans-serif`;

/** Words joined to lines that are no wider than `width` in the context's font. */
function wrapped(context: CanvasRenderingContext2D, words: string[], width: number): string[] {
  const lines: string[] = [];
  for (const word of words) {
    const longer = `${lines.at(-1)} · ${word}`;
    if (lines.length > 0 && context.measureText(longer).width <= width) lines[lines.length - 1] = longer;
    else lines.push(word);
  }
  return lines;
}

function mixText({ leverageMix, decayRate }: Settings): string {
  const sum = Object.values(leverageMix).reduce((a, b) => a + b, 0);
  const tiers = Object.entries(leverageMix)
    .filter(([, weight]) => weight > 0)
    .sort(([a], [b]) => Number(a) - Number(b))
    .map(([tier, weight]) => `${tier}x ${Math.round((weight / sum) * 100)} %`);
  return `${tiers.join(", ")} · ${halfLife(decayRate)}`;
}
