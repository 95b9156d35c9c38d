/** Clusters: runs of bright cells at one candle. Twin of Density.clusters in Python. */

import type { Cells } from "./cells";

export interface Cluster {
  side: "long" | "short";
  /** Price edges, USD. */
  low: number;
  high: number;
  /** Centre of the densest cell, USD. */
  peak: number;
  /** Standing USD. */
  usd: number;
  /** Distance of the peak from the close, a signed fraction of the close. */
  distance: number;
  /** USD that would be liquidated between the close and the nearer edge. */
  toReach: number;
}

/**
 * Contiguous runs of bright cells on one side of the close, largest first.
 *
 * @param close - USD
 * @param top - maximum number of clusters
 * @param bright - share of the densest cell from which a cell is bright
 */
export function clustersOf({ edges, usd, longs }: Cells, close: number, top = 10, bright = 0.3): Cluster[] {
  const least = usd.reduce((a, b) => Math.max(a, b), 0) * bright;
  const sum = (a: number, b: number): number => usd.subarray(a, b).reduce((x, y) => x + y, 0);
  const found: Cluster[] = [];
  for (let from = 0, to = 0; from < usd.length; from = Math.max(to, from + 1)) {
    const isLong = from < longs;
    const end = isLong ? longs : usd.length;
    let densest = from;
    for (to = from; to < end && usd[to]! > 0 && usd[to]! >= least; to++) if (usd[to]! > usd[densest]!) densest = to;
    if (to === from) continue;
    const peak = (edges[densest]! + edges[densest + 1]!) / 2;
    found.push({
      side: isLong ? "long" : "short",
      low: edges[from]!,
      high: edges[to]!,
      peak,
      usd: sum(from, to),
      distance: peak / close - 1,
      toReach: isLong ? sum(to, longs) : sum(longs, from),
    });
  }
  return found.sort((a, b) => b.usd - a.usd).slice(0, top);
}
