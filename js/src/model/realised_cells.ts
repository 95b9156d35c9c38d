/** Realised liquidations as cells: their USD in the estimate's bins and candles. */

import { type Grid, rowOf } from "../base/grid";
import type { Placed } from "../frames/marks";
import type { Field, Sample, View } from "./field";

/** What the heat shows: the estimate, realised liquidations, or these over a grey estimate. */
export const LAYERS = ["estimate", "realised", "both"] as const;
export type Layer = (typeof LAYERS)[number];

/** Maximum cells of a picture: 48 MB. */
const MAX_CELLS = 12_000_000;

/** USD by cell, at `column * rows + bin`: each mark with a price, spread evenly over the columns that it sums. */
export function usdByCell({ marks, from, to, order }: Placed, grid: Grid): Map<number, number> {
  const cells = new Map<number, number>();
  for (const i of order) {
    const bin = Number.isNaN(marks.price[i]!) ? -1 : rowOf(grid, marks.price[i]!);
    if (bin < 0 || bin >= grid.rows) continue;
    const usd = marks.notional[i]! / (to[i]! - from[i]! + 1);
    for (let t = from[i]!; t <= to[i]!; t++) {
      const at = t * grid.rows + bin;
      cells.set(at, (cells.get(at) ?? 0) + usd);
    }
  }
  return cells;
}

export class RealisedCells {
  #of: { placed: Placed; field: Field; grid: Grid; brightest: number } | null = null;
  #usd = new Map<number, number>();
  revision = 0;
  #sampled: (Sample & { asked: number }) | null = null;

  /** Take these marks into the bins of a field. */
  show(placed: Placed, field: Field): this {
    const { grid, brightest } = field;
    const old = this.#of;
    const same = old?.placed === placed && old.field === field && old.grid === grid;
    if (same && old.brightest === brightest) return this;
    this.#of = { placed, field, grid, brightest };
    this.revision++;
    if (same) {
      if (this.#sampled !== null) this.#sampled.revision = this.revision; // the same cells in other colours
      return this;
    }
    this.#usd = usdByCell(placed, grid);
    this.#sampled = null;
    return this;
  }

  get grid(): Grid {
    return this.#of!.grid;
  }

  get columns(): number {
    return this.#of!.field.columns;
  }

  /** The estimate's: realised USD have the same colours as estimated ones. */
  get brightest(): number {
    return this.#of!.brightest;
  }

  swept(): [number, number] {
    return [0, 0];
  }

  /** Cells for a picture; of several candles or bins per pixel the brightest is shown. */
  sample({ from, to, step: asked, bins, block }: View): Sample {
    const first = Math.max(from, 0);
    const end = Math.min(to, this.columns);
    const old = this.#sampled;
    const covers = old !== null && old.from <= first && old.from + old.count * old.step >= end;
    if (covers && old.asked === asked && old.block === block && old.bins.from === bins.from && old.bins.to === bins.to)
      return old;
    const height = Math.ceil((bins.to - bins.from) / block);
    const step = Math.max(asked, Math.ceil(((end - first) * height) / MAX_CELLS));
    // Half a view on either side for the next pan, where there is room.
    const room = 2 * (end - first) * height > MAX_CELLS * step ? 0 : Math.ceil((end - first) / 2);
    const start = Math.floor(Math.max(first - room, 0) / step) * step;
    const count = Math.ceil((Math.min(end + room, this.columns) - start) / step);
    const values = new Float32Array(count * height);
    for (const [at, usd] of this.#usd) {
      const bin = at % this.grid.rows;
      const column = Math.floor((Math.floor(at / this.grid.rows) - start) / step);
      if (bin < bins.from || bin >= bins.to || column < 0 || column >= count) continue;
      const cell = column * height + Math.floor((bin - bins.from) / block);
      values[cell] = Math.max(values[cell]!, usd);
    }
    this.#sampled = { asked, from: start, step, count, bins, block, values, revision: this.revision };
    return this.#sampled;
  }
}
