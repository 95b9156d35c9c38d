/**
 * The heatmap behind the candles: a series primitive on the bottom of the stack that keeps a canvas under the
 * chart. Pan and zoom reach it as any primitive; a slider repaints this one canvas and leaves the chart alone,
 * whose dozen of canvases would cost more than a frame.
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
import { type Affine, affineThrough, invert, visibleStrip } from "../base/affine";
import { edgeOf } from "../frames/bars_and_ledger";
import type { Field } from "../model/field";
import { Bitmap, type Look } from "./bitmap";
import { poolFor } from "./pooling";

type Target = Parameters<IPrimitivePaneRenderer["draw"]>[0];

/** What the heatmap asks for whenever it draws. */
export interface HeatmapInput {
  field: Field | null;
  look: Look;
  opacity: number;
  /** Ground of the price pane, so that bright means dense in a light page too. */
  ground: string;
}

/** Size of the price pane. */
export interface PaneSize {
  /** CSS pixels. */
  width: number;
  height: number;
  /** Device pixels a CSS pixel. */
  ratioX: number;
  ratioY: number;
}

/** Map of columns' left edges and of rows' lower edges to CSS pixels; null while nothing is laid out. */
export function layoutOf(
  chart: IChartApi,
  series: ISeriesApi<"Candlestick">,
  field: Field,
): { x: Affine; y: Affine } | null {
  const { ledger } = field;
  const time = chart.timeScale();
  const far = Math.max(ledger.columns - 1, 1);
  const x0 = time.logicalToCoordinate(0 as Logical);
  const x1 = time.logicalToCoordinate(far as Logical);
  const y0 = series.priceToCoordinate(edgeOf(ledger, 0));
  const y1 = series.priceToCoordinate(edgeOf(ledger, ledger.rows));
  if (x0 === null || x1 === null || y0 === null || y1 === null || x0 === x1) return null;
  const centres = affineThrough(0, x0, far, x1);
  return {
    x: { origin: centres.origin - centres.unit / 2, unit: centres.unit },
    y: affineThrough(0, y0, ledger.rows, y1),
  };
}

/** Give a canvas a size in CSS pixels; returns its context, in CSS pixels and cleared. */
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
  readonly bitmap = new Bitmap();
  /** Lies under the chart, over the price pane. */
  readonly canvas = document.createElement("canvas");
  #attached: SeriesAttachedParameter<Time, "Candlestick"> | null = null;
  #size: PaneSize | null = null;
  readonly #views: readonly IPrimitivePaneView[];

  /**
   * @param input - what to draw, asked for at every draw
   * @param drawn - called after every draw, with whether the cells' pixels changed
   */
  constructor(
    private readonly input: () => HeatmapInput,
    private readonly drawn: (changed: boolean, size: PaneSize) => void,
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

  /** The chart paints itself: whatever moved it moves the heat in the same frame. */
  #chartDraws(target: Target): void {
    target.useBitmapCoordinateSpace(({ mediaSize, horizontalPixelRatio, verticalPixelRatio }) => {
      this.#size = { ...mediaSize, ratioX: horizontalPixelRatio, ratioY: verticalPixelRatio };
    });
    this.draw();
  }

  /** Draw with what is current; computes what is stale. */
  draw(): void {
    const size = this.#size;
    const at = this.#attached;
    if (size === null || at === null) return;
    const { field, look, opacity, ground } = this.input();
    const context = sized(this.canvas, size);
    if (context === null) return;
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.fillStyle = ground;
    context.fillRect(0, 0, this.canvas.width, this.canvas.height);
    const layout = field === null ? null : layoutOf(at.chart, at.series, field);
    if (field === null || layout === null) return;
    const unitX = layout.x.unit * size.ratioX;
    const unitY = -layout.y.unit * size.ratioY;
    const pool = { columns: poolFor(1 / unitX), rows: poolFor(1 / unitY) };
    const inView = { from: Math.floor(invert(layout.y, size.height)), to: Math.ceil(invert(layout.y, 0)) };
    const changed = this.bitmap.refresh(field, look, { pool, inView });
    const { canvas, rows } = this.bitmap;
    const x = { origin: layout.x.origin * size.ratioX, unit: unitX * pool.columns };
    const top = (layout.y.origin + (rows.from + canvas.height * pool.rows) * layout.y.unit) * size.ratioY;
    const across = visibleStrip(x, canvas.width, this.canvas.width);
    const down = visibleStrip({ origin: top, unit: unitY * pool.rows }, canvas.height, this.canvas.height);
    if (across !== null && down !== null) {
      context.imageSmoothingEnabled = false;
      context.globalAlpha = opacity;
      context.drawImage(
        canvas,
        across.source,
        down.source,
        across.sourceSize,
        down.sourceSize,
        across.target,
        down.target,
        across.targetSize,
        down.targetSize,
      );
      context.globalAlpha = 1;
      markGaps(context, field, x, pool.columns, this.canvas.height, size.ratioX);
    }
    this.drawn(changed, size);
  }
}

/** A dotted line where candles are missing: columns stand side by side, time does not. */
function markGaps(
  context: CanvasRenderingContext2D,
  field: Field,
  x: Affine,
  pool: number,
  height: number,
  ratio: number,
): void {
  const { missing } = field.bars;
  context.fillStyle = "rgba(255, 255, 255, 0.45)";
  for (let t = 1; t < missing.length; t++) {
    if (missing[t] === 0) continue;
    const at = Math.round(x.origin + (t / pool) * x.unit);
    for (let y = 0; y < height; y += 6 * ratio) context.fillRect(at, y, Math.max(Math.round(ratio), 1), 2 * ratio);
  }
}
