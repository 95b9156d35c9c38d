/** The profile beside the price axis: standing USD by price at one candle's close, with cumulative curves. */

import type { Clock } from "../base/clock";
import type { RowMap } from "../base/row_map";
import { GROUND } from "../base/theme";
import { usd } from "../base/units";
import { type Positions, stepsOf } from "../frames/positions";
import { type Band, bandOf } from "../model/band";
import { type Field, sidesOf } from "../model/field";
import { type PaneSize, sized } from "./heatmap";

/** Width of the profile's column in a plot, CSS pixels: large enough for labels of that size, if there is room. */
export const profileWidth = (plot: number, text: number): number =>
  Math.round(Math.min(Math.max(plot * 0.12, Math.min(text * 5.8, plot * 0.2)), 190));

const LONG = "#5ad1ff";
const SHORT = "#ffb066";
const TRUE = "#ffffff";
const RANGE = "#e8e6f260";
/** Width of the profile in units of the estimate's longest bar, which leaves room for the band. */
const ROOM = 2;

/** The column right of the price axis, as high as the plot: hovering repaints it without redrawing the chart. */
export class Profile {
  readonly canvas = document.createElement("canvas");
  /** Size of the labels, CSS pixels. */
  text = 10;
  /** Colour of the label below the price pane. */
  ink = "";
  /** Size of the column, CSS pixels. */
  #width = 0;
  #height = 0;
  /** Uncertainty band of the profile shown; null until input has been idle for a moment. */
  band: Band | null = null;
  /** What the band belongs to, or will: mix and decay, column from the end, revision. */
  #of: unknown[] = [];
  /** Timer of the next band; 0 if none is pending. */
  timer: ReturnType<typeof setTimeout> | 0 = 0;

  /** @param again - called when the band is ready, to redraw the profile */
  constructor(
    private readonly clock: Clock,
    private readonly again: () => void,
  ) {}

  /** Put the column right of the chart; all in CSS pixels. */
  place(left: number, width: number, height: number): void {
    this.canvas.style.left = `${left}px`;
    this.#width = width;
    this.#height = height;
  }

  remove(): void {
    clearTimeout(this.timer);
    this.canvas.remove();
  }

