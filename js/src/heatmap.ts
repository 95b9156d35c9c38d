/** The heatmap behind the candles: a series primitive that draws one cached bitmap. */

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
import { Bitmap, type Frame, type Look } from "./bitmap";
import type { Field } from "./field";
import { edgeOf } from "./ledger";
import { poolFor } from "./lod";
import { type Affine, affineThrough, invert, visibleStrip } from "./place";

type Target = Parameters<IPrimitivePaneRenderer["draw"]>[0];

/** What the heatmap asks for whenever it draws. */
export interface HeatmapInput {
  field: Field | null;
  look: Look;
  opacity: number;
  /** Ground of the price pane, so that bright means dense in a light page too. */
  ground: string;
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

export class Heatmap implements ISeriesPrimitive<Time> {
  readonly bitmap = new Bitmap();
  #attached: SeriesAttachedParameter<Time, "Candlestick"> | null = null;
  #frame: Frame | null = null;
  #early = false;
  #changed = false;
  readonly #views: readonly IPrimitivePaneView[];

  constructor(
    private readonly input: () => HeatmapInput,
    private readonly painted: (changed: boolean) => void,
  ) {
    const renderer: IPrimitivePaneRenderer = { draw: (target) => this.#draw(target) };
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

  /**
   * Ask for a repaint in the coming frame. The first call since the last one computes the pixels at once, in
   * what is left of the present frame; further ones leave it to the repaint, so that a frame costs two at most.
   */
  invalidate(): void {
    if (!this.#early) {
      this.#early = true;
      const { field, look } = this.input();
      if (field !== null && this.#frame !== null) {
        this.#changed = this.bitmap.refresh(field, look, this.#frame) || this.#changed;
      }
    }
    this.#attached?.requestUpdate();
  }

  #draw(target: Target): void {
    const { field, look, opacity, ground } = this.input();
    const at = this.#attached;
    this.#early = false;
    target.useBitmapCoordinateSpace(({ context, bitmapSize, horizontalPixelRatio, verticalPixelRatio }) => {
      context.fillStyle = ground;
      context.fillRect(0, 0, bitmapSize.width, bitmapSize.height);
      if (field === null || at === null) return;
      const layout = layoutOf(at.chart, at.series, field);
      if (layout === null) return;
      const unitX = layout.x.unit * horizontalPixelRatio;
      const unitY = -layout.y.unit * verticalPixelRatio;
      const pool = { columns: poolFor(1 / unitX), rows: poolFor(1 / unitY) };
      const rowAt = (pixel: number): number => invert(layout.y, pixel / verticalPixelRatio);
      const inView = { from: Math.floor(rowAt(bitmapSize.height)), to: Math.ceil(rowAt(0)) };
      this.#frame = { pool, inView };
      this.#changed = this.bitmap.refresh(field, look, this.#frame) || this.#changed;
      const { canvas, rows } = this.bitmap;
      const x = { origin: layout.x.origin * horizontalPixelRatio, unit: unitX * pool.columns };
      const topRow = rows.from + canvas.height * pool.rows;
      const top = (layout.y.origin + topRow * layout.y.unit) * verticalPixelRatio;
      const across = visibleStrip(x, canvas.width, bitmapSize.width);
      const down = visibleStrip({ origin: top, unit: unitY * pool.rows }, canvas.height, bitmapSize.height);
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
        markGaps(context, field, x, pool.columns, bitmapSize.height, horizontalPixelRatio);
      }
      const changed = this.#changed;
      this.#changed = false;
      this.painted(changed);
    });
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
