/** The panes below the price: volume and open interest. */

import {
  HistogramSeries,
  type IChartApi,
  type ISeriesApi,
  LineSeries,
  type Time,
  type UTCTimestamp,
} from "lightweight-charts";
import type { Colours } from "../base/theme";
import type { Bars } from "../frames/bars_and_ledger";

const compact = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 2 });
const coins = { type: "custom" as const, minMove: 1e-8, formatter: (value: number) => compact.format(value) };

export const seconds = (ms: number): UTCTimestamp => (ms / 1000) as UTCTimestamp;

export class Panes {
  readonly #volume: ISeriesApi<"Histogram", Time>;
  #openInterest: ISeriesApi<"Line", Time> | null = null;

  constructor(private readonly chart: IChartApi) {
    this.#volume = chart.addSeries(
      HistogramSeries,
      { priceFormat: coins, priceLineVisible: false, lastValueVisible: false },
      1,
    );
  }

  /** Show the bars from column `from` on anew, those before `last` being there; from 0 all of them. */
  update(bars: Bars, colours: Colours, from: number, last: number): void {
    const volume = (t: number) => ({
      time: seconds(bars.time[t]!),
      value: bars.volume[t]!,
      color: bars.close[t]! >= bars.open[t]! ? colours.volumeUp : colours.volumeDown,
    });
    const open = bars.openInterest;
    if (open === null && this.#openInterest !== null) {
      this.chart.removeSeries(this.#openInterest);
      this.#openInterest = null;
    }
    if (open !== null && this.#openInterest === null) {
      this.#openInterest = this.chart.addSeries(
        LineSeries,
        {
          priceFormat: coins,
          priceLineVisible: false,
          lastValueVisible: false,
          lineWidth: 1,
          color: colours.openInterest,
        },
        2,
      );
      from = 0;
    }
    const line = (t: number) =>
      Number.isFinite(open![t]!)
        ? { time: seconds(bars.time[t]!), value: open![t]! }
        : { time: seconds(bars.time[t]!) };
    const columns = bars.time.length;
    if (from === 0) {
      this.#volume.setData(Array.from({ length: columns }, (_, t) => volume(t)));
      this.#openInterest?.setData(Array.from({ length: columns }, (_, t) => line(t)));
    } else {
      for (let t = from; t < columns; t++) {
        this.#volume.update(volume(t), t < last);
        this.#openInterest?.update(line(t), t < last);
      }
    }
    const panes = this.chart.panes();
    panes[0]?.setStretchFactor(8);
    panes[1]?.setStretchFactor(1.1);
    panes[2]?.setStretchFactor(1.1);
  }

  recolour(colours: Colours): void {
    this.#openInterest?.applyOptions({ color: colours.openInterest });
  }
}
