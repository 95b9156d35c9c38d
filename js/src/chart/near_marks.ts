/** Marks on the price axis at the clusters near the last price. */

import type { NearLevel } from "../source/near";

/** The profile's colours, long and short. */
const COLOURS = { long: "#5ad1ff", short: "#ffb066" } as const;

/** What a price line of the chart needs. */
interface Mark {
  price: number;
  color: string;
  lineVisible: boolean;
  axisLabelVisible: boolean;
}

/** The marks of near clusters, each at the price where it is densest. */
const marksOf = (levels: readonly NearLevel[]): Mark[] =>
  levels.map(({ side, peak }) => ({ price: peak, color: COLOURS[side], lineVisible: false, axisLabelVisible: true }));

/** The series that carries the marks; what it makes is only given back to it. */
interface Series {
  createPriceLine(mark: Mark): unknown;
  removePriceLine(line: never): void;
}

export class NearMarks {
  #lines: unknown[] = [];
  #shown = "";

  constructor(private readonly series: Series) {}

  /** Mark these clusters and no others. */
  show(levels: readonly NearLevel[]): void {
    const marks = marksOf(levels);
    const key = JSON.stringify(marks);
    if (key === this.#shown) return;
    this.#shown = key;
    for (const line of this.#lines) this.series.removePriceLine(line as never);
    this.#lines = marks.map((mark) => this.series.createPriceLine(mark));
  }
}
