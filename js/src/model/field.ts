/** The density on screen, computed from candles or from the ledger of a window of a history. */

import type { Grid } from "../base/grid";
import type { Bars } from "../frames/bars_and_ledger";
import type { Turnover } from "../frames/model";
import type { Visit } from "./engine";
import type { Opening } from "./turnover";

/** Settings of the estimate that the user can change. */
export interface Tune {
  leverageMix: Record<string, number>;
  /** Per hour, continuous. */
  decayRate: number;
  /** USD. */
  binSize: number;
  /** null: the turnover that the model was made with. */
  turnover: Turnover | null;
  /** Venues of a combined market that are shown; undefined: all. */
  venues?: readonly string[];
  /** Time of a replay, ms since 1970 UTC: later candles are left out; null: none are. */
  asOf?: number | null;
}

/** Contents of one cell: standing USD by tier (weights applied) and mean age in hours, weighted by USD. */
export interface Cell {
  byTier: Float64Array;
  total: number;
  age: number;
}

/** The boundary of longs and shorts: longs below `bin`, shorts above it, `long` and `short` USD in `bin` itself. */
export interface Sides {
  bin: number;
  long: number;
  short: number;
  /** Row edge that divides `bin`, USD; null if all its rows are of one side. */
  cut: number | null;
}

/** Bins [from, to). */
export interface Bins {
  from: number;
  to: number;
}

/** What a picture has to cover: the candles [from, to) and bins in view, and the candles and bins per pixel. */
export interface View {
  from: number;
  to: number;
  step: number;
  bins: Bins;
  block: number;
}

/**
 * Columns for a picture. Column c covers `step` candles from `from + c * step` on and shows the close of the last.
 * Block i covers `block` bins from `bins.from + i * block` on and shows the largest; the last one may be shorter.
 */
export interface Sample {
  from: number;
  step: number;
  count: number;
  bins: Bins;
  block: number;
  /** USD, block i of column c at `c * blocks + i`. */
  values: Float32Array;
  /** Grows with every change of the values. */
  revision: number;
}

export interface Field {
  /** Grows with every change of the values. */
  revision: number;
  readonly bars: Bars;
  /** `bars`, and during a replay also those that come later. */
  readonly allBars: Bars;
  /** The bins shown. */
  readonly grid: Grid;
  /** Number of columns: candles, or runs of candles in a window of a history. */
  readonly columns: number;
  readonly leverage: number[];
  /** One share per tier, summing to 1. */
  readonly weights: Float64Array;
  readonly decayRate: number;
  /** How much of volume opens positions; null if the ledger already includes it. */
  readonly opening: Opening | null;
  /** Share of each tier's notional whose levels lie outside the rows. */
  readonly beyond: number[];
  /** Available bin sizes, USD, ascending. */
  readonly binSizes: number[];
  /** Revision of the picture, as counted by Python. */
  readonly picture: number;
  /** Settings that it was made with, keyed by their Python names. */
  readonly settings: Record<string, unknown>;
  /** Largest value of any cell, USD. */
  readonly brightest: number;
  /** Standing USD of each bin at a column's close, shape (rows,). */
  column(t: number): Float32Array;
  /** The boundary of longs and shorts at a column's close. */
  sides(t: number): Sides;
  /** Standing USD of each row of the grid that stores levels, whatever the bin size. */
  levels(t: number): { rows: Grid; usd: ArrayLike<number> };
  /** Contents of one cell, by tier and age. */
  cell(t: number, bin: number): Cell;
  /** Bins whose centres a column swept, [a, b). */
  swept(t: number): [number, number];
  /**
   * Visit everything standing in the bins [from, to) at a column's close, newest first; tiers without weight are
   * skipped. Amounts are those at opening, with the turnover that belongs to `decayRate` (default: the current one).
   */
  visit(t: number, visit: Visit, from?: number, to?: number, decayRate?: number): void;
  /** Columns for a picture, covering at least the view. */
  sample(view: View): Sample;
  /** Apply settings that the user changed; returns whether the picture changes. */
  tune(tune: Tune): boolean;
}

/** Shares by tier, summing to 1; tiers missing from the mix get 0. */
export function sharesOf(leverage: number[], mix: Record<string, number>): Float64Array {
  const weights = Float64Array.from(leverage, (tier) => Math.max(mix[String(tier)] ?? 0, 0));
  const most = weights.reduce((a, b) => Math.max(a, b), 0);
  if (!(most > 0 && most < Infinity)) return weights.fill(1 / leverage.length);
  const scaled = weights.map((w) => w / most); // so that neither huge nor tiny weights overflow the sum
  const sum = scaled.reduce((a, b) => a + b, 0);
  return scaled.map((w) => w / sum);
}

/** Standing USD of each bin at a column's close, longs and shorts separately. */
export function sidesOf(field: Field, t: number): [long: Float32Array, short: Float32Array] {
  const values = field.column(t);
  const { bin, long, short } = field.sides(t);
  const longs = values.slice().fill(0, bin);
  const shorts = values.slice().fill(0, 0, bin);
  if (bin < values.length) {
    longs[bin] = long;
    shorts[bin] = short;
  }
  return [longs, shorts];
}

/** Break one cell of a field down by tier and age. */
export function cellOf(field: Field, t: number, bin: number): Cell {
  const cell: Cell = { byTier: new Float64Array(field.weights.length), total: 0, age: 0 };
  const add: Visit = (_, tier, notional, hours) => {
    const usd = notional * field.weights[tier]! * Math.exp(-field.decayRate * hours);
    cell.byTier[tier]! += usd;
    cell.total += usd;
    cell.age += usd * hours;
  };
  field.visit(t, add, bin, bin + 1);
  if (cell.total > 0) cell.age /= cell.total;
  return cell;
}

/** Standing USD of each tier in each bin at a column's close, at `bin * tiers + tier`. */
export function tiersOf(field: Field, t: number): Float64Array {
  const tiers = field.weights.length;
  const usd = new Float64Array(field.grid.rows * tiers);
  field.visit(t, (bin, tier, notional, hours) => {
    usd[bin * tiers + tier]! += notional * field.weights[tier]! * Math.exp(-field.decayRate * hours);
  });
  return usd;
}

/** Bins of `factor` rows each whose centres lie in the rows [a, b), clipped to the grid. */
export function binsWithCentre(a: number, b: number, rows: Grid, grid: Grid, factor: number): [number, number] {
  if (a >= b) return [0, 0];
  const within = (bin: number): number => Math.min(Math.max(bin, 0), grid.rows);
  const from = within(Math.ceil((rows.first + a) / factor - 0.5) - grid.first);
  return [from, Math.max(within(Math.floor((rows.first + b) / factor - 0.5) + 1 - grid.first), from)];
}
