/** The chart: candles in front of the heatmap, panes below, profile at the price axis. */

import {
  CandlestickSeries,
  ColorType,
  CrosshairMode,
  createChart,
  type IChartApi,
  type ISeriesApi,
  type Logical,
  type MouseEventParams,
  type TickMarkType,
  type Time,
} from "lightweight-charts";
import { apply, invert } from "../base/affine";
import type { Clock } from "../base/clock";
import type { Colours } from "../base/theme";
import { price } from "../base/units";
import type { Bars } from "../frames/bars_and_ledger";
import { edgeOf } from "../frames/bars_and_ledger";
import type { Placed, Realised } from "../frames/marks";
import type { Positions } from "../frames/positions";
import type { Field } from "../model/field";
import { Bubbles, type Layout } from "./bubbles";
import { Heatmap, type HeatmapInput, layoutOf, type PaneSize } from "./heatmap";
import { Panes, seconds } from "./panes";
import type { Rows } from "./pooling";
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
  /** Realised liquidations to draw; null for none. */
  placed(): Placed | null;
  positions(): Positions | null;
  /** How much larger than the estimate positions are drawn; null where none are. */
  outlined(scale: number | null): void;
  /** The profile has been drawn; `y` is the CSS pixel of a row's lower edge. */
  profiled(canvas: HTMLCanvasElement, size: PaneSize, y: (row: number) => number): void;
  /** The profile's band is there, to be drawn. */
  ranged(): void;
  painted(changed: boolean): void;
  /** `byHand`: a pointer has moved, not the chart under it. */
  hovered(hover: Hover | null, byHand: boolean): void;
  scrolled(): void;
  /** Whether the chart shows its maker's logo itself; a page that does not says it in words. */
  readonly logo: boolean;
  readonly clock: Clock;
}

export class Chart {
  readonly heatmap: Heatmap;
  readonly api: IChartApi;
  readonly #candles: ISeriesApi<"Candlestick", Time>;
  readonly #panes: Panes;
  bars: Bars | null = null;
  #fit: "candles" | "levels" = "candles";
  /** The view is the fitted one until a hand moves it. */
  fitted = true;
  readonly #bubbles = new Bubbles();
  readonly profile: Profile;
  #size: PaneSize | null = null;
  #drawnEarly = 0;
  #drawAgain = false;
  #text = 11;

