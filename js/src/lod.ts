/** Max-pooled pictures of a density: one-row bands survive when many cells share a device pixel. */

import { STEPS, stepTable } from "./colour";

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

/**
 * Paint a density into RGBA pixels: the brightest of each pooled block of cells, highest row on top.
 *
 * @param values - USD, cell (t, row) at `t * rows + row`
 * @param edges - float32 bits of the lower edges of the steps, from stepEdges
 * @param pixels - RGBA by step
 * @param out - shape (ceil(rows / pool.rows), ceil(columns / pool.columns))
 * @param from - first column that has changed; what lies left of its block stays
 */
export function paint(
  values: Float32Array,
  rows: number,
  pool: Pooling,
  edges: Uint32Array,
  pixels: Uint32Array,
  out: Uint32Array,
  from = 0,
): void {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const columns = values.length / rows;
  const width = Math.ceil(columns / pool.columns);
  const height = Math.ceil(rows / pool.rows);
  const table = stepTable(edges);
  const bounds = new Uint32Array(STEPS).fill(0xffffffff); // the last one stops the search below
  bounds.set(edges);
  const pooled = new Uint32Array(height);
  const single = pool.columns === 1 && pool.rows === 1;
  for (let x = Math.floor(from / pool.columns); x < width; x++) {
    const first = x * pool.columns;
    if (!single) poolColumn(bits, rows, pool.rows, first, Math.min(first + pool.columns, columns), pooled);
    const source = single ? bits : pooled;
    let i = single ? first * rows : 0;
    for (let o = (height - 1) * width + x; o >= 0; o -= width, i++) {
      const value = source[i]!;
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
  block: number,
  first: number,
  last: number,
  most: Uint32Array,
): void {
  if (block === 1) most.set(bits.subarray(first * rows, (first + 1) * rows));
  else most.fill(0);
  for (let t = block === 1 ? first + 1 : first; t < last; t++) {
    const at = t * rows;
    if (block === 1) {
      for (let r = 0; r < rows; r++) if (bits[at + r]! > most[r]!) most[r] = bits[at + r]!;
    } else {
      for (let j = 0, r = 0; r < rows; j++) {
        let value = most[j]!;
        for (const stop = Math.min(r + block, rows); r < stop; r++) if (bits[at + r]! > value) value = bits[at + r]!;
        most[j] = value;
      }
    }
  }
}
