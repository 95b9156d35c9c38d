/** The automatic bin size: rows that are 4 to 8 device pixels high, on a logarithmic axis in the middle of the view. */

import type { Source } from "../source/settings";

/** Heights of a row, device pixels. */
const LEAST = 4;
const MOST = 8;
/** A size in use is kept while its rows are within these bounds times this factor, so that zooming does not flicker. */
const SLACK = 1.2;

/**
 * The bin size to show.
 *
 * @param sizes - on offer, USD, ascending, at least one
 * @param perUsd - device pixels per USD
 * @param current - the size in use, USD; null: none is preferred
 */
export function autoBin(sizes: readonly number[], perUsd: number, current: number | null = null): number {
  const height = (size: number): number => size * perUsd;
  if (current !== null && sizes.includes(current)) {
    if (height(current) >= LEAST / SLACK && height(current) <= MOST * SLACK) return current;
  }
  // Sizes are 2 or 2.5 times apart, so there may be none within the bounds, or one at either bound.
  const away = (size: number): number => Math.abs(Math.log(height(size) / Math.sqrt(LEAST * MOST)));
  return sizes.reduce((best, size) => (away(size) < away(best) ? size : best));
}

/** A view's choice of the bin size, while that is automatic. */
export class AutoBin {
  /** This view is changing the size, to draw with it at once. */
  busy = false;
  /** The scale at which it chose last, and the sizes on offer then. */
  #perUsd = 0;
  #sizes = "";
  #fresh = true;

  constructor(private readonly source: Pick<Source, "settings" | "binSizes" | "set">) {}

  /** Choose anew at the next draw, without regard to the size in use. */
  restart(): void {
    this.#fresh = true;
  }

  /** Adapt the size to the scale of prices, device pixels per USD in the middle; returns whether it has changed. */
  adapt(perUsd: number): boolean {
    const { settings, binSizes } = this.source;
    if (!settings.binAuto) {
      this.restart();
      return false;
    }
    const size = this.#next(binSizes, perUsd, settings.binSize);
    if (size === settings.binSize) return false;
    this.busy = true;
    this.source.set({ autoBin: size });
    this.busy = false;
    return true;
  }

  /**
   * Only a change of this view's own scale, or of the sizes on offer, leads to another size, so that views of one
   * widget do not undo each other's choice.
   */
  #next(sizes: readonly number[], perUsd: number, current: number): number {
    const offered = sizes.join();
    const same = Math.abs(Math.log(perUsd / this.#perUsd)) < 0.02 && offered === this.#sizes;
    if (sizes.length === 0 || !(perUsd > 0) || (same && !this.#fresh)) return current;
    const size = autoBin(sizes, perUsd, this.#fresh ? null : current);
    this.#fresh = false;
    this.#perUsd = perUsd;
    this.#sizes = offered;
    return size;
  }
}
