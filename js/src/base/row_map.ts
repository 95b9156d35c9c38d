/** Where rows are on a price axis: equally high, or by the logarithms of their prices. */

import { affineThrough, apply, invert } from "./affine";
import { edgeOf, type Grid } from "./grid";

export const PRICE_AXES = ["linear", "log"] as const;
export type PriceAxisName = (typeof PRICE_AXES)[number];

/** From rows to pixels and back; higher rows have smaller pixels. */
export interface RowMap {
  /** Pixel of a row's lower edge; parts of rows are in between. */
  y(row: number): number;
  row(y: number): number;
  /** Height of a row there, in pixels. */
  height(row: number): number;
  /** Pixels in which the price grows e-fold; 0: all rows are equally high. */
  fold: number;
}

/**
 * The map of a grid's rows.
 *
 * @param bottom - pixel of the lowest edge
 * @param top - pixel of the highest edge
 * @param shift - USD added to prices before the logarithm is taken, which keeps that of 0 finite; null: a linear axis
 */
export function rowMap(grid: Grid, bottom: number, top: number, shift: number | null): RowMap {
  if (shift === null) {
    const map = affineThrough(0, bottom, grid.rows, top);
    return { y: (row) => apply(map, row), row: (y) => invert(map, y), height: () => -map.unit, fold: 0 };
  }
  const shifted = (row: number): number => Math.max(edgeOf(grid, row), 0) + shift;
  const place = (row: number): number => Math.log(shifted(row));
  const map = affineThrough(place(0), bottom, place(grid.rows), top);
  return {
    y: (row) => apply(map, place(row)),
    row: (y) => (Math.exp(invert(map, y)) - shift) / grid.binSize - grid.first,
    height: (row) => (-map.unit * grid.binSize) / shifted(row),
    fold: -map.unit,
  };
}
