/** The chart: candles in front of the heatmap, panes below, profile beside the price axis. */

import {
  type AutoscaleInfo,
  CandlestickSeries,
  createChart,
  type IChartApi,
  type IPriceLine,
  type ISeriesApi,
  type MouseEventParams,
  type Time,
} from "lightweight-charts";
import { invert } from "../base/affine";
import type { Clock } from "../base/clock";
import type { RowMap } from "../base/row_map";
import type { Colours } from "../base/theme";
import type { Bars } from "../frames/bars_and_ledger";
import type { Placed, Realised } from "../frames/marks";
import type { Positions } from "../frames/positions";
import type { Field } from "../model/field";
import { Bubbles, type Layout } from "./bubbles";
import { EdgeTicks, timeAxisOf } from "./edge_ticks";
import { Fit } from "./fit";
import { Heatmap, type HeatmapInput, layoutOf, type PaneSize } from "./heatmap";
import { Margin } from "./margin";
import { NearMarks } from "./near_marks";
import { coloured, optionsOf, timed } from "./options";
import { type PaneName, Panes, seconds } from "./panes";
import type { Rows } from "./pooling";
import { PriceAxis } from "./price_axis";
import { Profile, profileWidth } from "./profile";

/** Whole columns and prices. */
export interface Box {
  columnFrom: number;
  columnTo: number;
  priceLow: number;
  priceHigh: number;
}

/** Cell under the crosshair: a column, and a price where the pointer is in the price pane. */
export interface Hover {
  column: number;
  price: number | null;
}

export interface ChartInput {
  heatmap(): HeatmapInput;
  profileColumn(): number;
  /** Realised liquidations to draw; null: none. */
  placed(): Placed | null;
  positions(): Positions | null;
  /** Called with the scale of the positions relative to the estimate; null if none are drawn. */
  outlined(scale: number | null): void;
  /** Called after the profile is drawn; `rows` gives their CSS pixels. */
  profiled(canvas: HTMLCanvasElement, size: PaneSize, rows: RowMap): void;
  /** Called when the profile's band is ready to be drawn. */
  ranged(): void;
  painted(changed: boolean): void;
  /** `byHand`: the user moved the pointer, rather than the chart moving under it. */
  hovered(hover: Hover | null, byHand: boolean): void;
  scrolled(): void;
  /** Whether the chart shows the TradingView logo; other pages credit it in a text link. */
  readonly logo: boolean;
  readonly clock: Clock;
}

export class Chart {
  readonly heatmap: Heatmap;
  readonly api: IChartApi;
  readonly #candles: ISeriesApi<"Candlestick", Time>;
  readonly axis: PriceAxis;
  readonly panes: Panes;
  readonly near: NearMarks;
  bars: Bars | null = null;
  /** The last close: a dotted line and a label on the price axis. */
  readonly #last: IPriceLine;
  readonly fit: Fit;
  readonly margin: Margin;
  readonly #bubbles = new Bubbles();
  readonly profile: Profile;
  readonly #ticks: EdgeTicks;
  #expected: IPriceLine | null = null;
  #size: PaneSize | null = null;
  #drawnEarly = 0;
  #drawAgain = false;
  #text = 11;

