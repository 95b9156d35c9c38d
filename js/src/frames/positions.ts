/** True positions by price, in the browser. */

import type { Grid } from "../base/grid";
import type { Frame } from "./wire";

/** Rows that hold positions, ascending. */
export interface Positions {
  label: string;
  /** When they were known, ms since 1970 UTC; undefined: not said. */
  time: number | undefined;
  binSize: number;
  /** Row 0 starts at `first * binSize`. */
  first: number;
  row: Uint16Array;
  /** USD whose liquidation price is in the row, both sides. */
  usd: Float64Array;
  /** USD outside the grid's rows. */
  outsideUsd: number;
  outsideRows: number;
}

/** Build positions from a checked `positions` frame. */
export function positionsOf({ meta, arrays }: Frame): Positions {
  const { long, short } = arrays as Record<string, Float32Array>;
  return {
    label: (meta.label as string).slice(0, 200),
    time: meta.time as number | undefined,
    binSize: meta.bin_size as number,
    first: meta.first as number,
    row: arrays.row as Uint16Array,
    usd: Float64Array.from(long!, (usd, i) => usd + short![i]!),
    outsideUsd: meta.outside_usd as number,
    outsideRows: meta.outside_rows as number,
  };
}

/** Positions summed into the bins of a grid if these are whole rows; otherwise unchanged. */
export function positionsIn(positions: Positions, grid: Grid): Positions {
  const factor = Math.round(grid.binSize / positions.binSize);
  if (factor < 2 || Math.abs(grid.binSize / positions.binSize - factor) > 1e-9 * factor) return positions;
  const { first, row, usd } = positions;
  const sums = new Map<number, number>();
  for (const [i, r] of row.entries()) {
    const bin = Math.floor((first + r) / factor) - grid.first;
    sums.set(bin, (sums.get(bin) ?? 0) + usd[i]!);
  }
  const { binSize } = grid;
  const bins = { row: Uint16Array.from(sums.keys()), usd: Float64Array.from(sums.values()) };
  return { ...positions, binSize, first: grid.first, ...bins };
}

/** One step of an outline: rows [from, to) and the largest USD of any of them. */
export interface Step {
  from: number;
  to: number;
  usd: number;
}

/**
 * The outline over rows [from, to), `share` rows per step if rows are thinner than a pixel; steps without positions
 * are omitted.
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
