/** Max-pooled pictures of a density: one-row bands survive when many cells share a device pixel. */

import { STEPS, stepTable } from "../base/colour";

/** How many columns and rows share one bitmap pixel. */
export interface Pooling {
  columns: number;
  rows: number;
}

const POOLS = [1, 2, 3, 4, 6, 8, 12, 16];

/** Smallest pool on offer that leaves at most one cell a device pixel; a few sizes, so that zooming seldom repaints. */
export function poolFor(cellsPerPixel: number): number {
  return POOLS.find((pool) => pool >= cellsPerPixel) ?? 16;
}

/** Rows [from, to) of a density that a picture shows. */
export interface Rows {
  from: number;
  to: number;
}

/**
 * Paint rows of a density into RGBA pixels: the brightest of each pooled block of cells, highest row on top.
 *
 * @param values - USD, cell (t, row) at `t * rows + row`
 * @param rows - rows of the density
 * @param shown - rows to paint; blocks of pooled rows start at `shown.from`
 * @param edges - float32 bits of the lower edges of the steps, from stepEdges
 * @param pixels - RGBA by step
 * @param out - shape (ceil((shown.to - shown.from) / pool.rows), ceil(columns / pool.columns))
 */
export function paint(
  values: Float32Array,
  rows: number,
  shown: Rows,
  pool: Pooling,
  edges: Uint32Array,
  pixels: Uint32Array,
  out: Uint32Array,
): void {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const columns = values.length / rows;
  const width = Math.ceil(columns / pool.columns);
  const height = Math.ceil((shown.to - shown.from) / pool.rows);
  const table = stepTable(edges);
  const bounds = new Uint32Array(STEPS).fill(0xffffffff); // the last one stops the search below
  bounds.set(edges);
  const pooled = new Uint32Array(height);
  for (let x = 0; x < width; x++) {
    const first = x * pool.columns;
    poolColumn(bits, rows, shown, pool.rows, first, Math.min(first + pool.columns, columns), pooled);
    for (let j = 0, o = (height - 1) * width + x; j < height; j++, o -= width) {
      const value = pooled[j]!;
      let step = table[value >>> 16]!;
      while (bounds[step]! <= value) step++;
      out[o] = pixels[step]!;
    }
  }
}

/** Largest bits of each block of `block` rows over the columns [first, last). */
function poolColumn(
  bits: Uint32Array,
  rows: number,
  shown: Rows,
  block: number,
  first: number,
  last: number,
  most: Uint32Array,
): void {
  const count = shown.to - shown.from;
  if (block === 1) {
    const start = first * rows + shown.from;
    most.set(bits.subarray(start, start + count));
    for (let t = first + 1; t < last; t++) {
      const at = t * rows + shown.from;
      for (let r = 0; r < count; r++) if (bits[at + r]! > most[r]!) most[r] = bits[at + r]!;
    }
    return;
  }
  most.fill(0);
  for (let t = first; t < last; t++) {
    const at = t * rows + shown.from;
    for (let j = 0, r = 0; r < count; j++) {
      let value = most[j]!;
      for (const stop = Math.min(r + block, count); r < stop; r++) if (bits[at + r]! > value) value = bits[at + r]!;
      most[j] = value;
    }
  }
}
