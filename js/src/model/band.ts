/**
 * How sure: the range of the profile over mixes and decay rates drawn around the present ones. Twin of
 * analysis/sensitivity/draws.py, draw by draw: what is assumed of the settings is said there.
 */

import type { Field } from "./field";

const DRAWS = 200;
const PARTS = 30;
const STEPS = 8;
/** Of the sorted draws: at least nine in ten lie between these two. */
const LOW = 9;
const HIGH = 190;

/** USD a row, shape (rows,) each. */
export type Band = [low: Float32Array, high: Float32Array];

/** Mixes around one, share of a tier at `draw * tiers + tier`. */
export function drawnMixes(weights: Float64Array): Float64Array {
  const mixes = new Float64Array(DRAWS * weights.length);
  const reached = [0];
  for (let at = 0, x = 0; at < mixes.length; ) {
    for (let i = 0; i < PARTS; i++) {
      x = (Math.imul(x, 1664525) + 1013904223) >>> 0;
      reached[i + 1] = reached[i]! - Math.log((x + 0.5) / 2 ** 32);
    }
    let cut = 0;
    let before = 0;
    for (const weight of weights) {
      cut += weight * PARTS;
      const part = Math.min(Math.floor(cut), PARTS - 1);
      const now = reached[part]! + (cut - part) * (reached[part + 1]! - reached[part]!);
      mixes[at++] = (now - before) / reached[PARTS]!;
      before = now;
    }
  }
  return mixes;
}

/** The range of what stands in each row at a column's close. */
export function bandOf(field: Field, column: number): Band {
  const { ledger, fine = ledger, weights, decayRate } = field;
  const { rows } = ledger;
  const tiers = weights.length;
  // The middles of equal steps on a log scale from half the rate to twice it.
  const rates = [-7, -5, -3, -1, 1, 3, 5, 7].map((k) => decayRate * 2 ** (k / STEPS));
  // USD of a tier in a row under a rate, at `(row * STEPS + rate) * tiers + tier`.
  const planes = new Float64Array(rows * STEPS * tiers);
  const swept = new Uint8Array(fine.rows);
  let hours = 0;
  for (let t = column; t >= 0; t--) {
    for (let i = fine.start[t]!; i < fine.start[t + 1]!; i++) {
      const tier = fine.tier[i]!;
      const age = hours + (fine.age?.[i] ?? 0) ** 3 * fine.ageUnit;
      if (weights[tier] === 0 || swept[fine.row[i]!]) continue;
      for (let k = 0; k < STEPS; k++)
        planes[(ledger.row[i]! * STEPS + k) * tiers + tier]! += fine.notional[i]! * Math.exp(-rates[k]! * age);
    }
    // What opened in a column came after its sweep; everything older than a sweep of this row is gone.
    swept.fill(1, fine.sweep[2 * t], fine.sweep[2 * t + 1]);
    hours += fine.hours[t]!;
  }
  const mixes = drawnMixes(weights);
  const drawn = new Float64Array(DRAWS);
  const band: Band = [new Float32Array(rows), new Float32Array(rows)];
  for (let row = 0; row < rows; row++) {
    for (let d = 0; d < DRAWS; d++) {
      const from = (row * STEPS + (d % STEPS)) * tiers;
      let sum = 0;
      for (let tier = 0; tier < tiers; tier++) sum += mixes[d * tiers + tier]! * planes[from + tier]!;
      drawn[d] = sum;
    }
    drawn.sort();
    band[0][row] = drawn[LOW]!;
    band[1][row] = drawn[HIGH]!;
  }
  return band;
}
