/** Max-pooled pictures of a density: one-row bands survive when many cells share a device pixel. */

import { stepTable } from "./colour";

/** How many columns and rows share one bitmap pixel. */
export interface Pooling {
  columns: number;
  rows: number;
}

/** Smallest power of two, at most 16, that leaves at most one cell a device pixel. */
export function poolFor(cellsPerPixel: number): number {
  let pool = 1;
  while (pool < 16 && cellsPerPixel > pool) pool *= 2;
  return pool;
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
  for (let x = Math.floor(from / pool.columns); x < width; x++) {
    const lastColumn = Math.min((x + 1) * pool.columns, columns);
    for (let j = 0; j < height; j++) {
      const firstRow = j * pool.rows;
      const lastRow = Math.min(firstRow + pool.rows, rows);
      let most = 0;
      for (let t = x * pool.columns; t < lastColumn; t++) {
        for (let i = t * rows + firstRow; i < t * rows + lastRow; i++) if (bits[i]! > most) most = bits[i]!;
      }
      let step = table[most >>> 16]!;
      while (step < edges.length && edges[step]! <= most) step++;
      out[(height - 1 - j) * width + x] = pixels[step]!;
    }
  }
}
