/** True positions against price, as the browser holds them. */

import type { Frame } from "./wire";

/** Rows that hold positions, upwards. */
export interface Positions {
  label: string;
  binSize: number;
  /** Row 0 starts at `first * binSize`. */
  first: number;
  row: Uint16Array;
  /** USD that is liquidated there, both sides. */
  usd: Float64Array;
  /** What lies outside the rows of the grid. */
  outsideUsd: number;
  outsideRows: number;
}

/** Build positions from a checked `positions` frame. */
export function positionsOf({ meta, arrays }: Frame): Positions {
  const { long, short } = arrays as Record<string, Float32Array>;
  return {
    label: (meta.label as string).slice(0, 200),
    binSize: meta.bin_size as number,
    first: meta.first as number,
    row: arrays.row as Uint16Array,
    usd: Float64Array.from(long!, (usd, i) => usd + short![i]!),
    outsideUsd: meta.outside_usd as number,
    outsideRows: meta.outside_rows as number,
  };
}

/** One step of an outline: rows [from, to) and the largest USD of one of them. */
export interface Step {
  from: number;
  to: number;
  usd: number;
}

/**
 * The outline over rows [from, to), `share` rows a step where they are thinner than a pixel; steps without any
 * positions are left out.
 */
export function stepsOf(positions: Pick<Positions, "row" | "usd">, from: number, to: number, share: number): Step[] {
  const steps: Step[] = [];
  for (const [i, row] of positions.row.entries()) {
    if (row < from || row >= to) continue;
    const begin = from + Math.floor((row - from) / share) * share;
    const last = steps.at(-1);
    if (last?.from === begin) last.usd = Math.max(last.usd, positions.usd[i]!);
    else steps.push({ from: begin, to: Math.min(begin + share, to), usd: positions.usd[i]! });
  }
  return steps;
}
