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
import { coins } from "../base/units";
import type { Bars } from "../frames/bars_and_ledger";

const inCoins = { type: "custom" as const, minMove: 1e-8, formatter: coins };

/** Least distance of ticks, in heights of their labels: room for two ticks or three. */
const DENSITY = 1.5;
/** Room below a series for half the label of its lowest tick, CSS pixels. */
const FOOT = 7;

/** What the panes below the price show. */
export const PANE_NAMES = ["volume, coins", "open interest, coins"];

/** A name and the top of its pane, CSS pixels; `fits`: it would not cover the series. */
export interface PaneName {
  name: string;
  top: number;
  fits: boolean;
}

export const seconds = (ms: number): UTCTimestamp => (ms / 1000) as UTCTimestamp;

export class Panes {
  readonly #volume: ISeriesApi<"Histogram", Time>;
  #openInterest: ISeriesApi<"Line", Time> | null = null;
  /** Heights for which room was made last. */
  #room = "";

  constructor(private readonly chart: IChartApi) {
    this.#volume = chart.addSeries(
      HistogramSeries,
      { priceFormat: inCoins, priceLineVisible: false, lastValueVisible: false },
      1,
    );
  }

  /** Update the bars from column `from` on (0: set all of them); `last` is the last column already shown. */
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
          priceFormat: inCoins,
          priceLineVisible: false,
          lastValueVisible: false,
          lineWidth: 1,
          color: colours.openInterest,
        },
        2,
      );
      from = 0;
      this.#room = "";
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

  /** Where the names of the panes go; `letters`: font size, CSS pixels. */
  names(letters: number): PaneName[] {
    const heights = this.chart.panes().map((pane) => pane.getHeight());
    let top = heights[0] ?? 0;
    return PANE_NAMES.map((name, i) => {
      const height = heights[i + 1] ?? 0;
      const place = { name, top, fits: height >= 2 * letters };
      top += height + 1;
      return place;
    });
  }

  /** Keep the series below the names of their panes, `name` CSS pixels high. */
  leaveRoom(name: number): void {
    const heights = this.chart.panes().map((pane) => pane.getHeight());
    const key = [name, ...heights].join();
    if (key === this.#room) return;
    this.#room = key;
    for (const [i, height] of heights.entries()) {
      if (i === 0 || height === 0) continue;
      const scaleMargins = { top: Math.min(name / height, 0.6), bottom: Math.min(FOOT / height, 0.3) };
      this.chart.priceScale("right", i).applyOptions({ scaleMargins, tickMarkDensity: DENSITY });
    }
  }

  /** Remove the last columns. */
  drop(columns: number): void {
    this.#volume.pop(columns);
    this.#openInterest?.pop(columns);
  }

  recolour(colours: Colours): void {
    this.#openInterest?.applyOptions({ color: colours.openInterest });
  }
}
