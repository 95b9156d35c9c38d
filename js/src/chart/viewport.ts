/** Moving and zooming the view by keyboard, as alternatives to drag and wheel. */

import { edgeOf } from "../base/grid";
import type { Field } from "../model/field";
import type { Visible } from "../source/settings";
import type { Chart, Hover } from "./chart";
import { extentOf, timesOf } from "./ranges";

/** Cells in view at maximum zoom. */
const LEAST = 8;

interface Range {
  from: number;
  to: number;
}

const moved = ({ from, to }: Range, by: number): Range => ({ from: from + by, to: to + by });

/** A range scaled around a point in it, with its length limited to [least, most]. */
export function scaled({ from, to }: Range, factor: number, at: number, least: number, most: number): Range {
  const kept = Math.min(Math.max(at, from), to);
  const share = Math.min(Math.max((to - from) * factor, least), most) / (to - from);
  return { from: kept - (kept - from) * share, to: kept + (to - kept) * share };
}

/** How far to shift the range [from, to] so that it contains [a, b] with a margin; 0 if it already does. */
export function wayTo({ from, to }: Range, a: number, b: number): number {
  const room = Math.max(to - from - (b - a), 0) / 10;
  return a < from ? a - from - room : b > to ? b - to + room : 0;
}

/** Scroll a cell into view, as little as needed. */
export function reveal(chart: Chart, field: Field, { column, price }: Hover): void {
  const time = chart.api.timeScale();
  const columns = time.getVisibleLogicalRange();
  if (columns === null || price === null) return;
  const across = wayTo(columns, column - 0.5, column + 0.5);
  if (across !== 0) {
    chart.release();
    time.setVisibleLogicalRange(moved(columns, across));
  }
  const half = field.grid.binSize / 2;
  revealPrices(chart, price - half, price + half);
}

/** Scroll prices into view, as little as needed; the lower ones if not all fit. */
export function revealPrices(chart: Chart, low: number, high: number): void {
  const { axis } = chart;
  const { places } = axis;
  const up = places === null ? 0 : wayTo(places, axis.place(low), axis.place(high));
  if (up === 0) return;
  chart.release();
  axis.places = moved(places!, up);
}

/**
 * Zoom: fewer cells for a factor below 1, else more. Around a cell; without one around the middle, or around the last
 * candle if that is at the right end.
 */
export function zoom(chart: Chart, field: Field, factor: number, at: Hover | null): void {
  const time = chart.api.timeScale();
  const { axis } = chart;
  const columns = time.getVisibleLogicalRange();
  const { places } = axis;
  if (columns === null || places === null) return;
  const { grid } = field;
  const column = at?.column ?? (columns.from + columns.to) / 2;
  const place = at?.price == null ? (places.from + places.to) / 2 : axis.place(at.price);
  const least = axis.place(axis.price(place) + LEAST * grid.binSize) - place;
  const most = axis.place(edgeOf(grid, grid.rows)) - axis.place(edgeOf(grid, 0));
  chart.release();
  const wanted = scaled(columns, factor, column, LEAST, field.columns * 1.25);
  const end = at === null ? chart.margin.endOf(wanted.to - wanted.from + 1) : null;
  time.setVisibleLogicalRange(moved(wanted, end === null ? 0 : end - wanted.to));
  axis.places = scaled(places, factor, place, least, most);
}

/** Time range in view, extended past the last column if much is empty after it; null: all. */
export function timesInView({ fitted, columnsInView: view, api, bars }: Chart): Visible | null {
  if (fitted || view === null) return null;
  const { time, about } = bars!;
  const { from, to } = api.timeScale().getVisibleLogicalRange()!;
  const empty = to - view[1];
  const more = empty > (to - from) / 3 ? empty : 0; // the margin alone is less
  return { time_from: time[view[0]]!, time_to: time[view[1]]! + more * about.intervalMs * about.width };
}

/** The prices in view, unless the chart scales them by itself. */
export function pricesInView({ axis }: Chart): Pick<Visible, "price_low" | "price_high"> {
  const range = axis.isAuto ? null : axis.prices;
  return range === null ? {} : { price_low: range.from, price_high: range.to };
}

/** What a chart shows; null: everything. */
export function viewOf(chart: Chart): Visible | null {
  const { bars } = chart;
  const { follows } = chart.fit;
  if (bars === null) return null;
  const prices = pricesInView(chart);
  if (follows === null) {
    const times = timesInView(chart);
    return times && { ...times, ...prices };
  }
  const extent = extentOf(bars);
  if (follows !== "all") return { ...timesOf(follows, extent), ...prices, range: follows };
  return prices.price_low === undefined ? null : { time_from: extent.first, time_to: extent.last, ...prices };
}

/** Bring a chart to a view. */
export function showView({ fit, axis }: Chart, visible: Visible | null): void {
  if (visible === null) {
    fit.candles();
    return;
  }
  const { time_from, time_to, price_low, price_high, range } = visible;
  if (range !== undefined) fit.range(range);
  else fit.times(time_from, time_to);
  if (price_low !== undefined && price_high !== undefined) axis.show({ from: price_low, to: price_high });
}
