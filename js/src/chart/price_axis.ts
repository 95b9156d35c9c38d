/** The price axis of the chart, linear or logarithmic, and the prices that it shows. */

import { type IChartApi, type ISeriesApi, PriceScaleMode } from "lightweight-charts";
import type { PriceAxisName } from "../base/row_map";
import { price } from "../base/units";

interface Range {
  from: number;
  to: number;
}

/** Part of the highest price at which a logarithmic axis begins if it were to begin at 0 or below. */
const LOWEST = 1e-3;

export class PriceAxis {
  #foot = 0;

  constructor(
    private readonly chart: IChartApi,
    private readonly series: ISeriesApi<"Candlestick">,
  ) {}

  /** Digits by which logarithms are shifted; null: the axis is linear. */
  get #digits(): number | null {
    const { chart, series } = this;
    if (chart.priceScale("right").options().mode !== PriceScaleMode.Logarithmic) return null;
    // The chart lays a price p out at log10(p + 10^-n) + n, and a price of 0 at 0. It does not tell the n that it
    // chooses for the prices in view, but positions do: those of 0, 1 and 10 are n and almost 1 apart.
    const at = (price: number): number => series.priceToCoordinate(price)!;
    return Math.round((at(0) - at(1)) / (at(1) - at(10))) || 4;
  }

  /** USD added to prices before the logarithm is taken; null: the axis is linear. */
  get shift(): number | null {
    const digits = this.#digits;
    return digits && 10 ** -digits;
  }

  get isAuto(): boolean {
    return this.chart.priceScale("right").options().autoScale;
  }

  /** A price as the axis counts it, in equal steps along the axis. */
  place(price: number, digits = this.#digits): number {
    return digits === null ? price : Math.log10(Math.max(price, 0) + 10 ** -digits) + digits;
  }

  /** The price at a place. */
  price(place: number, digits = this.#digits): number {
    return digits === null ? place : 10 ** (place - digits) - 10 ** -digits;
  }

  /** The range of prices shown between the margins; null until there is one. */
  get prices(): Range | null {
    const { chart, series } = this;
    const scale = chart.priceScale("right");
    if (this.#digits === null) return scale.getVisibleRange();
    // The chart rounds the prices of a logarithmic axis, so they are read off the margins.
    const { top, bottom } = scale.options().scaleMargins;
    const height = chart.paneSize(0).height;
    const from = series.coordinateToPrice(height - 1 - bottom * height);
    const to = series.coordinateToPrice(top * height);
    return from === null || to === null ? null : { from, to };
  }

  /** Show prices, between the margins; the axis is then no longer automatic. */
  show({ from, to }: Range): void {
    const scale = this.chart.priceScale("right");
    scale.setAutoScale(false); // before the digits are read: it may change them
    const digits = this.#digits;
    if (digits !== null && from <= 0) from = to * LOWEST;
    // The chart takes a range of its own logarithms.
    scale.setVisibleRange({ from: this.place(from, digits), to: this.place(to, digits) });
  }

  /** The range shown, as the axis counts it. */
  get places(): Range | null {
    const { prices } = this;
    return prices && { from: this.place(prices.from), to: this.place(prices.to) };
  }

  set places({ from, to }: Range) {
    this.show({ from: this.price(from), to: this.price(to) });
  }

  /** Leave out ticks in this room at the lower end, CSS pixels. */
  leaveRoom(foot: number): void {
    if (foot === this.#foot) return;
    this.#foot = foot;
    this.chart.priceScale("right").applyOptions({}); // ask for all texts again
  }

  /** How prices are written. */
  format(decimals: number) {
    const write = (value: number): string => price(value, decimals);
    const ticks = (values: readonly number[]): string[] => {
      const end = this.chart.paneSize(0).height - this.#foot - this.chart.options().layout.fontSize / 2;
      return values.map((value) => (this.series.priceToCoordinate(value)! > end ? "" : write(value)));
    };
    return { type: "custom" as const, minMove: 10 ** -decimals, formatter: write, tickmarksFormatter: ticks };
  }

  /** Make the axis linear or logarithmic; prices that the user chose stay. */
  use(name: PriceAxisName): void {
    const mode = name === "log" ? PriceScaleMode.Logarithmic : PriceScaleMode.Normal;
    const scale = this.chart.priceScale("right");
    if (scale.options().mode === mode) return;
    const chosen = this.isAuto ? null : this.prices;
    scale.applyOptions({ mode, autoScale: true });
    if (chosen !== null) this.show(chosen);
  }
}
