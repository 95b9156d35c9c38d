/** Price cells of one candle: the bins, with the close's bin split in two at the close. Twin of model/cells.py. */

import { edgesOf } from "../base/grid";
import type { Field } from "./field";

/** Cells from the lowest price to the highest, each either long or short. */
export interface Cells {
  /** USD, shape (cells + 1,): the bins' edges, and the close where it splits a bin. */
  edges: Float64Array;
  /** Standing USD of each cell. */
  usd: Float64Array;
  /** The first `longs` cells hold longs. */
  longs: number;
}

/** Standing USD at a column's close, by cell. */
export function cellsOf(field: Field, column: number): Cells {
  const { bin, long, short, cut } = field.sides(column);
  const edges = edgesOf(field.grid);
  const usd = Float64Array.from(field.column(column));
  if (cut === null) return { edges, usd, longs: bin };
  const close = field.bars.close[column]!;
  // Split at the close, or at its row's edge if a float cannot distinguish the close from the bin's edge.
  const at = edges[bin]! < close && close < edges[bin + 1]! ? close : cut;
  return {
    edges: Float64Array.of(...edges.subarray(0, bin + 1), at, ...edges.subarray(bin + 1)),
    usd: Float64Array.of(...usd.subarray(0, bin), long, short, ...usd.subarray(bin + 1)),
    longs: bin + 1,
  };
}
