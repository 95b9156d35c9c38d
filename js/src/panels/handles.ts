/** Ticks of the colour bar, and its two handles as a threshold: they stop at each other. */

import { FLOOR, positionOf, type ScaleName, valueAt } from "../base/colour";

/** Steps of a handle's slider. */
export const STEPS = 1000;

/** Range of the colour bar, from the floor to the brightest cell, as shares of the brightest cell. */
export const WHOLE = { low: FLOOR, high: 1 };

/** A step of a handle as a share of the brightest cell. */
const shareAt = (step: number, scale: ScaleName): number => Number(valueAt(step / STEPS, WHOLE, scale).toPrecision(6));

/** The step at which a handle shows a share. */
export const stepOf = (share: number, scale: ScaleName): number =>
  Math.round(positionOf(Math.max(share, FLOOR), WHOLE, scale) * STEPS);

/**
 * The threshold after one handle was moved to a step. It stops one step from the other handle, which stays; so the
 * first share is below the second, as Python wants them.
 */
export function thresholdAt(
  moved: "low" | "high",
  step: number,
  [low, high]: readonly [number, number],
  scale: ScaleName,
): [number, number] {
  if (moved === "low") {
    const at = Math.min(step, stepOf(high, scale) - 1);
    return [at <= 0 ? 0 : shareAt(at, scale), high];
  }
  return [low, shareAt(Math.min(Math.max(step, stepOf(low, scale) + 1), STEPS), scale)];
}

/** A tick of the colour bar; a minor one is left out where there is little room. */
interface Tick {
  value: number;
  minor: boolean;
}

/** Round amounts up to the brightest cell, USD: 1, 2 and 5 of each power of ten on a log scale, else equal steps. */
export function ticksOf(most: number, scale: ScaleName): Tick[] {
  if (!(most > 0)) return [];
  const power = 10 ** Math.floor(Math.log10(most));
  const lead = most / power;
  if (scale === "log") {
    return [1e-3, 1e-2, 0.1, 1]
      .flatMap((tenth) => [1, 2, 5].map((digit) => ({ value: digit * tenth * power, minor: digit > 1 })))
      .filter(({ value }) => value >= FLOOR * most && value <= most);
  }
  const step = (lead < 1.5 ? 0.2 : lead < 3.5 ? 0.5 : lead < 7.5 ? 1 : 2) * power;
  const count = Math.floor(most / step);
  return Array.from({ length: count }, (_, i) => ({ value: (i + 1) * step, minor: count > 3 && i % 2 === 0 }));
}
