/** Paints a density with max-pooling over the rows that share a pixel, so that one-row bands stay visible. */

import { STEPS, stepTable } from "../base/colour";

const POOLS = [1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256];

/** Smallest available pool with at most one cell per device pixel; sizes are few so that zooming seldom repaints. */
export function poolFor(cellsPerPixel: number): number {
  return POOLS.find((pool) => pool >= cellsPerPixel) ?? Math.ceil(cellsPerPixel);
}

/** Rows [from, to) of a density in a picture. */
export interface Rows {
  from: number;
  to: number;
}

/**
 * Rows at which the lines of a picture begin, and where the last one ends: `block` rows each, or on a logarithmic axis,
 * towards high prices, as many more as it takes to be a device pixel high.
 *
 * @param first - rows below row 0, down to a price of 0
 * @param fold - device pixels in which the price grows e-fold; 0: a linear axis
 */
export function linesOf({ from, to }: Rows, block: number, first: number, fold: number): Int32Array {
  const lines = [];
  // Counted from row 0, so that panning does not change them.
  for (let row = fold > 0 ? 0 : from; row < to; ) {
    let size = block;
    while (size * (Math.max(fold, 2) - 1) < first + row && fold > 0) size *= 2;
    if (row + size > from) lines.push(Math.max(row, from));
    row += size;
  }
  lines.push(to);
  return Int32Array.from(lines);
}

/** The largest value of each line of rows; cell (c, line) is at `c * (lines.length - 1) + line`. */
export function pooled(values: Float32Array, rows: number, lines: Int32Array): Float32Array {
  const height = lines.length - 1;
  const out = new Float32Array((values.length / rows) * height);
  for (let at = 0, o = 0; o < out.length; at += rows) {
    for (let line = 0, r = lines[0]!; line < height; o++) {
      let value = values[at + r]!;
      for (const stop = lines[++line]!; ++r < stop; ) if (values[at + r]! > value) value = values[at + r]!;
      out[o] = value;
    }
  }
  return out;
}

/**
 * Paint rows of a density into RGBA pixels, one column each: the brightest of each block of rows, highest row on top.
 *
 * @param values - USD, cell (c, row) at `c * rows + row`
 * @param rows - rows of the density
 * @param shown - rows to paint; blocks start at `shown.from`
 * @param block - rows per pixel
 * @param edges - float32 bits of the lower edges of the steps, from stepEdges
 * @param pixels - RGBA by step
 * @param out - shape (ceil((shown.to - shown.from) / block), columns)
 */
export function paint(
  values: Float32Array,
  rows: number,
  shown: Rows,
  block: number,
  edges: Uint32Array,
  pixels: Uint32Array,
  out: Uint32Array,
): void {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const width = values.length / rows;
  const count = shown.to - shown.from;
  const height = Math.ceil(count / block);
  const table = stepTable(edges);
  const bounds = new Uint32Array(STEPS).fill(0xffffffff); // the last bound is a sentinel for the search below
  bounds.set(edges);
  for (let x = 0; x < width; x++) {
    const at = x * rows + shown.from;
    for (let r = 0, o = (height - 1) * width + x; r < count; o -= width) {
      let value = bits[at + r]!;
      for (const stop = Math.min(r + block, count); ++r < stop; ) if (bits[at + r]! > value) value = bits[at + r]!;
      let step = table[value >>> 16]!;
      while (bounds[step]! <= value) step++;
      out[o] = pixels[step]!;
    }
  }
}
