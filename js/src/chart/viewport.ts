/** Moving and zooming what is in view: for the keyboard, where a hand would drag and turn the wheel. */

import type { Field } from "../model/field";
import type { Visible } from "../source/settings";
import type { Chart, Hover } from "./chart";
import { profileWidth } from "./profile";

/** Cells in view at most zoom. */
const LEAST = 8;

interface Range {
  from: number;
  to: number;
}

const moved = ({ from, to }: Range, by: number): Range => ({ from: from + by, to: to + by });

/** A range scaled around a point in it, between `least` and `most` long. */
export function scaled({ from, to }: Range, factor: number, at: number, least: number, most: number): Range {
  const kept = Math.min(Math.max(at, from), to);
  const share = Math.min(Math.max((to - from) * factor, least), most) / (to - from);
  return { from: kept - (kept - from) * share, to: kept + (to - kept) * share };
}

/** How far the range [from, to] has to go to hold [a, b] with room beside it; 0 where it does. */
export function wayTo({ from, to }: Range, a: number, b: number): number {
  const room = Math.max(to - from - (b - a), 0) / 10;
  return a < from ? a - from - room : b > to ? b - to + room : 0;
}

/** Bring a cell into view, no further than needed. */
export function reveal(chart: Chart, field: Field, { column, price }: Hover): void {
  const time = chart.api.timeScale();
  const columns = time.getVisibleLogicalRange();
  const width = chart.api.paneSize(0).width;
  if (columns === null || price === null) return;
  // The profile lies over the last columns.
  const covered = ((columns.to - columns.from) * (profileWidth(width) + 6)) / width;
  const across = wayTo({ from: columns.from, to: columns.to - covered }, column - 0.5, column + 0.5);
  if (across !== 0) {
    chart.release();
    time.setVisibleLogicalRange(moved(columns, across));
  }
  const half = field.ledger.binSize / 2;
  revealPrices(chart, price - half, price + half);
}

/** Bring prices into view, no further than needed; the lower ones where there is no room for all. */
export function revealPrices(chart: Chart, low: number, high: number): void {
  const prices = chart.api.priceScale("right");
  const levels = prices.getVisibleRange();
  const up = levels === null ? 0 : wayTo(levels, low, high);
  if (up === 0) return;
  chart.release();
  prices.setVisibleRange(moved(levels!, up));
}

/** Show fewer cells (factor below 1) or more around a cell, or around the middle. */
export function zoom(chart: Chart, field: Field, factor: number, at: Hover | null): void {
  const time = chart.api.timeScale();
  const prices = chart.api.priceScale("right");
  const columns = time.getVisibleLogicalRange();
  const levels = prices.getVisibleRange();
  if (columns === null || levels === null) return;
  const { binSize, rows } = field.ledger;
  const column = at?.column ?? (columns.from + columns.to) / 2;
  const price = at?.price ?? (levels.from + levels.to) / 2;
  chart.release();
  time.setVisibleLogicalRange(scaled(columns, factor, column, LEAST, field.ledger.columns * 1.25));
  prices.setVisibleRange(scaled(levels, factor, price, LEAST * binSize, rows * binSize));
}

/** Times from the first to the last column in view, and on where much is empty behind it; null: all. */
export function timesInView({ fitted, columnsInView: view, api, bars }: Chart): Visible | null {
  if (fitted || view === null) return null;
  const { time, about } = bars!;
  const { from, to } = api.timeScale().getVisibleLogicalRange()!;
  const empty = to - view[1];
  const more = empty > (to - from) / 3 ? empty : 0; // the profile takes less
  return { time_from: time[view[0]]!, time_to: time[view[1]]! + more * about.intervalMs };
}

/** Bring these columns into view, and no others; prices stay as they are. */
export function showColumns(chart: Chart, field: Field, from: number, to: number): void {
  const width = chart.api.paneSize(0).width;
  // The profile lies over what is right of the last column.
  const beside = to < field.ledger.columns - 1 ? 0 : profileWidth(width);
  const room = ((to - from + 1) * beside) / Math.max(width - beside, 1);
  chart.release();
  chart.api.timeScale().setVisibleLogicalRange({ from: from - 0.4, to: to + 0.4 + room });
}
