/** What the colours span: the brightest cell in view, or of everything. */

import type { Bins, Field, Sample } from "../model/field";

/** What has a brightest cell. */
type Lit = Pick<Field, "brightest" | "revision">;

/** Time for which the view must be still before colours follow it, ms. */
const SETTLE = 150;

/** Candles and bins [from, to) of a field. */
export interface Part {
  from: number;
  to: number;
  bins: Bins;
}

/** Largest value of a sample in a part of the field, USD; 0 if it holds none of it. */
export function brightestIn({ from, step, count, bins, block, values }: Sample, part: Part): number {
  const height = Math.ceil((bins.to - bins.from) / block);
  const first = Math.max(Math.floor((part.from - from) / step), 0);
  const end = Math.min(Math.ceil((part.to - from) / step), count);
  const low = Math.max(Math.floor((part.bins.from - bins.from) / block), 0);
  const high = Math.min(Math.ceil((part.bins.to - bins.from) / block), height);
  let most = 0;
  for (let c = first; c < end; c++) {
    for (let i = c * height + low; i < c * height + high; i++) if (values[i]! > most) most = values[i]!;
  }
  return most;
}

const same = (a: Part, b: Part): boolean =>
  a.from === b.from && a.to === b.to && a.bins.from === b.bins.from && a.bins.to === b.bins.to;

/**
 * The brightest cell that colours are scaled to. It follows the view once that is still: colours that change with every
 * frame of a pan are hard to read and slow.
 */
export class Contrast {
  /** USD. */
  most = 0;
  /** The part in view for which that holds; null: it is of the whole field. */
  part: Part | null = null;
  #revision = -1;
  #field: Lit | null = null;
  /** The part that the view has moved to. */
  #next: Part | null = null;
  #timer: ReturnType<typeof setTimeout> | 0 = 0;

  /** @param settled - called when the view is still and colours may change, to draw again */
  constructor(private readonly settled: () => void) {}

  /** Scale to the view at the next draw, without waiting for it to be still. */
  restart(): void {
    this.#revision = -1;
  }

  remove(): void {
    clearTimeout(this.#timer);
  }

  /**
   * The brightest cell, USD.
   *
   * @param whole - of the whole field rather than of what is in view
   * @param view - the part in view, within the field
   */
  of(field: Lit, sample: Sample, view: Part, whole: boolean): number {
    if (whole) {
      this.#settle(null);
      this.#revision = -1;
      this.most = field.brightest;
      return this.most;
    }
    // New values are scaled at once: their colours change anyway.
    const fresh = field !== this.#field || field.revision !== this.#revision || this.part === null;
    const still = this.#next !== null && this.#timer === 0 && same(this.#next, view);
    if (fresh || still) {
      this.#settle(view);
      this.#field = field;
      this.#revision = field.revision;
      this.most = brightestIn(sample, view);
    } else if (same(view, this.part!)) this.#settle(this.part);
    else if (this.#next === null || !same(this.#next, view)) this.#wait(view);
    return this.most;
  }

  /** Colours are scaled to a part, and nothing is to follow. */
  #settle(part: Part | null): void {
    clearTimeout(this.#timer);
    this.#timer = 0;
    this.#next = null;
    this.part = part;
  }

  #wait(view: Part): void {
    clearTimeout(this.#timer);
    this.#next = view;
    this.#timer = setTimeout(() => {
      this.#timer = 0;
      this.settled();
    }, SETTLE);
  }
}