  constructor(
    readonly element: HTMLElement,
    private readonly input: ChartInput,
    private colours: Colours,
  ) {
    this.profile = new Profile(input.clock, input.ranged);
    const drawn = (changed: boolean, size: PaneSize): void => {
      this.#size = size;
      this.drawBubbles();
      this.drawProfile();
      input.painted(changed);
    };
    this.heatmap = new Heatmap(input.heatmap, drawn, () => this.redraw());
    this.heatmap.canvas.className = "liq-heat";
    this.#bubbles.canvas.className = "liq-bubbles";
    this.profile.canvas.className = "liq-profile";
    element.append(this.heatmap.canvas, this.#bubbles.canvas);
    this.api = createChart(element, optionsOf(input.logo));
    this.#candles = this.api.addSeries(CandlestickSeries, {
      borderVisible: false,
      // Those of lightweight-charts are of the last candle in view.
      lastValueVisible: false,
      priceLineVisible: false,
      autoscaleInfoProvider: (original: () => AutoscaleInfo | null) =>
        this.fit.autoscale(original, this.input.heatmap().field),
    });
    this.#last = this.#candles.createPriceLine({ price: 0, lineStyle: 2, lineWidth: 1, axisLabelVisible: false });
    this.axis = new PriceAxis(this.api, this.#candles);
    this.margin = new Margin(this.api.timeScale());
    this.fit = new Fit(this.api, () => this.bars);
    this.#candles.attachPrimitive(this.heatmap);
    element.append(this.profile.canvas);
    this.#lay();
    this.panes = new Panes(this.api);
    this.near = new NearMarks(this.#candles);
    this.#ticks = new EdgeTicks(timeAxisOf(this.api));
    this.retime();
    this.recolour(colours);
    this.api.subscribeCrosshairMove((event) => input.hovered(this.#hoverOf(event), event.sourceEvent !== undefined));
    this.api.timeScale().subscribeVisibleLogicalRangeChange(() => {
      this.#ticks.follow();
      input.scrolled();
    });
  }

  /** Show bars; columns before `from` are unchanged. Returns whether they replace other bars. */
  show(bars: Bars, from = 0): boolean {
    if (bars === this.bars) return false; // a new bin size does not change the candles
    const { decimals } = bars.about;
    const first = this.bars === null;
    const candle = (t: number) => ({
      time: seconds(bars.time[t]!),
      open: bars.open[t]!,
      high: bars.high[t]!,
      low: bars.low[t]!,
      close: bars.close[t]!,
    });
    // Updated candles keep their times, unless a gap was filled: then all candles are set again.
    const old = this.bars?.time;
    for (let t = from; old !== undefined && t < old.length - 1; t++) if (bars.time[t] !== old[t]) from = 0;
    const last = (old?.length ?? 0) - 1;
    if (from === 0) {
      // Dragging stops at the edge of a window of a history.
      this.api.timeScale().applyOptions({ fixLeftEdge: bars.about.part });
      this.#candles.applyOptions({ priceFormat: this.axis.format(decimals) });
      this.#candles.setData(Array.from({ length: bars.time.length }, (_, t) => candle(t)));
    } else for (let t = from; t < bars.time.length; t++) this.#candles.update(candle(t), t < last);
    this.panes.update(bars, this.colours, from, last);
    const replaced = this.bars?.time[0] !== bars.time[0];
    this.bars = bars;
    this.#markLast();
    this.fit.refit();
    return first || (from === 0 && replaced);
  }

  /** Show more or fewer of the same bars. The view stays, unless the last candle would leave it. */
  replay(bars: Bars): void {
    const before = this.bars?.time.length ?? 0;
    const columns = bars.time.length;
    const range = this.api.timeScale().getVisibleLogicalRange();
    this.release();
    if (columns < before) {
      this.#candles.pop(before - columns);
      this.panes.drop(before - columns);
      this.bars = bars;
      this.#markLast();
    } else this.show(bars, before);
    if (range !== null) this.fit.keep(range, columns - 1);
  }

  /** Draw a line at a price that somebody expects; null: none. */
  expect(price: number | null): void {
    if (this.#expected !== null) this.#candles.removePriceLine(this.#expected);
    this.#expected =
      price === null
        ? null
        : this.#candles.createPriceLine({ price, color: this.colours.crosshair, lineStyle: 1, title: "your guess" });
  }

  /** Adopt the size of the plot. */
  resize(): void {
    this.#lay();
    this.fit.refit();
  }

  /** Divide the plot between the chart and the profile. */
  #lay(): void {
    const { width, height } = this.element.getBoundingClientRect();
    const chart = Math.floor((width - profileWidth(width, this.profile.text)) / 2) * 2; // lightweight-charts wants it even
    this.profile.place(chart, Math.floor(width) - chart, height);
    this.api.resize(chart, height, true); // at once, because the fit needs its size
  }

  /** Whether all candles are followed. */
  get fitted(): boolean {
    return this.fit.follows === "all";
  }

  /** The user has moved the view: it no longer follows the candles. */
  release(): void {
    this.fit.release();
  }

  /**
   * Redraw the heat without the chart. The first call in a frame draws immediately, further calls with the next
   * frame, so that many events cost at most two redraws.
   */
  redraw(): void {
    if (this.#drawnEarly !== 0) {
      this.#drawAgain = true;
      return;
    }
    this.#drawnEarly = requestAnimationFrame(() => {
      this.#drawnEarly = 0;
      if (this.#drawAgain) this.heatmap.draw();
      this.#drawAgain = false;
    });
    this.heatmap.draw();
  }

  /** Redraw the side profile, without the heat. */
  drawProfile(): void {
    const { field } = this.input.heatmap();
    const layout = this.#layout;
    if (!field || !layout || this.#size === null) return;
    const positions = this.input.positions();
    this.input.outlined(this.profile.draw(field, this.input.profileColumn(), this.#size, layout.y, positions));
    this.input.profiled(this.profile.canvas, this.#size, layout.y);
  }

  /** Draw realised liquidations if they have changed. */
  drawBubbles(): void {
    const layout = this.#layout;
    if (layout !== null && this.#size !== null) this.#bubbles.draw(this.input.placed(), this.#size, layout);
  }

  /** Realised liquidations near a cell, if they are shown. */
  realisedNear({ column, price }: Hover): Realised | null {
    const layout = this.#layout;
    const placed = this.input.placed();
    if (layout === null || placed === null || this.#size === null || price === null) return null;
    return this.#bubbles.near(placed, this.#size, layout, { column, price });
  }

  get #layout(): Layout | null {
    const { field } = this.input.heatmap();
    const layout = field && layoutOf(this.api, this.#candles, field);
    return layout && { ...layout, grid: field.grid };
  }

  recolour(colours: Colours): void {
    this.colours = colours;
    this.profile.ink = colours.text;
    this.api.applyOptions(coloured(colours, this.#text, this.input.logo));
    this.#candles.applyOptions({
      upColor: colours.up,
      downColor: colours.down,
      wickUpColor: colours.up,
      wickDownColor: colours.down,
    });
    this.#markLast();
    this.panes.recolour(colours);
    if (this.bars !== null) this.panes.update(this.bars, colours, 0, 0);
  }

  #markLast(): void {
    const [price, open] = [this.bars?.close.at(-1), this.bars?.open.at(-1)];
    if (price === undefined) return;
    const color = price >= open! ? this.colours.up : this.colours.down;
    this.#last.applyOptions({ price, color, axisLabelVisible: true });
  }

  /** Update all times after the clock's zone has changed. */
  retime(): void {
    this.api.applyOptions(timed(this.input.clock, this.#ticks));
    this.drawProfile();
  }

  /** Adopt the page's font size, CSS pixels; `still`: no kinetic scrolling. */
  adapt(text: number, still: boolean): void {
    this.api.applyOptions({ kineticScroll: { touch: !still } });
    if (text === this.#text) return;
    this.#text = text;
    this.profile.text = (text * 10) / 11;
    this.api.applyOptions({ layout: { fontSize: text } });
    this.resize();
  }

  /** Show the crosshair at a cell; null: hide it. */
  point(at: Hover | null): void {
    const time = at === null ? undefined : this.bars?.time[at.column];
    if (at?.price == null || time === undefined) this.api.clearCrosshairPosition();
    else this.api.setCrosshairPosition(at.price, seconds(time), this.#candles);
  }

  /** Let wheel and pinch act on the chart rather than on the page. */
  takeWheel(on: boolean): void {
    this.api.applyOptions({ handleScale: { mouseWheel: on }, handleScroll: { mouseWheel: on } });
  }

  /** All layers on one canvas, in device pixels; null until the chart is laid out. */
  layers(): { canvas: HTMLCanvasElement; ratio: number; brightest: number; names: PaneName[] } | null {
    if (this.#size === null) return null;
    const chart = this.api.takeScreenshot(false, false);
    const profile = this.profile.canvas;
    const canvas = document.createElement("canvas");
    canvas.width = chart.width + profile.width;
    canvas.height = chart.height;
    const context = canvas.getContext("2d");
    if (context === null) return null;
    const { ratioX } = this.#size;
    for (const layer of [this.heatmap.canvas, this.#bubbles.canvas, chart]) context.drawImage(layer, 0, 0);
    context.drawImage(profile, chart.width, 0);
    return { canvas, ratio: ratioX, brightest: this.brightest, names: this.panes.names(this.#text) };
  }

  /** The brightest cell that the colours are scaled to, USD. */
  get brightest(): number {
    return this.heatmap.bitmap.contrast.most;
  }

  /** The price pane's element, once it is laid out. */
  get pane(): HTMLElement | null {
    return this.api.panes()[0]?.getHTMLElement() ?? null;
  }

  /** Convert pixels of the price pane to whole columns and prices. */
  boxAt(field: Field, rect: { x0: number; y0: number; x1: number; y1: number }): Box | null {
    const layout = layoutOf(this.api, this.#candles, field);
    if (layout === null) return null;
    const column = (x: number) => Math.min(Math.max(Math.floor(invert(layout.x, x)), 0), field.columns - 1);
    const level = (y: number) => (field.grid.first + layout.y.row(y)) * field.grid.binSize;
    const [columnFrom, columnTo] = [column(rect.x0), column(rect.x1)];
    return { columnFrom, columnTo, priceLow: level(rect.y1), priceHigh: level(rect.y0) };
  }

  /** Convert columns and prices to pixels of the price pane. */
  rectOf(field: Field, box: Box): { x0: number; y0: number; x1: number; y1: number } | null {
    const layout = layoutOf(this.api, this.#candles, field);
    if (layout === null) return null;
    const y = (level: number) => layout.y.y(level / field.grid.binSize - field.grid.first);
    const x = (column: number) => layout.x.origin + column * layout.x.unit;
    return { x0: x(box.columnFrom), x1: x(box.columnTo + 1), y0: y(box.priceHigh), y1: y(box.priceLow) };
  }

  /** First and last column in view. */
  get columnsInView(): [number, number] | null {
    const range = this.api.timeScale().getVisibleLogicalRange();
    const last = (this.bars?.time.length ?? 0) - 1;
    if (range === null || last < 0) return null;
    return [Math.min(Math.max(Math.round(range.from), 0), last), Math.min(Math.max(Math.round(range.to), 0), last)];
  }

  /** Rows whose centres are in view. */
  get rowsInView(): Rows | null {
    const { field } = this.input.heatmap();
    const range = this.axis.prices;
    if (field === null || range === null) return null;
    const { first, binSize, rows } = field.grid;
    const row = (price: number): number => Math.min(Math.max(Math.ceil(price / binSize - first - 0.5), 0), rows);
    return { from: row(range.from), to: row(range.to) };
  }

  remove(): void {
    cancelAnimationFrame(this.#drawnEarly);
    this.api.remove();
    this.heatmap.bitmap.contrast.remove();
    this.heatmap.canvas.remove();
    this.#bubbles.remove();
    this.profile.remove();
  }

  #hoverOf(event: MouseEventParams<Time>): Hover | null {
    if (event.logical === undefined || event.point === undefined || this.bars === null) return null;
    const column = Math.min(Math.max(event.logical as number, 0), this.bars.time.length - 1);
    const at = event.paneIndex === 0 ? this.#candles.coordinateToPrice(event.point.y) : null;
    return { column, price: at as number | null };
  }
}
