/** Export: the picture as PNG; levels, clusters, grid and selection as CSV. */

import type { Clock } from "../base/clock";
import { paletteOf, spanOf } from "../base/colour";
import { edgesOf } from "../base/grid";
import { decimalsOf, halfLife, price, usd, utc } from "../base/units";
import { cellsOf } from "../model/cells";
import { clustersOf } from "../model/clusters";
import { type Field, sidesOf } from "../model/field";
import { columnsIn, levelsIn, rowsIn } from "../model/levels";
import type { Selection, Settings } from "../source/settings";

/** Printed on every exported picture. */
export const WORDS = "estimate, not a forecast";

/** A value of a table: numbers are written unquoted, text is quoted if needed. */
export type Value = string | number;

/**
 * One line of a table. Text that a spreadsheet would run as a formula is prefixed with an apostrophe; numbers are not,
 * so that they may be negative.
 */
export function csvLine(values: readonly Value[]): string {
  return `${values.map((value) => (typeof value === "number" ? String(value) : csvText(value))).join(",")}\r\n`;
}

function csvText(text: string): string {
  const safe = /^\s*[=+\-@\t\r\n]/.test(text) ? `'${text}` : text;
  return /[",\r\n']/.test(safe) || safe !== safe.trim() ? `"${safe.replaceAll('"', '""')}"` : safe;
}

const isoOf = (ms: number): string => new Date(ms).toISOString().replace(".000Z", "Z");

/** A float32 with nine significant digits, which identify it exactly. */
const exact = (value: number): number => Number(value.toPrecision(9));

const SIDES = ["long", "short"] as const;
const LEVELS = ["symbol", "time_utc", "side", "price_low", "price_high", "estimate_usd"];

/** The levels at one candle's close as CSV: non-empty rows by ascending price, with cumulative sums from the close. */
export function levelsCsv(field: Field, column: number): string {
  const { bars } = field;
  const close = bars.close[column]!;
  const sides = sidesOf(field, column);
  const edges = edgesOf(field.grid);
  const sums = sides.map((side) => new Float64Array(side.length));
  for (let r = edges.length - 2, sum = 0; r >= 0; r--) sums[0]![r] = sum += sides[0][r]!;
  for (let r = 0, sum = 0; r < edges.length - 1; r++) sums[1]![r] = sum += sides[1][r]!;
  const time = isoOf(bars.time[column]!);
  const lines: Value[][] = [];
  for (let row = 0; row < edges.length - 1; row++) {
    for (const [i, side] of SIDES.entries()) {
      const value = sides[i]![row]!;
      if (value === 0) continue;
      const distance = exact((edges[row]! + edges[row + 1]!) / 2 / close - 1);
      const place = [side, edges[row]!, edges[row + 1]!];
      lines.push([bars.about.symbol, time, ...place, exact(value), exact(sums[i]![row]!), distance]);
    }
  }
  return [[...LEVELS, "cumulative_usd", "distance"], ...lines].map(csvLine).join("");
}

/** The clusters at one candle's close as CSV, largest first. */
export function clustersCsv(field: Field, column: number): string {
  const { bars } = field;
  const head = [...LEVELS.slice(0, 5), "peak_price", "estimate_usd", "distance", "to_reach_usd"];
  const lines = clustersOf(cellsOf(field, column), bars.close[column]!).map((cluster) => [
    bars.about.symbol,
    isoOf(bars.time[column]!),
    cluster.side,
    cluster.low,
    cluster.high,
    cluster.peak,
    exact(cluster.usd),
    exact(cluster.distance),
    exact(cluster.toReach),
  ]);
  return [head, ...lines].map(csvLine).join("");
}

/** The levels inside a selection as CSV, by rising price, as in LiquidationHeatmap.selected(). */
export function selectionCsv(field: Field, box: Selection): string {
  const { bars, grid } = field;
  const edges = edgesOf(grid);
  const head = ["symbol", "price_low", "price_high", "long_usd", "short_usd", "first_utc", "last_utc"];
  const lines = levelsIn(field, box).map(({ row, long, short, first, last }): Value[] => [
    bars.about.symbol,
    edges[row]!,
    edges[row + 1]!,
    exact(long),
    exact(short),
    isoOf(bars.time[first]!),
    isoOf(bars.time[last]!),
  ]);
  return [head, ...lines].map(csvLine).join("");
}

/** The cells inside a selection as CSV, candle by candle, as in LiquidationHeatmap.selected(cells=True). */
export function* cellsCsv(field: Field, box: Selection): Generator<string> {
  const { bars, grid } = field;
  const edges = edgesOf(grid);
  // The prices of a bin are the same at every candle.
  const prices = Array.from({ length: grid.rows }, (_, row) => `${edges[row]},${edges[row + 1]}`);
  const rows = rowsIn(field, box);
  yield csvLine(LEVELS);
  for (const t of columnsIn(field, box)) {
    const start = csvLine([bars.about.symbol, isoOf(bars.time[t]!)]).slice(0, -2);
    const sides = sidesOf(field, t);
    let lines = "";
    for (const row of rows) {
      for (const [i, side] of SIDES.entries()) {
        const value = sides[i]![row]!;
        if (value !== 0) lines += `${start},${side},${prices[row]},${exact(value)}\r\n`;
      }
    }
    if (lines !== "") yield lines;
  }
}

/** Maximum rows of a grid as CSV: the limit of a spreadsheet. */
export const MAX_GRID_ROWS = 1_000_000;

/** Maximum columns sampled to estimate how many rows a grid has. */
const LOOKED_AT = 200;

/** Approximate number of rows of the grid of a range of columns; exact for few columns. */
export function gridRows(field: Field, [from, to]: readonly [number, number]): number {
  const step = Math.ceil((to - from + 1) / LOOKED_AT);
  let filled = 0;
  for (let t = from; t <= to; t += step)
    for (const value of field.column(t)) if (value > 0) filled += Math.min(step, to - t + 1);
  return filled;
}

/** All non-empty rows of a range of columns as CSV, candle by candle. */
export function gridCsv(field: Field, [from, to]: readonly [number, number]): Generator<string> {
  const { time } = field.bars;
  const times = { time_from: time[from]!, time_to: time[to]! };
  return cellsCsv(field, { ...times, price_low: -Infinity, price_high: Infinity });
}

/** File name for an export: only letters, digits, dots and dashes, whatever the symbol contains. */
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
/** Space above the chart, CSS pixels. */
const TOP = 74;
const LINE = 15;

/** The view that a picture shows. */
export interface Shown {
  /** The chart's layers. */
  canvas: HTMLCanvasElement;
  /** Device pixels of the layers per CSS pixel. */
  ratio: number;
  theme: "light" | "dark";
  clock: Clock;
  /** First and last column in view. */
  columns: readonly [number, number];
  /** The brightest cell that the colours are scaled to, USD. */
  brightest: number;
  /** What is said of the numbers, and the legend. */
  words: string[];
  /** Names of the panes below the price. */
  names: readonly { name: string; top: number; fits: boolean }[];
  /** The selected box, CSS pixels of the chart; null: none, or out of view. */
  selected: { x: number; y: number; width: number; height: number } | null;
}

/**
 * The chart on one canvas with everything needed to read it: title, times, settings, legend, and the note that it is
 * an estimate.
 */
export function pictureOf(shown: Shown, field: Field, settings: Settings): HTMLCanvasElement {
  const { canvas: chart, ratio, theme, columns, clock } = shown;
  const { about, time } = field.bars;
  const { paper, ink, dim } = PAPERS[theme];
  const canvas = document.createElement("canvas");
  const context = canvas.getContext("2d");
  if (context === null) throw new Error("this browser could not create a canvas for the picture");
  const width = Math.max(chart.width / ratio, 360) + 2 * MARGIN;
  const height = chart.height / ratio;
  context.font = fontOf(10.5);
  const made = `made ${utc(Date.now())} UTC with liqwidget · charts: TradingView Lightweight Charts`;
  const lines = [...wrapped(context, shown.words, width - 2 * MARGIN), made];
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round((TOP + height + 36 + lines.length * LINE) * ratio); // this clears the canvas
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
  const title = [about.symbol, about.contract, about.exchange, about.interval].filter(Boolean).join(" · ");
  write(title || "Liquidation levels", MARGIN, 24, 16, ink);
  write(`Estimated liquidation levels: ${WORDS}${about.simulated ? " · simulated market" : ""}`, MARGIN, 43, 12, ink);
  const said = [
    `candles from ${from} to ${to}`,
    mixText(settings.leverageMix),
    halfLife(settings.decayRate),
    ...about.notices,
  ].join(" · ");
  write(said, MARGIN, 61, 11, dim);
  context.drawImage(chart, MARGIN, TOP, chart.width / ratio, height);
  for (const { name, top, fits } of shown.names) if (fits) write(name, MARGIN + 8, TOP + top + 14, 10.5, dim);
  if (shown.selected !== null) {
    const box = shown.selected;
    const place = [MARGIN + box.x, TOP + box.y, box.width, box.height] as const;
    context.fillStyle = "rgb(255 255 255 / 8%)";
    context.fillRect(...place);
    context.strokeStyle = "#ffffff";
    context.lineWidth = 1.5;
    context.strokeRect(...place);
  }
  let y = TOP + height + 14;
  const colours = paletteOf(settings.palette);
  const bar = Math.min(width - 2 * MARGIN, 360);
  for (let i = 0; i < 255; i++) {
    context.fillStyle = `rgb(${colours[3 * i]} ${colours[3 * i + 1]} ${colours[3 * i + 2]})`;
    context.fillRect(MARGIN + (i * bar) / 255, y - 9, bar / 255 + 0.5, 8);
  }
  const span = spanOf(shown.brightest, settings.threshold);
  y += 12;
  write(usd(span.low, about.currency), MARGIN, y, 10.5, ink);
  write(
    `${usd(span.high, about.currency)}${settings.threshold[1] < 1 ? " or more" : ""}`,
    MARGIN + bar,
    y,
    10.5,
    ink,
    "right",
  );
  write(
    `est. ${about.currency || "USD"} per bin of ${price(settings.binSize, decimalsOf(settings.binSize))} · ${settings.scale}`,
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

/** Join texts into lines no wider than `width` in the context's font. */
function wrapped(context: CanvasRenderingContext2D, words: string[], width: number): string[] {
  const lines: string[] = [];
  for (const word of words) {
    const longer = `${lines.at(-1)} · ${word}`;
    if (lines.length > 0 && context.measureText(longer).width <= width) lines[lines.length - 1] = longer;
    else lines.push(word);
  }
  return lines;
}

/** A leverage mix as text: 5x 60 %, 10x 40 %. */
export function mixText(mix: Settings["leverageMix"]): string {
  const sum = Object.values(mix).reduce((a, b) => a + b, 0);
  return Object.entries(mix)
    .filter(([, weight]) => weight > 0)
    .sort(([a], [b]) => Number(a) - Number(b))
    .map(([tier, weight]) => `${tier}x ${Math.round((weight / sum) * 100)} %`)
    .join(", ");
}
