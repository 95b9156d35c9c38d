/** Runs of bright rows of one candle: what Density.clusters is in Python. */

export interface Cluster {
  side: "long" | "short";
  /** Rows [from, to). */
  from: number;
  to: number;
  /** Densest row. */
  peak: number;
  /** USD. */
  usd: number;
  /** Of the peak's centre from the close, signed fraction of the close. */
  distance: number;
  /** USD between the close and the nearer edge. */
  toReach: number;
}

/**
 * Contiguous runs of bright rows on one side of the close, largest first.
 *
 * @param column - USD a row, shape (rows,)
 * @param edges - of the rows, USD, shape (rows + 1,)
 * @param close - USD
 * @param top - how many at most
 * @param bright - a row is bright from this share of the densest one on
 */
export function clustersOf(
  column: Float32Array,
  edges: Float64Array,
  close: number,
  top = 10,
  bright = 0.3,
): Cluster[] {
  const centre = (row: number): number => (edges[row]! + edges[row + 1]!) / 2;
  const sum = (from: number, to: number): number => column.subarray(from, to).reduce((a, b) => a + b, 0);
  const least = column.reduce((a, b) => Math.max(a, b), 0) * bright;
  let split = 0;
  while (split < column.length && centre(split) < close) split++;
  const found: Cluster[] = [];
  for (let from = 0, to = 0; from < column.length; from = Math.max(to, from + 1)) {
    const end = from < split ? split : column.length;
    let peak = from;
    for (to = from; to < end && column[to]! > 0 && column[to]! >= least; to++)
      if (column[to]! > column[peak]!) peak = to;
    if (to === from) continue;
    const long = from < split;
    const toReach = long ? sum(to, split) : sum(split, from);
    const side = long ? "long" : "short";
    found.push({ side, from, to, peak, usd: sum(from, to), distance: centre(peak) / close - 1, toReach });
  }
  return found.sort((a, b) => b.usd - a.usd).slice(0, top);
}
