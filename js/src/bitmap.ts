/** The cached picture of a field: painted when something changed, drawn many times. */

import { type PaletteName, pixelsOf, type ScaleName, spanOf, stepEdges } from "./colour";
import type { Field } from "./field";
import { type Pooling, paint } from "./lod";

const SWEPT = 0xe6ffffff; // white, 90 %

/** What the pixels depend on beside the field. */
export interface Look {
  palette: PaletteName;
  scale: ScaleName;
  threshold: readonly [number, number];
  swept: boolean;
}

export class Bitmap {
  readonly canvas = document.createElement("canvas");
  pool: Pooling = { columns: 1, rows: 1 };
  #key = "";
  #image: ImageData | null = null;

  /** Bring the pixels up to date; returns whether they changed. */
  refresh(field: Field, look: Look, pool: Pooling): boolean {
    const { rows, columns } = field.ledger;
    const key = `${field.revision}/${columns}x${rows}/${look.palette}/${look.scale}/${look.threshold}/${look.swept}/${pool.columns}x${pool.rows}`;
    if (key === this.#key) return false;
    const width = Math.ceil(columns / pool.columns);
    const height = Math.ceil(rows / pool.rows);
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
      paint(field.values, rows, pool, stepEdges(span, look.scale), pixelsOf(look.palette), out);
      if (look.swept) markSwept(field, span.low, pool, width, height, out);
    } else out.fill(0);
    context.putImageData(this.#image, 0, 0);
    this.pool = pool;
    this.#key = key;
    return true;
  }
}

/** Paint the cells where a candle swept at least `least` USD. */
function markSwept(field: Field, least: number, pool: Pooling, width: number, height: number, out: Uint32Array): void {
  const { ledger, values } = field;
  const { rows, sweep } = ledger;
  for (let t = 1; t < ledger.columns; t++) {
    for (let r = sweep[2 * t]!; r < sweep[2 * t + 1]!; r++) {
      if (values[(t - 1) * rows + r]! < least) continue;
      out[(height - 1 - Math.floor(r / pool.rows)) * width + Math.floor(t / pool.columns)] = SWEPT;
    }
  }
}
