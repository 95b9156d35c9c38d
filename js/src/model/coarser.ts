/**
 * Coarser bins without Python: neighbouring rows of a ledger are shown as one.
 *
 * A ledger built anew at the coarser size would differ near the close and at the ends of what a candle swept, since a
 * level counts by the centre of its row there, and what was crossed inside its own candle is not in the finer ledger
 * any more. So the finer rows are replayed with their own centres and their densities are added up: at every candle
 * the sum over all rows is that of the finer picture, whatever the size. A row that holds the close keeps what stands
 * on either side of it.
 */

import { type Bars, type Cell, cellOf, type Ledger } from "../frames/bars_and_ledger";
import type { Positions } from "../frames/positions";
import { Field } from "./field";
import { replay } from "./replay";

/** How many rows may become one. */
const FACTORS = [1, 2, 3, 4, 5, 6, 8, 10, 15, 20, 25, 40, 50];
/** Fewer rows are no picture. */
const FEWEST = 24;

/** Floats that the multiples of a decimal size come from: 3 x 0.1 is 0.3. */
const times = (size: number, factor: number): number => Number((size * factor).toPrecision(12));

/** Bin sizes that whole rows of a ledger add up to, USD, ascending; the first is its own. */
export const coarserSizes = (ledger: Pick<Ledger, "binSize" | "rows">): number[] =>
  FACTORS.filter((factor) => factor === 1 || ledger.rows / factor >= FEWEST).map((factor) =>
    times(ledger.binSize, factor),
  );

/** How many rows make one of another size; null where no whole number does. */
export function factorOf(binSize: number, wanted: number): number | null {
  const factor = Math.round(wanted / binSize);
  return factor >= 1 && Math.abs(wanted / binSize - factor) <= 1e-9 * factor ? factor : null;
}

/** Rows of a coarser grid: which row each finer one belongs to. Its edges are multiples of its own bin size. */
export interface Coarser {
  factor: number;
  first: number;
  rows: number;
}

/** The coarser grid over the rows [first, first + rows). */
export function coarser({ first, rows }: Pick<Ledger, "first" | "rows">, factor: number): Coarser {
  const bottom = Math.floor(first / factor);
  return { factor, first: bottom, rows: Math.ceil((first + rows) / factor) - bottom };
}

/** Coarser row of a finer one. */
export const rowIn = (grid: Coarser, fineFirst: number, row: number): number =>
  Math.floor((fineFirst + row) / grid.factor) - grid.first;

/**
 * A ledger on the coarser grid: the same entries and columns. Its sweeps are the rows whose centres were swept, for
 * marking; what stands is replayed with the finer ledger.
 */
export function onGrid(fine: Ledger, grid: Coarser): Ledger {
  const { factor } = grid;
  const inside = (row: number): number => Math.min(Math.max(row, 0), grid.rows);
  const sweep = new Uint16Array(fine.sweep.length);
  for (let i = 0; i < sweep.length; i += 2) {
    const [a, b] = [fine.first + fine.sweep[i]!, fine.first + fine.sweep[i + 1]!]; // edges, in finer rows from 0 USD
    if (a >= b) continue;
    sweep[i] = inside(Math.ceil(a / factor - 0.5) - grid.first);
    sweep[i + 1] = Math.max(inside(Math.floor(b / factor - 0.5) + 1 - grid.first), sweep[i]!);
  }
  return {
    ...fine,
    binSize: times(fine.binSize, factor),
    first: grid.first,
    rows: grid.rows,
    row: fine.row.map((row) => rowIn(grid, fine.first, row)),
    sweep,
  };
}

/** A field whose rows are sums of those of a finer ledger. */
export class MergedField extends Field {
  override fine: Ledger;
  readonly #grid: Coarser;
  #scratch = new Float32Array();

  constructor(bars: Bars, fine: Ledger, factor: number, mix: Record<string, number>, decayRate: number) {
    const grid = coarser(fine, factor);
    super(bars, onGrid(fine, grid), mix, decayRate);
    this.fine = fine;
    this.#grid = grid;
  }

  /** Take in changed columns of the finer ledger. */
  override splice(bars: Bars, fine: Ledger, from: number): void {
    this.fine = fine;
    super.splice(bars, onGrid(fine, this.#grid), from);
  }

  override cell(t: number, row: number): Cell {
    const from = Math.max((this.#grid.first + row) * this.#grid.factor - this.fine.first, 0);
    const to = Math.min((this.#grid.first + row + 1) * this.#grid.factor - this.fine.first, this.fine.rows);
    const sum: Cell = { byTier: new Float64Array(this.weights.length), total: 0, age: 0 };
    let aged = 0;
    for (let r = from; r < to; r++) {
      const part = cellOf(this.fine, this.weights, this.decayRate, t, r);
      part.byTier.forEach((usd, tier) => {
        sum.byTier[tier]! += usd;
      });
      sum.total += part.total;
      aged += part.total * part.age;
    }
    sum.age = sum.total > 0 ? aged / sum.total : 0;
    return sum;
  }

  protected override fill(out: Float32Array, from: number): number {
    const fine = this.fine;
    const { rows } = this.ledger;
    if (this.#scratch.length !== fine.rows * fine.columns) this.#scratch = new Float32Array(fine.rows * fine.columns);
    replay(fine, this.weights, this.decayRate, this.#scratch);
    const place = Uint16Array.from({ length: fine.rows }, (_, row) => rowIn(this.#grid, fine.first, row));
    const column = new Float64Array(rows);
    let most = 0;
    for (let t = from; t < fine.columns; t++) {
      column.fill(0);
      for (let r = 0, at = t * fine.rows; r < fine.rows; r++, at++) column[place[r]!]! += this.#scratch[at]!;
      out.set(column, t * rows);
      for (let r = 0; r < rows; r++) if (column[r]! > most) most = column[r]!;
    }
    return Math.fround(most);
  }
}

/** Positions on the coarser grid; what lay beyond the finer rows stays beyond. */
export function mergedPositions(positions: Positions, factor: number): Positions {
  const { first, row, usd } = positions;
  const bottom = Math.floor(first / factor);
  const sums = new Map<number, number>();
  for (const [i, r] of row.entries()) {
    const place = Math.floor((first + r) / factor) - bottom;
    sums.set(place, (sums.get(place) ?? 0) + usd[i]!);
  }
  return {
    ...positions,
    binSize: times(positions.binSize, factor),
    first: bottom,
    row: Uint16Array.from(sums.keys()),
    usd: Float64Array.from(sums.values()),
  };
}
