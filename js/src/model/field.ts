/** The density on screen: one ledger, one mix, one decay rate, computed when it is looked at. */

import { type Bars, type Cell, cellOf, type Ledger } from "../frames/bars_and_ledger";
import { brightest, replay } from "./replay";

/** Shares by tier of a ledger, summing to 1; tiers that the mix does not name get 0. */
export function sharesOf(leverage: number[], mix: Record<string, number>): Float64Array {
  const weights = Float64Array.from(leverage, (tier) => Math.max(mix[String(tier)] ?? 0, 0));
  const sum = weights.reduce((a, b) => a + b, 0);
  return sum > 0 && sum < Infinity ? weights.map((w) => w / sum) : weights.fill(1 / leverage.length);
}

/** Bars, ledger and the mixed density that follows from them; the values are derived, never synced. */
export class Field {
  /** Grows with every change of the values. */
  revision = 0;
  weights: Float64Array;
  /** The ledger that is replayed where that is not `ledger`, but one with the same entries on finer rows. */
  fine?: Ledger;
  #values: Float32Array;
  #brightest = 0;
  #staleFrom = 0;

  constructor(
    public bars: Bars,
    public ledger: Ledger,
    mix: Record<string, number>,
    public decayRate: number,
  ) {
    this.weights = sharesOf(ledger.leverage, mix);
    this.#values = new Float32Array(ledger.columns * ledger.rows);
  }

  /** Change mix and decay; returns whether the picture changes. */
  tune(mix: Record<string, number>, decayRate: number): boolean {
    const weights = sharesOf(this.ledger.leverage, mix);
    if (decayRate === this.decayRate && weights.every((w, i) => w === this.weights[i])) return false;
    this.weights = weights;
    this.decayRate = decayRate;
    this.#touch(0);
    return true;
  }

  /** Take in changed columns from `from` on. */
  splice(bars: Bars, ledger: Ledger, from: number): void {
    this.bars = bars;
    this.ledger = ledger;
    const values = new Float32Array(ledger.columns * ledger.rows);
    values.set(this.#values.subarray(0, Math.min(from * ledger.rows, this.#values.length)));
    this.#values = values;
    this.#touch(from);
  }

  /** USD standing per cell; cell (t, row) at `t * rows + row`. */
  get values(): Float32Array {
    this.#refresh();
    return this.#values;
  }

  /** Largest value, USD. */
  get brightest(): number {
    this.#refresh();
    return this.#brightest;
  }

  /** One column of the values, shape (rows,). */
  column(t: number): Float32Array {
    const { rows } = this.ledger;
    return this.values.subarray(t * rows, (t + 1) * rows);
  }

  /** What stands in one cell, taken apart. */
  cell(t: number, row: number): Cell {
    return cellOf(this.ledger, this.weights, this.decayRate, t, row);
  }

  /** Fill `out` from column `from` on; returns the largest value there, USD. */
  protected fill(out: Float32Array, from: number): number {
    return replay(this.ledger, this.weights, this.decayRate, out, from);
  }

  #touch(from: number): void {
    this.#staleFrom = Math.min(this.#staleFrom, from);
    this.revision++;
  }

  #refresh(): void {
    if (this.#staleFrom >= this.ledger.columns) return;
    const most = this.fill(this.#values, this.#staleFrom);
    this.#brightest = this.#staleFrom === 0 ? most : brightest(this.#values);
    this.#staleFrom = this.ledger.columns;
  }
}
