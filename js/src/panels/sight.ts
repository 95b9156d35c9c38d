/** What is in view: ranges and views that are asked for, and reports of what is shown. */

import { AutoBin } from "../chart/auto_bin";
import type { Chart } from "../chart/chart";
import { pricesInView, showView, viewOf } from "../chart/viewport";
import type { Range, Source, Visible } from "../source/settings";
import { RangeButtons } from "./range_buttons";

export class Sight {
  readonly auto: AutoBin;
  readonly #ranges: RangeButtons;
  /** Prices reported last; "" while the price axis is automatic. */
  #prices = "";

  /** @param chart - returns the chart; null: there is none yet */
  constructor(
    private readonly source: Source,
    private readonly chart: () => Chart | null,
    signal: AbortSignal,
  ) {
    this.auto = new AutoBin(source);
    this.#ranges = new RangeButtons(source, (range) => this.#range(range), signal);
    source.on("visible", () => this.follow(source.visible), signal);
  }

  /** The buttons of the ranges. */
  get element(): HTMLElement {
    return this.#ranges.element;
  }

  /** What to show once a picture has replaced another, or the first one has come. */
  wanted(isFirst: boolean): Visible | null {
    const asked = this.source.visible;
    if (isFirst) return asked;
    // A new window of a history keeps what is in view, unless it was cut for other times.
    const cut = this.source.field?.bars.about.view;
    const chart = this.chart();
    return (cut?.time_from === asked?.time_from ? asked : cut) ?? (chart && viewOf(chart));
  }

  /** Bring the chart to a view; null: everything. */
  follow(visible: Visible | null): void {
    const chart = this.chart();
    if (chart === null) return;
    this.auto.restart();
    chart.heatmap.bitmap.contrast.restart();
    showView(chart, visible);
  }

  /** Report what is in view, and mark its range. */
  report(): void {
    const chart = this.chart();
    if (chart === null) return;
    this.#ranges.update(chart.fit.follows);
    this.source.show(viewOf(chart));
  }

  /** The candles have changed: so have the ranges that they fill, and the times of one that is followed. */
  update(): void {
    const follows = this.chart()?.fit.follows ?? null;
    if (follows !== null) this.report();
    else this.#ranges.update(null);
  }

  /** Report prices that the user has moved, which the chart does not say. */
  painted(): void {
    const chart = this.chart();
    const prices = chart && Object.values(pricesInView(chart)).join();
    if (prices === null || prices === this.#prices) return;
    this.#prices = prices;
    this.report();
  }

  /** Show a range up to the last candle, with everything that makes it readable; null: all candles. */
  #range(range: Range | null): void {
    const chart = this.chart();
    if (chart === null) return;
    this.auto.restart();
    if (range === null) chart.fit.candles();
    else chart.fit.range(range);
    chart.heatmap.bitmap.contrast.restart();
    this.source.set({ binAuto: true, contrast: "view" });
    this.report(); // also where the columns stay
  }
}
