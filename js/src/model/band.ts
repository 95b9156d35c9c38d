/**
 * Uncertainty band: the range of the profile over mixes and decay rates sampled around the current ones. Twin of
 * analysis/sensitivity/draws.py, draw by draw; the distributions of the settings are documented there.
 */

import type { Field } from "./field";

const DRAWS = 200;
const PARTS = 30;
const STEPS = 8;
/** Indices into the sorted draws; at least 90 % of the draws lie between them. */
const LOW = 9;
const HIGH = 190;

/** USD per bin, shape (rows,) each. */
export type Band = [low: Float32Array, high: Float32Array];

/** Mixes sampled around one; the share of a tier is at `draw * tiers + tier`. */
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

/** The range of standing USD in each bin at a column's close. */
export function bandOf(field: Field, column: number): Band {
  const { weights, decayRate } = field;
  const { rows } = field.grid;
  const tiers = weights.length;
  // Midpoints of equal steps on a log scale, from half the rate to twice the rate.
  const rates = [-7, -5, -3, -1, 1, 3, 5, 7].map((k) => decayRate * 2 ** (k / STEPS));
  // USD of a tier in a bin at a decay rate, at `(bin * STEPS + rate) * tiers + tier`.
  const planes = new Float64Array(rows * STEPS * tiers);
  for (const [k, rate] of rates.entries()) {
    let [age, kept] = [Number.NaN, 1];
    const add = (bin: number, tier: number, usd: number, hours: number): void => {
      if (hours !== age) [age, kept] = [hours, Math.exp(-rate * hours)];
      planes[(bin * STEPS + k) * tiers + tier]! += usd * kept;
    };
    field.visit(column, add, 0, rows, rate);
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