  constructor(
    readonly element: HTMLElement,
    private readonly input: ChartInput,
    private colours: Colours,
  ) {
    const { width, height } = element.getBoundingClientRect();
    this.profile = new Profile(input.clock, input.ranged);
    this.heatmap = new Heatmap(input.heatmap, (changed, size) => {
      this.#size = size;
      this.drawBubbles();
      this.drawProfile();
      input.painted(changed);
    });
    this.heatmap.canvas.className = "liq-heat";
    this.#bubbles.canvas.className = "liq-bubbles";
    this.profile.canvas.className = "liq-profile";
    element.append(this.heatmap.canvas, this.#bubbles.canvas);
    this.api = createChart(element, {
      layout: { attributionLogo: input.logo },
      width: Math.max(width, 50),
      height: Math.max(height, 50),
      crosshair: { mode: CrosshairMode.Normal },
      rightPriceScale: { borderVisible: false, minimumWidth: 72 },
      timeScale: {
        timeVisible: true,
        secondsVisible: false,
        borderVisible: false,
        minBarSpacing: 0.02,
      },
      grid: { vertLines: { visible: false }, horzLines: { visible: false } },
      handleScale: { mouseWheel: false },
      // A finger that moves up or down scrolls the page.
      handleScroll: { mouseWheel: false, vertTouchDrag: false },
    });
    this.#candles = this.api.addSeries(CandlestickSeries, {
      borderVisible: false,
      priceLineStyle: 2,
      autoscaleInfoProvider: (
        original: () => ReturnType<() => { priceRange: { minValue: number; maxValue: number } | null } | null>,
      ) => {
        const field = this.input.heatmap().field;
        if (this.#fit === "candles" || field === null) return original();
        return {
          priceRange: { minValue: edgeOf(field.ledger, 0), maxValue: edgeOf(field.ledger, field.ledger.rows) },
        };
      },
    });
    this.#candles.attachPrimitive(this.heatmap);
    element.append(this.profile.canvas);
    this.#panes = new Panes(this.api);
    this.retime();
    this.recolour(colours);
    this.api.subscribeCrosshairMove((event) => input.hovered(this.#hoverOf(event), event.sourceEvent !== undefined));
    this.api.timeScale().subscribeVisibleLogicalRangeChange(() => input.scrolled());
  }

  /** Show bars; columns before `from` are unchanged. Tells whether others were in view until now. */
  show(bars: Bars, from = 0): boolean {
    if (bars === this.bars) return false; // a new bin size has the same candles
    const { decimals } = bars.about;
    const first = this.bars === null;
    const candle = (t: number) => ({
      time: seconds(bars.time[t]!),
      open: bars.open[t]!,
      high: bars.high[t]!,
      low: bars.low[t]!,
      close: bars.close[t]!,
    });
    // Candles that come again keep their times, but for a gap that was filled: then all are set anew.
    const old = this.bars?.time;
    for (let t = from; old !== undefined && t < old.length - 1; t++) if (bars.time[t] !== old[t]) from = 0;
    const last = (old?.length ?? 0) - 1;
    if (from === 0) {
      // A drag ends at a window's edge, where the next one begins.
      this.api.timeScale().applyOptions({ fixLeftEdge: bars.about.part });
      const format = {
        type: "custom" as const,
        minMove: 10 ** -decimals,
        formatter: (value: number) => price(value, decimals),
      };
      this.#candles.applyOptions({ priceFormat: format });
      this.#candles.setData(Array.from({ length: bars.time.length }, (_, t) => candle(t)));
    } else for (let t = from; t < bars.time.length; t++) this.#candles.update(candle(t), t < last);
    this.#panes.update(bars, this.colours, from, last);
    const replaced = this.bars?.time[0] !== bars.time[0];
    this.bars = bars;
    return first || (from === 0 && replaced);
  }

  /** All columns in view, prices scaled to the candles with room for the levels next to them. */
  fitCandles(): void {
    this.#fit = "candles";
    this.#fitTime();
  }

  /** All columns and all rows in view. */
  fitLevels(): void {
    this.#fit = "levels";
    this.#fitTime();
  }

  #fitTime(): void {
    this.fitted = true;
    const columns = this.bars?.time.length ?? 0;
    const width = this.api.paneSize(0).width;
    if (columns === 0 || width <= 0) return;
    this.api.priceScale("right").applyOptions({
      autoScale: true,
      scaleMargins: this.#fit === "candles" ? { top: 0.2, bottom: 0.2 } : { top: 0, bottom: 0 },
    });
    const room = profileWidth(width) + 6;
    const perColumn = (width - room) / columns;
    this.api.timeScale().setVisibleLogicalRange({
      from: -0.5 as Logical,
      to: (columns - 0.5 + room / perColumn) as Logical,
    });
  }

  resize(width: number, height: number): void {
    this.api.resize(width, height);
    if (this.fitted) this.#fitTime();
  }

  /** A hand has moved the view: a new size of the page does not fit it anew. */
  release(): void {
    this.fitted = false;
  }

  /**
   * Draw the heat anew, without the chart. The first call of a frame draws at once, further ones with the next
   * frame, so that many events cost two pictures at most.
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

  /** Draw the side profile anew, without the heat. */
  drawProfile(): void {
    const { field } = this.input.heatmap();
    const layout = this.#layout;
    if (!field || !layout || this.#size === null) return;
    const y = (row: number): number => apply(layout.y, row);
    const positions = this.input.positions();
    this.input.outlined(this.profile.draw(field, this.input.profileColumn(), this.#size, y, positions));
    this.input.profiled(this.profile.canvas, this.#size, y);
  }

  /** Draw realised liquidations, unless they are drawn as they are. */
  drawBubbles(): void {
    const layout = this.#layout;
    if (layout !== null && this.#size !== null) this.#bubbles.draw(this.input.placed(), this.#size, layout);
  }

  /** What is realised near a cell, if it is drawn. */
  realisedNear({ column, price }: Hover): Realised | null {
    const layout = this.#layout;
    const placed = this.input.placed();
    if (layout === null || placed === null || this.#size === null || price === null) return null;
    return this.#bubbles.near(placed, this.#size, layout, { column, price });
  }

  get #layout(): Layout | null {
    const { field } = this.input.heatmap();
    const layout = field && layoutOf(this.api, this.#candles, field);
    return layout && { ...layout, ledger: field.ledger };
  }

  recolour(colours: Colours): void {
    this.colours = colours;
    this.api.applyOptions({
      layout: {
        background: { type: ColorType.Solid, color: "transparent" }, // the heat lies below
        textColor: colours.text,
        fontSize: this.#text,
        attributionLogo: this.input.logo,
        panes: { separatorColor: colours.line, separatorHoverColor: colours.line, enableResize: true },
      },
      crosshair: {
        vertLine: { color: colours.crosshair, labelBackgroundColor: colours.crosshairLabel },
        horzLine: { color: colours.crosshair, labelBackgroundColor: colours.crosshairLabel },
      },
    });
    this.#candles.applyOptions({
      upColor: colours.up,
      downColor: colours.down,
      wickUpColor: colours.up,
      wickDownColor: colours.down,
    });
    this.#panes.recolour(colours);
    if (this.bars !== null) this.#panes.update(this.bars, colours, 0, 0);
  }

  /** The clock has been set to another zone. */
  retime(): void {
    const { clock } = this.input;
    const ms = (time: Time): number => (time as number) * 1000;
    this.api.applyOptions({
      localization: { timeFormatter: (time: Time) => clock.stamp(ms(time)) },
      timeScale: {
        tickMarkFormatter: (time: Time, type: TickMarkType) => clock.tick(ms(time), type < 3),
        tickMarkMaxCharacterLength: clock.local ? 11 : 8,
      },
    });
    this.drawProfile();
  }

  /** Write in letters of this size, CSS pixels, as the page around does; and move as little as its reader wants. */
  adapt(text: number, still: boolean): void {
    this.api.applyOptions({ kineticScroll: { touch: !still } });
    if (text === this.#text) return;
    this.#text = text;
    this.profile.text = (text * 10) / 11;
    this.api.applyOptions({ layout: { fontSize: text } });
  }

  /** Cross hairs over a cell as over a pointer; null: none. */
  point(at: Hover | null): void {
    const time = at === null ? undefined : this.bars?.time[at.column];
    if (at?.price == null || time === undefined) this.api.clearCrosshairPosition();
    else this.api.setCrosshairPosition(at.price, seconds(time), this.#candles);
  }

  /** Let wheel and pinch act on the chart, or leave them to the page. */
  takeWheel(on: boolean): void {
    this.api.applyOptions({ handleScale: { mouseWheel: on }, handleScroll: { mouseWheel: on } });
  }

  /** All layers on one canvas, in device pixels; null while nothing is laid out. */
  layers(): { canvas: HTMLCanvasElement; ratio: number } | null {
    if (this.#size === null) return null;
    const canvas = this.api.takeScreenshot(false, false);
    const context = canvas.getContext("2d");
    if (context === null) return null;
    const { ratioX } = this.#size;
    context.setTransform(1, 0, 0, 1, 0, 0);
    // What lies under the chart goes under what it has drawn.
    context.globalCompositeOperation = "destination-over";
    context.drawImage(this.#bubbles.canvas, 0, 0);
    context.drawImage(this.heatmap.canvas, 0, 0);
    context.globalCompositeOperation = "source-over";
    const profile = this.profile.canvas;
    context.drawImage(profile, Math.round(this.clear * ratioX), 0);
    return { canvas, ratio: ratioX };
  }

  /** Width of the price pane that neither the profile nor its labels take. */
  get clear(): number {
    return Number.parseFloat(this.profile.canvas.style.left) || 0;
  }

  /** The price pane's element, once it is laid out. */
  get pane(): HTMLElement | null {
    return this.api.panes()[0]?.getHTMLElement() ?? null;
  }

  /** Pixels of the price pane to whole columns and prices. */
  boxAt(field: Field, rect: { x0: number; y0: number; x1: number; y1: number }): Box | null {
    const layout = layoutOf(this.api, this.#candles, field);
    if (layout === null) return null;
    const column = (x: number) => Math.min(Math.max(Math.floor(invert(layout.x, x)), 0), field.ledger.columns - 1);
    const level = (y: number) => (field.ledger.first + invert(layout.y, y)) * field.ledger.binSize;
    return {
      columnFrom: column(rect.x0),
      columnTo: column(rect.x1),
      priceLow: level(rect.y1),
      priceHigh: level(rect.y0),
    };
  }

  /** Columns and prices to pixels of the price pane. */
  rectOf(field: Field, box: Box): { x0: number; y0: number; x1: number; y1: number } | null {
    const layout = layoutOf(this.api, this.#candles, field);
    if (layout === null) return null;
    const y = (level: number) => layout.y.origin + (level / field.ledger.binSize - field.ledger.first) * layout.y.unit;
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
    const range = this.api.priceScale("right").getVisibleRange();
    if (field === null || range === null) return null;
    const { first, binSize, rows } = field.ledger;
    const row = (price: number): number => Math.min(Math.max(Math.ceil(price / binSize - first - 0.5), 0), rows);
    return { from: row(range.from), to: row(range.to) };
  }

  remove(): void {
    cancelAnimationFrame(this.#drawnEarly);
    this.api.remove();
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
