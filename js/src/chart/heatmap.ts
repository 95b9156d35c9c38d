/**
 * The heatmap behind the candles: a series primitive at the bottom of the stack with its own canvas under the chart.
 * Pan and zoom redraw it like any primitive. A slider repaints only this canvas: redrawing the chart, which has about
 * a dozen canvases, would take more than a frame.
 */

import type {
  IChartApi,
  IPrimitivePaneRenderer,
  IPrimitivePaneView,
  ISeriesApi,
  ISeriesPrimitive,
  Logical,
  SeriesAttachedParameter,
  Time,
} from "lightweight-charts";
import { type Affine, affineThrough, apply, invert, visibleStrip } from "../base/affine";
import { edgeOf } from "../base/grid";
import { type RowMap, rowMap } from "../base/row_map";
import type { Field } from "../model/field";
import type { Layer } from "../model/realised_cells";
import { Bitmap, type Cells, type Look } from "./bitmap";
import { poolFor } from "./pooling";
import { PriceAxis } from "./price_axis";

type Target = Parameters<IPrimitivePaneRenderer["draw"]>[0];

/** What the heatmap reads whenever it draws. */
export interface HeatmapInput {
  field: Field | null;
  layer: Layer;
  /** Realised liquidations in the field's bins; null: none. */
  realised: Cells | null;
  look: Look;
  opacity: number;
  /**
   * Called before each draw with device pixels per USD, in the middle of the pane; returns whether it has changed the
   * field's bins.
   */
  scaled(perUsd: number): boolean;
  /** Background of the price pane, so that bright means dense on a light page too. */
  ground: string;
}

/** Size of the price pane. */
export interface PaneSize {
  /** CSS pixels. */
  width: number;
  height: number;
  /** Device pixels per CSS pixel. */
  ratioX: number;
  ratioY: number;
}

/** Maps from columns' left edges and rows to CSS pixels; null until the chart is laid out. */
export function layoutOf(
  chart: IChartApi,
  series: ISeriesApi<"Candlestick">,
  field: Field,
): { x: Affine; y: RowMap } | null {
  const { grid, columns } = field;
  const time = chart.timeScale();
  const far = Math.max(columns - 1, 1);
  const x0 = time.logicalToCoordinate(0 as Logical);
  const x1 = time.logicalToCoordinate(far as Logical);
  const y0 = series.priceToCoordinate(edgeOf(grid, 0));
  const y1 = series.priceToCoordinate(edgeOf(grid, grid.rows));
  if (x0 === null || x1 === null || y0 === null || y1 === null || x0 === x1 || y0 === y1) return null;
  const centres = affineThrough(0, x0, far, x1);
  return {
    x: { origin: centres.origin - centres.unit / 2, unit: centres.unit },
    y: rowMap(grid, y0, y1, new PriceAxis(chart, series).shift),
  };
}

/** Resize a canvas to a size in CSS pixels; returns its cleared context, scaled to CSS pixels. */
export function sized(canvas: HTMLCanvasElement, size: PaneSize): CanvasRenderingContext2D | null {
  const width = Math.round(size.width * size.ratioX);
  const height = Math.round(size.height * size.ratioY);
  if (canvas.width !== width || canvas.height !== height) {
    canvas.width = width;
    canvas.height = height;
    canvas.style.width = `${size.width}px`;
    canvas.style.height = `${size.height}px`;
  }
  const context = canvas.getContext("2d");
  context?.setTransform(1, 0, 0, 1, 0, 0);
  context?.clearRect(0, 0, width, height);
  context?.setTransform(size.ratioX, 0, 0, size.ratioY, 0, 0);
  return context;
}

export class Heatmap implements ISeriesPrimitive<Time> {
  readonly bitmap = new Bitmap(() => this.settled());
  readonly realised = new Bitmap(() => this.settled());
  /** Placed under the chart, covering the price pane. */
  readonly canvas = document.createElement("canvas");
  #attached: SeriesAttachedParameter<Time, "Candlestick"> | null = null;
  #size: PaneSize | null = null;
  #layer: Layer = "estimate";
  readonly #views: readonly IPrimitivePaneView[];

  /**
   * @param input - returns what to draw; called at every draw
   * @param drawn - called after every draw; `changed`: whether the cells' pixels changed
   * @param settled - called when the view is still and colours may change, to draw again
   */
  constructor(
    private readonly input: () => HeatmapInput,
    private readonly drawn: (changed: boolean, size: PaneSize) => void,
    private readonly settled: () => void,
  ) {
    const renderer: IPrimitivePaneRenderer = { draw: (target) => this.#chartDraws(target) };
    this.#views = [{ zOrder: () => "bottom", renderer: () => renderer }];
  }

  attached(parameters: SeriesAttachedParameter<Time>): void {
    this.#attached = parameters as SeriesAttachedParameter<Time, "Candlestick">;
  }

  detached(): void {
    this.#attached = null;
  }

  paneViews(): readonly IPrimitivePaneView[] {
    return this.#views;
  }

  /** Called when the chart repaints, so that the heat moves in the same frame. */
  #chartDraws(target: Target): void {
    target.useBitmapCoordinateSpace(({ mediaSize, horizontalPixelRatio, verticalPixelRatio }) => {
      this.#size = { ...mediaSize, ratioX: horizontalPixelRatio, ratioY: verticalPixelRatio };
    });
    this.draw();
  }

