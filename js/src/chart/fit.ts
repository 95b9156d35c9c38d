/** What the view is fitted to: all candles, all levels, or a range that follows new candles. */

import type { AutoscaleInfo, IChartApi, Logical } from "lightweight-charts";
import { edgeOf } from "../base/grid";
import { type Bars, columnAt } from "../frames/bars_and_ledger";
import type { Field } from "../model/field";
import type { Range } from "../source/settings";
import { extentOf, timesOf } from "./ranges";

/** Margin right of the last candle, CSS pixels. */
export const MARGIN = 12;

interface Columns {
  from: number;
  to: number;
}

export class Fit {
  /** What the view follows as candles are added and the chart is resized; null: the user has moved it. */
  follows: Range | "all" | null = "all";
  /** Whether automatic prices span all levels rather than the candles in view. */
  spansLevels = false;
  /** Columns in view when the user took hold of the chart; null: nobody holds it. */
  #held: Columns | null = null;

  /** @param bars - returns the bars shown */
  constructor(
    private readonly api: IChartApi,
    private readonly bars: () => Bars | null,
  ) {
    api.timeScale().subscribeVisibleLogicalRangeChange((now) => {
      const held = this.#held;
      if (held !== null && now !== null && Math.hypot(now.from - held.from, now.to - held.to) > 0.01) this.release();
    });
  }

  /** Show all columns, with prices scaled to the candles and room for nearby levels. */
  candles(): void {
    this.follow("all", false);
  }

  /** Show all columns and all rows. */
  levels(): void {
    this.follow("all", true);
  }

  /** Show a range up to the last candle, with prices scaled to its candles. */
  range(range: Range): void {
    this.follow(range, false);
  }

  /** Show exactly the columns that contain these times, with prices scaled to their candles. */
  times(first: number, last: number): void {
    this.follow(null, false);
    this.#show(first, last);
  }

  /** The user has moved the view: it no longer follows the candles. */
  release(): void {
    this.follows = null;
    this.#held = null;
  }

  /** The user takes hold of the chart, or lets go: if it moves meanwhile, it no longer follows the candles. */
  hold(on: boolean): void {
    this.#held = on ? this.api.timeScale().getVisibleLogicalRange() : null;
  }

  /** Show again the columns that are followed; prices stay as they are. */
  refit(): void {
    const bars = this.bars();
    if (bars === null) return;
    if (this.follows === "all") this.#showAll(bars.time.length);
    else if (this.follows !== null) this.#show(timesOf(this.follows, extentOf(bars)).time_from, bars.time.at(-1)!);
  }

  /** Show these columns, moved as little as needed for the last candle to be in view. */
  keep({ from, to }: Columns, last: number): void {
    const [left, right] = [from + (to - from) / 10, to - (to - from) / 5];
    const way = last > right ? last - right : last < left ? last - left : 0;
    this.#set(from + way, to + way);
  }

  /** The prices of an automatic price axis. */
  autoscale(candles: () => AutoscaleInfo | null, field: Field | null): AutoscaleInfo | null {
    if (!this.spansLevels || field === null) return candles();
    const { grid } = field;
    // A logarithmic axis would show nothing but what is below the lowest row's upper edge.
    const lowest = grid.first > 0 || this.api.priceScale("right").options().mode === 0 ? 0 : 1;
    return { priceRange: { minValue: edgeOf(grid, lowest), maxValue: edgeOf(grid, grid.rows) } };
  }

  /** Show something, and again whenever the candles or the size of the chart change; null: nothing. */
  follow(what: Range | "all" | null, spansLevels: boolean): void {
    this.follows = what;
    this.#held = null;
    this.spansLevels = spansLevels;
    this.api.priceScale("right").applyOptions({
      autoScale: true,
      scaleMargins: spansLevels ? { top: 0, bottom: 0 } : { top: 0.2, bottom: 0.2 },
    });
    this.refit();
  }

  #showAll(columns: number): void {
    if (columns > 0) this.#set(0, columns - 1, MARGIN);
  }

  #show(first: number, last: number): void {
    const time = this.bars()?.time ?? [];
    const [from, to] = [columnAt(time, first), columnAt(time, last)];
    this.#set(from, to, to < time.length - 1 ? 0 : MARGIN);
  }

  /** Show these columns and no others, with a margin right of them, CSS pixels. */
  #set(from: number, to: number, margin = 0): void {
    const room = Math.max(this.api.paneSize(0).width - margin, 1);
    const right = to + ((to - from + 1) * margin) / room;
    this.api.timeScale().setVisibleLogicalRange({ from: from as Logical, to: right as Logical });
  }
}
