/** The side profile: what stands at one candle's close, against price, with cumulative curves. */

import type { Clock } from "../base/clock";
import { usd } from "../base/units";
import { type Positions, stepsOf } from "../frames/positions";
import { type Band, bandOf } from "../model/band";
import type { Field } from "../model/field";
import { type PaneSize, sized } from "./heatmap";

/** Width that the profile takes from a pane, CSS pixels. */
export const profileWidth = (paneWidth: number): number => Math.round(Math.min(Math.max(paneWidth * 0.15, 64), 190));

const LONG = "#5ad1ff";
const SHORT = "#ffb066";
const TRUE = "#ffffff";
const RANGE = "#e8e6f260";
/** Of the estimate's longest row, so that what it may be as well has its place. */
const ROOM = 2;

/** Its own canvas over the price pane's right end: hovering repaints this one and leaves the chart alone. */
export class Profile {
  readonly canvas = document.createElement("canvas");
  /** Size of the labels, CSS pixels. */
  text = 10;
  /** Range of what is shown; null until the hand has rested for a moment. */
  band: Band | null = null;
  /** What it is of, or will be: mix and decay, column from the end, revision. */
  #of: unknown[] = [];
  /** Of the next range; 0 when none is on its way. */
  timer: ReturnType<typeof setTimeout> | 0 = 0;

  /** @param again - have it drawn anew, with its band */
  constructor(
    private readonly clock: Clock,
    private readonly again: () => void,
  ) {}

  remove(): void {
    clearTimeout(this.timer);
    this.canvas.remove();
  }

  /**
   * Draw one column of a field, and the outline of positions over it; `yOf` gives the CSS pixel of a row's lower edge.
   *
   * @returns how much larger than the estimate the positions are drawn; null where none are in view
   */
  draw(
    field: Field,
    column: number,
    size: PaneSize,
    yOf: (row: number) => number,
    positions: Positions | null = null,
  ): number | null {
    const width = profileWidth(size.width);
    const { ledger, bars } = field;
    const { text } = this;
    const time = bars.time[column];
    const at = time === undefined ? "" : this.clock.stamp(time).slice(5);
    const letter = 0.6 * text;
    // A profile that is narrower than its labels leaves them their room.
    const right = Math.max(width, at.length * letter) + 4;
    this.canvas.style.left = `${size.width - right}px`;
    const context = sized(this.canvas, { ...size, width: right });
    if (context === null || column < 0 || column >= ledger.columns) return null;
    const bottom = yOf(0);
    const unit = bottom - yOf(1);
    const close = bars.close[column]!;
    const values = field.column(column);
    const of = [field.weights, column - ledger.columns, field.revision];
    const other = of.findIndex((part, i) => part !== this.#of[i]);
    if (other >= 0 && this.canvas.isConnected) {
      if (other < 2) this.band = null; // a candle that comes leaves it until the new one is there
      this.#of = of;
      clearTimeout(this.timer);
      this.timer = setTimeout(() => {
        this.timer = 0;
        this.band = bandOf(field, column);
        this.again();
      }, 400);
    }
    const { band } = this;
    const firstRow = Math.max(Math.floor((bottom - size.height) / unit), 0);
    const lastRow = Math.min(Math.ceil(bottom / unit), ledger.rows);
    const split = Math.min(Math.max(Math.round(close / ledger.binSize - ledger.first), 0), ledger.rows);
    let most = 0;
    for (let r = firstRow; r < lastRow; r++) most = Math.max(most, ROOM * values[r]!);
    let longs = 0;
    let shorts = 0;
    for (let r = 0; r < split; r++) longs += values[r]!;
    for (let r = split; r < ledger.rows; r++) shorts += values[r]!;
    const gradient = context.createLinearGradient(right - width - 4, 0, right - width + 24, 0);
    gradient.addColorStop(0, "rgba(10, 8, 24, 0)");
    gradient.addColorStop(1, "rgba(10, 8, 24, 0.72)");
    context.fillStyle = gradient;
    context.fillRect(0, 0, right, size.height);
    if (most > 0) {
      strips(context, values, firstRow, Math.min(split, lastRow), LONG);
      strips(context, values, Math.max(split, firstRow), lastRow, SHORT);
      if (band) strips(context, band[1], firstRow, lastRow, RANGE, band[0]);
    }
    const cap = Math.max(longs, shorts);
    if (cap > 0) {
      curve(context, split - 1, firstRow, -1, LONG, cap);
      curve(context, split, lastRow, 1, SHORT, cap);
    }
    const peak = positions === null ? 0 : outline(context, positions);
    context.font = `${text}px system-ui, sans-serif`;
    context.textAlign = "right";
    label(context, width < (at.length + 9) * letter ? at : `standing ${at}`, text * 1.4, "#b3afc6");
    label(context, `short Σ ${usd(shorts)}`, text * 2.9, SHORT);
    label(context, `long Σ ${usd(longs)}`, size.height - 8, LONG);
    return peak > 0 ? (most > 0 ? most / peak : 1) : null;

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
      // Rows thinner than a pixel share one: the longest of them is drawn.
      const share = Math.max(Math.ceil(1 / unit), 1);
      for (let r = from; r < to; r += share) {
        let value = 0;
        let least = 0;
        for (let i = r; i < Math.min(r + share, to); i++) {
          value = Math.max(value, v[i]!);
          least = Math.max(least, begin[i] || 0);
        }
        if (value <= 0) continue;
        const scale = (width - 6) / most;
        const y = yOf(Math.min(r + share, to));
        const height = Math.max(yOf(r) - y - (unit > 3 ? 1 : 0), 0.75);
        c.rect(right - value * scale, y, (value - least) * scale, height);
      }
      c.fill();
      c.globalAlpha = 1;
    }

    function curve(
      c: CanvasRenderingContext2D,
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
        if (r >= 0 && r < ledger.rows) sum += values[r]!;
        const x = right - (sum / cap) * (width - 6);
        if (r === from) c.moveTo(right, yOf(step > 0 ? r : r + 1));
        c.lineTo(x, yOf(step > 0 ? r + 1 : r));
      }
      c.stroke();
    }

    /** The rows in view, the longest across the whole profile; returns its USD. */
    function outline(c: CanvasRenderingContext2D, { binSize, first, row, usd }: Positions): number {
      if (binSize !== ledger.binSize) return 0; // another bin size is on its way
      const move = first - ledger.first;
      const share = Math.max(Math.ceil(1 / unit), 1);
      const steps = stepsOf({ row, usd }, firstRow - move, lastRow - move, share);
      const peak = steps.reduce((longest, step) => Math.max(longest, step.usd), 0);
      if (peak === 0) return 0;
      c.beginPath();
      let end = Number.NaN;
      for (const step of steps) {
        const x = right - (step.usd / peak) * (width - 6);
        if (step.from !== end) {
          c.lineTo(right, yOf(end + move));
          c.moveTo(right, yOf(step.from + move));
        }
        c.lineTo(x, yOf(step.from + move));
        c.lineTo(x, yOf(step.to + move));
        end = step.to;
      }
      c.lineTo(right, yOf(end + move));
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

    function label(c: CanvasRenderingContext2D, words: string, y: number, colour: string): void {
      c.fillStyle = "rgba(10, 8, 24, 0.75)";
      const w = c.measureText(words).width;
      c.fillRect(right - w - 10, y - text, w + 8, text * 1.4);
      c.fillStyle = colour;
      c.fillText(words, right - 6, y);
    }
  }
}
