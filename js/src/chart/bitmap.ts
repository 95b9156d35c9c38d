/** The cached picture of a field: painted when something changed, drawn many times. */

import { type PaletteName, pixelsOf, type ScaleName, spanOf, stepEdges } from "../base/colour";
import type { Field } from "../model/field";
import { type Pooling, paint, type Rows } from "./pooling";

const SWEPT = 0xe6ffffff; // white, 90 %

/** What the pixels depend on beside the field. */
export interface Look {
  palette: PaletteName;
  scale: ScaleName;
  threshold: readonly [number, number];
  swept: boolean;
}

/** How cells become pixels: pooling, and the rows that are in view. */
export interface Frame {
  pool: Pooling;
  inView: Rows;
}

export class Bitmap {
  readonly canvas = document.createElement("canvas");
  /** Pooling of the pixels. */
  pool: Pooling = { columns: 1, rows: 1 };
  /** Rows that the pixels show: those in view, and some to either side for the next pan. */
  rows: Rows = { from: 0, to: 0 };
  #key = "";
  #image: ImageData | null = null;

  /** Bring the pixels up to date; returns whether they changed. */
  refresh(field: Field, look: Look, { pool, inView }: Frame): boolean {
    const { rows, columns } = field.ledger;
    const key = `${field.revision}/${columns}x${rows}/${look.palette}/${look.scale}/${look.threshold}/${look.swept}/${pool.columns}x${pool.rows}`;
    const from = Math.max(inView.from, 0);
    const to = Math.min(inView.to, rows);
    if (from >= to) return false;
    const covered = this.rows.from <= from && this.rows.to >= to && this.rows.to <= rows;
    if (key === this.#key && covered) return false;
    if (!covered) this.rows = around(from, to, rows, pool.rows);
    else if (this.pool.rows !== pool.rows) this.rows = around(this.rows.from, this.rows.to, rows, pool.rows);
    const width = Math.ceil(columns / pool.columns);
    const height = Math.ceil((this.rows.to - this.rows.from) / pool.rows);
    if (this.canvas.width !== width || this.canvas.height !== height || this.#image === null) {
      this.canvas.width = width;
      this.canvas.height = height;
      this.#image = new ImageData(width, height);
    }
    const context = this.canvas.getContext("2d");
    if (context === null) return false;
    const out = new Uint32Array(this.#image.data.buffer);
    const span = spanOf(field.brightest, look.threshold);
    if (field.brightest > 0) {
      paint(field.values, rows, this.rows, pool, stepEdges(span, look.scale), pixelsOf(look.palette), out);
      if (look.swept) markSwept(field, span.low, this.rows, pool, width, height, out);
    } else out.fill(0);
    context.putImageData(this.#image, 0, 0);
    this.pool = pool;
    this.#key = key;
    return true;
  }
}

/** The rows [from, to) and a quarter of them to either side, starting at a whole block. */
function around(from: number, to: number, rows: number, block: number): Rows {
  const room = Math.ceil((to - from) / 4);
  const first = Math.max(from - room, 0);
  return { from: first - (first % block), to: Math.min(to + room, rows) };
}

/** Paint the cells where a candle swept at least `least` USD. */
function markSwept(
  field: Field,
  least: number,
  shown: Rows,
  pool: Pooling,
  width: number,
  height: number,
  out: Uint32Array,
): void {
  const { ledger, values } = field;
  const { rows, sweep } = ledger;
  for (let t = 1; t < ledger.columns; t++) {
    const last = Math.min(sweep[2 * t + 1]!, shown.to);
    for (let r = Math.max(sweep[2 * t]!, shown.from); r < last; r++) {
      if (values[(t - 1) * rows + r]! < least) continue;
      out[(height - 1 - Math.floor((r - shown.from) / pool.rows)) * width + Math.floor(t / pool.columns)] = SWEPT;
    }
  }
}
