/** The replay in the browser: the recurrence of density.py with all tiers mixed, column by column. */

import type { Ledger } from "../frames/bars_and_ledger";

/**
 * Replay a ledger into `out`: standing USD per cell, cell (t, row) at `t * rows + row`.
 *
 * @param weights - one weight per tier
 * @param decayRate - per hour, continuous
 * @param from - first column to compute; earlier columns must already be in `out`
 * @returns the largest value computed, USD
 */
export function replay(ledger: Ledger, weights: Float64Array, decayRate: number, out: Float32Array, from = 0): number {
  const { rows, columns, start, row, tier, notional, sweep, hours, age, ageUnit } = ledger;
  const state = new Float64Array(rows);
  if (from > 0) state.set(out.subarray((from - 1) * rows, from * rows));
  const agedWeight = age ? agedWeights(weights, decayRate, ageUnit) : weights;
  let most = 0; // a cell is largest right after something was added to it
  for (let t = from; t < columns; t++) {
    const keep = t > 0 ? Math.exp(-decayRate * hours[t]!) : 1;
    if (keep !== 1) for (let r = 0; r < rows; r++) state[r]! *= keep;
    state.fill(0, sweep[2 * t]!, sweep[2 * t + 1]!);
    for (let i = start[t]!, last = start[t + 1]!; i < last; i++) {
      const weight = age ? agedWeight[tier[i]! * 256 + age[i]!]! : agedWeight[tier[i]!]!;
      const value = state[row[i]!]! + weight * notional[i]!;
      state[row[i]!] = value;
      if (value > most) most = value;
    }
    out.set(state, t * rows);
  }
  return Math.fround(most);
}

/** Weight of a tier after decaying for `age ** 3` units, at `tier * 256 + age`. */
function agedWeights(weights: Float64Array, decayRate: number, ageUnit: number): Float64Array {
  const table = new Float64Array(weights.length * 256);
  for (let a = 0; a < 256; a++) {
    const keep = Math.exp(-decayRate * a ** 3 * ageUnit);
    for (let l = 0; l < weights.length; l++) table[l * 256 + a] = weights[l]! * keep;
  }
  return table;
}

/** Largest value of a density, 0 for an empty one. */
export function brightest(values: Float32Array): number {
  let most = 0;
  for (let i = 0; i < values.length; i++) if (values[i]! > most) most = values[i]!;
  return most;
}