  /**
   * Draw one column of a field and the outline of positions; `map` gives the CSS pixels of rows.
   *
   * @returns the scale of the positions relative to the estimate; null if none are in view
   */
  draw(field: Field, column: number, size: PaneSize, map: RowMap, positions: Positions | null = null): number | null {
    const width = this.#width;
    const { grid, bars } = field;
    const { text } = this;
    const time = bars.time[column];
    const { currency } = bars.about;
    const context = sized(this.canvas, { ...size, width, height: this.#height });
    if (context === null || column < 0 || column >= field.columns) return null;
    const yOf = map.y;
    const [longs, shorts] = sidesOf(field, column);
    const values = field.column(column);
    const of = [field.weights, column - field.columns, field.revision];
    const other = of.findIndex((part, i) => part !== this.#of[i]);
    if (other >= 0 && this.canvas.isConnected) {
      if (other < 2) this.band = null; // on a new candle the old band stays until the new one is ready
      this.#of = of;
      clearTimeout(this.timer);
      this.timer = setTimeout(() => {
        this.timer = 0;
        this.band = bandOf(field, column);
        this.again();
      }, 400);
    }
    const { band } = this;
    const firstRow = Math.max(Math.floor(map.row(size.height)), 0);
    const lastRow = Math.min(Math.ceil(map.row(0)), grid.rows);
    const split = field.sides(column).bin; // this bin may hold both sides
    let most = 0;
    for (let r = firstRow; r < lastRow; r++) most = Math.max(most, ROOM * values[r]!);
    const [long, short] = [longs, shorts].map((side) => side.reduce((a, b) => a + b, 0)) as [number, number];
    context.font = `${text}px system-ui, sans-serif`;
    context.textAlign = "right";
    if (time !== undefined) label(context, `levels at ${this.clock.stamp(time).slice(5)}`, size.height, 1, this.ink);
    context.save();
    context.beginPath();
    context.rect(0, 0, width, size.height);
    context.clip();
    context.fillStyle = GROUND;
    context.fill();
    if (most > 0) {
      strips(context, longs, firstRow, Math.min(split + 1, lastRow), LONG);
      // In the bin with the close, the shorts' bar starts at the end of the longs' bar.
      strips(context, values, Math.max(split, firstRow), lastRow, SHORT, longs);
      if (band) strips(context, band[1], firstRow, lastRow, RANGE, band[0]);
    }
    const cap = Math.max(long, short);
    if (cap > 0) {
      curve(context, longs, split, firstRow, -1, LONG, cap);
      curve(context, shorts, split, lastRow, 1, SHORT, cap);
    }
    const peak = positions === null ? 0 : outline(context, positions);
    label(context, `all shorts ${usd(short, currency)}`, 0, 1, SHORT);
    label(context, `all longs ${usd(long, currency)}`, size.height, -1, LONG);
    context.restore();
    return peak > 0 ? (most > 0 ? most / peak : 1) : null;

    /** The nearest edge of a device pixel, where the heat's rows begin, too. */
    function pixel(y: number): number {
      return Math.round(y * size.ratioY) / size.ratioY;
    }

    function strips(
      c: CanvasRenderingContext2D,
      v: Float32Array,
      from: number,
      to: number,
      colour: string,
      begin: ArrayLike<number> = [],
    ): void {
      c.fillStyle = colour;
      c.globalAlpha = 0.78;
      c.beginPath();
      // Rows thinner than a pixel are pooled: the longest is drawn.
      for (let r = from, share = 1; r < to; r += share) {
        const unit = map.height(r);
        share = Math.max(Math.ceil(1 / unit), 1);
        let value = 0;
        let least = 0;
        for (let i = r; i < Math.min(r + share, to); i++) {
          value = Math.max(value, v[i]!);
          least = Math.max(least, begin[i] || 0);
        }
        if (value <= 0) continue;
        const scale = (width - 6) / most;
        const y = pixel(yOf(Math.min(r + share, to)));
        const height = Math.max(pixel(yOf(r)) - y - (unit > 3 ? 1 : 0), 0.75);
        c.rect(least * scale, y, (value - least) * scale, height);
      }
      c.fill();
      c.globalAlpha = 1;
    }

    function curve(
      c: CanvasRenderingContext2D,
      side: Float32Array,
      from: number,
      to: number,
      step: number,
      colour: string,
      cap: number,
    ): void {
      c.strokeStyle = colour;
      c.lineWidth = 1.25;
      c.beginPath();
      let sum = 0;
      for (let r = from; step > 0 ? r < to : r >= to; r += step) {
        sum += side[r] ?? 0;
        const x = (sum / cap) * (width - 6);
        if (r === from) c.moveTo(0, yOf(step > 0 ? r : r + 1));
        c.lineTo(x, yOf(step > 0 ? r + 1 : r));
      }
      c.stroke();
    }

    /** Draw the outline of positions in view, scaled so that the longest spans the profile; returns its USD. */
    function outline(c: CanvasRenderingContext2D, { binSize, first, row, usd }: Positions): number {
      if (binSize !== grid.binSize) return 0; // its rows are not the bins shown
      const move = first - grid.first;
      const share = Math.max(Math.ceil(1 / map.height(lastRow)), 1);
      const steps = stepsOf({ row, usd }, firstRow - move, lastRow - move, share);
      const peak = steps.reduce((longest, step) => Math.max(longest, step.usd), 0);
      if (peak === 0) return 0;
      c.beginPath();
      let end = Number.NaN;
      for (const step of steps) {
        const x = (step.usd / peak) * (width - 6);
        if (step.from !== end) {
          c.lineTo(0, yOf(end + move));
          c.moveTo(0, yOf(step.from + move));
        }
        c.lineTo(x, yOf(step.from + move));
        c.lineTo(x, yOf(step.to + move));
        end = step.to;
      }
      c.lineTo(0, yOf(end + move));
      c.lineJoin = "round";
      for (const [colour, line] of [
        ["rgba(10, 8, 24, 0.8)", 3.5],
        [TRUE, 1.25],
      ] as const) {
        c.strokeStyle = colour;
        c.lineWidth = line;
        c.stroke();
      }
      return peak;
    }

    /** Write words at the right, in as many lines as the width needs, below `y` or (`way` -1) above it. */
    function label(c: CanvasRenderingContext2D, words: string, y: number, way: 1 | -1, colour: string): void {
      const room = width - 6;
      const wide = (line: string): number => Math.min(c.measureText(line).width, room);
      const lines: string[] = [];
      // From the end, so that the last line is the fullest.
      for (const word of words.split(" ").reverse()) {
        const longer = `${word} ${lines[0]}`;
        if (lines.length > 0 && c.measureText(longer).width <= room) lines[0] = longer;
        else lines.unshift(word);
      }
      const step = text * 1.3;
      const first = (way > 0 ? y : y - lines.length * step - 4) + text + 3;
      for (const [i, line] of lines.entries()) {
        const at = first + i * step;
        if (at < size.height) {
          c.fillStyle = "rgba(10, 8, 24, 0.75)";
          c.fillRect(width - wide(line) - 5, at - text, wide(line) + 4, step);
        }
        c.fillStyle = colour;
        c.fillText(line, width - 3, at, room);
      }
    }
  }
}