  /** Draw the current state, computing what is stale. */
  draw(): void {
    const size = this.#size;
    const at = this.#attached;
    if (size === null || at === null) return;
    const { field, layer, realised, look, opacity, ground, scaled } = this.input();
    const context = sized(this.canvas, size);
    if (context === null) return;
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.fillStyle = ground;
    context.fillRect(0, 0, this.canvas.width, this.canvas.height);
    let layout = field === null ? null : layoutOf(at.chart, at.series, field);
    if (field !== null && layout !== null) {
      const { y } = layout;
      const height = y.height(y.row(size.height / 2)) * size.ratioY;
      if (scaled(height / field.grid.binSize)) layout = layoutOf(at.chart, at.series, field);
    }
    if (field === null || layout === null) return;
    const { y } = layout;
    const unitX = layout.x.unit * size.ratioX;
    const lowest = Math.floor(y.row(size.height));
    const view = {
      from: Math.floor(invert(layout.x, 0)),
      to: Math.ceil(invert(layout.x, size.width)),
      step: poolFor(1 / unitX),
      bins: { from: lowest, to: Math.ceil(y.row(0)) },
      // On a logarithmic axis, where these are the highest rows, the bitmap pools the others.
      block: poolFor(1 / (y.height(Math.max(lowest, 0)) * size.ratioY)),
      fold: y.fold * size.ratioY,
    };
    let changed = layer !== this.#layer;
    this.#layer = layer;
    // The estimate decides what the colours span, also where it is not drawn.
    const estimated = layer === "both" ? { ...look, palette: "greys" as const } : look;
    if (this.bitmap.refresh(field, estimated, view)) changed = true;
    if (layer !== "realised") place(context, this.bitmap, layout, size, opacity);
    if (layer !== "estimate" && realised !== null) {
      const most = this.bitmap.contrast.most;
      if (this.realised.refresh(realised, { ...look, swept: false }, view, most)) changed = true;
      place(context, this.realised, layout, size, opacity);
    }
    markGaps(context, field, layout.x, this.canvas.height, size.ratioX);
    this.drawn(changed, size);
  }
}

/** Draw a bitmap where its cells are. */
function place(
  context: CanvasRenderingContext2D,
  { canvas, bins, from, step, block, lines }: Bitmap,
  { x: columns, y }: { x: Affine; y: RowMap },
  size: PaneSize,
  opacity: number,
): void {
  const x = { origin: apply(columns, from) * size.ratioX, unit: columns.unit * size.ratioX * step };
  const across = visibleStrip(x, canvas.width, context.canvas.width);
  if (across === null) return;
  context.imageSmoothingEnabled = false;
  context.globalAlpha = opacity;
  const draw = (source: number, sourceSize: number, target: number, targetSize: number): void =>
    context.drawImage(
      canvas,
      across.source,
      source,
      across.sourceSize,
      sourceSize,
      across.target,
      target,
      across.targetSize,
      targetSize,
    );
  const edge = (bin: number): number => y.y(bin) * size.ratioY;
  if (y.fold === 0) {
    const unit = y.height(0) * size.ratioY * block;
    const down = visibleStrip(
      { origin: edge(bins.from + canvas.height * block), unit },
      canvas.height,
      context.canvas.height,
    );
    if (down !== null) draw(down.source, down.sourceSize, down.target, down.targetSize);
  } else {
    let low = Math.round(edge(lines[0]!));
    for (let line = 1; line <= canvas.height; line++) {
      const high = Math.round(edge(lines[line]!));
      if (high < context.canvas.height && low > Math.max(high, 0)) draw(canvas.height - line, 1, high, low - high);
      low = high;
    }
  }
  context.globalAlpha = 1;
}

/** A dotted line where candles are missing, because columns are adjacent even if their times are not. */
function markGaps(context: CanvasRenderingContext2D, field: Field, x: Affine, height: number, ratio: number): void {
  const { missing } = field.bars;
  context.fillStyle = "rgba(255, 255, 255, 0.45)";
  for (let t = 1; t < missing.length; t++) {
    if (missing[t] === 0) continue;
    const at = Math.round(apply(x, t) * ratio);
    for (let y = 0; y < height; y += 6 * ratio) context.fillRect(at, y, Math.max(Math.round(ratio), 1), 2 * ratio);
  }
}
