/** The cached bitmap of a field: painted only on changes, drawn many times. */

import { type ContrastName, type PaletteName, pixelsOf, type ScaleName, spanOf, stepEdges } from "../base/colour";
import type { Field, Sample, View } from "../model/field";
import { Contrast } from "./contrast";
import { linesOf, paint, pooled, type Rows } from "./pooling";

const SWEPT = 0xe6ffffff; // white, 90 %

/** What is painted: the estimate, or what is compared with it. */
export type Cells = Pick<Field, "grid" | "columns" | "brightest" | "revision" | "swept" | "sample">;

/** What the pixels depend on besides the cells. */
export interface Look {
  palette: PaletteName;
  scale: ScaleName;
  threshold: readonly [number, number];
  swept: boolean;
  contrast: ContrastName;
}

export class Bitmap {
  readonly canvas = document.createElement("canvas");
  /** Bins in the bitmap: those in view, plus a margin on either side for the next pan. */
  bins: Rows = { from: 0, to: 0 };
  /** First candle of the first pixel, and candles per pixel. */
  from = 0;
  step = 1;
  /** Bins per pixel; on a logarithmic axis the fewest. */
  block = 1;
  /** Bins at which the lines of pixels begin, from the lowest, and where the last one ends. */
  lines: Int32Array = new Int32Array();
  /** The brightest cell that the colours are scaled to. */
  readonly contrast: Contrast;
  #key = "";
  #image: ImageData | null = null;

  /** @param settled - called when the colours may change because the view is still, to draw again */
  constructor(settled: () => void) {
    this.contrast = new Contrast(settled);
  }

  /**
   * Bring the pixels up to date; returns whether they changed.
   *
   * @param view - candles and bins in view, how many of them there are per pixel, and pixels in which the price grows
   *   e-fold on a logarithmic axis; 0: it is linear
   * @param scaledTo - the value that colours go up to, USD; without it that of the contrast
   */
  refresh(field: Cells, look: Look, view: View & { fold: number }, scaledTo?: number): boolean {
    const { rows, first } = field.grid;
    const { block } = view;
    // In steps, so that zooming seldom repaints.
    const fold = view.fold && 2 ** (Math.floor(2 * Math.log2(view.fold)) / 2);
    const from = Math.max(view.bins.from, 0);
    const to = Math.min(view.bins.to, rows);
    if (from >= to || view.from >= field.columns || view.to <= 0) return false;
    const covered = this.bins.from <= from && this.bins.to >= to && this.bins.to <= rows;
    if (!covered) this.bins = around(from, to, rows, block);
    else if (this.block !== block) this.bins = around(this.bins.from, this.bins.to, rows, block);
    this.block = block;
    const { bins } = this;
    // Swept ranges are given in bins: sample single bins then, and pool them here.
    const sample = field.sample({ ...view, bins, block: look.swept ? 1 : block });
    const { revision, count } = sample;
    const inView = {
      from: Math.max(view.from, 0),
      to: Math.min(view.to, field.columns),
      bins: {
        from: from - ((from - bins.from) % block),
        to: Math.min(to + ((bins.from - to) % block) + block, bins.to),
      },
    };
    const most = scaledTo ?? this.contrast.of(field, sample, inView, look.contrast === "whole");
    const part = [sample.from, sample.step, count, rows, bins.from, bins.to, block, fold];
    const key = [revision, ...part, look.palette, look.scale, look.threshold, look.swept, look.contrast, most].join();
    if (key === this.#key) return false;
    const lines = linesOf(bins, block, first, fold);
    const height = lines.length - 1;
    if (this.canvas.width !== count || this.canvas.height !== height || this.#image === null) {
      this.canvas.width = count;
      this.canvas.height = height;
      this.#image = new ImageData(count, height);
    }
    const context = this.canvas.getContext("2d");
    if (context === null) return false;
    const out = new Uint32Array(this.#image.data.buffer);
    const span = spanOf(most, look.threshold);
    if (most > 0) {
      const blockOf = (bin: number): number => Math.ceil((bin - sample.bins.from) / sample.block);
      const [edges, pixels] = [stepEdges(span, look.scale), pixelsOf(look.palette)];
      const blocks = blockOf(sample.bins.to);
      if (fold > 0) {
        const values = pooled(sample.values, blocks, lines.map(blockOf));
        paint(values, height, { from: 0, to: height }, 1, edges, pixels, out);
      } else {
        const shown = { from: blockOf(bins.from), to: blockOf(bins.to) };
        paint(sample.values, blocks, shown, block / sample.block, edges, pixels, out);
      }
      if (look.swept) markSwept(field, sample, span.low, lines, out);
    } else out.fill(0);
    context.putImageData(this.#image, 0, 0);
    this.from = sample.from;
    this.step = sample.step;
    this.lines = lines;
    this.#key = key;
    return true;
  }
}

/** The bins [from, to) plus a quarter of them on either side, starting at a block boundary. */
function around(from: number, to: number, rows: number, block: number): Rows {
  const room = Math.ceil((to - from) / 4);
  const first = Math.max(from - room, 0);
  return { from: first - (first % block), to: Math.min(to + room, rows) };
}

/** Paint the cells where a candle swept at least `least` USD. */
function markSwept(
  field: Cells,
  { from, step, count, bins, values }: Sample,
  least: number,
  lines: Int32Array,
  out: Uint32Array,
): void {
  const rows = bins.to - bins.from;
  const height = lines.length - 1;
  for (let t = from + step; t < Math.min(from + count * step, field.columns); t++) {
    const column = Math.floor((t - from) / step);
    const [a, b] = field.swept(t);
    let line = 0;
    for (let bin = Math.max(a, lines[0]!); bin < Math.min(b, lines[height]!); bin++) {
      while (lines[line + 1]! <= bin) line++;
      if (values[(column - 1) * rows + bin - bins.from]! < least) continue;
      out[(height - 1 - line) * count + column] = SWEPT;
    }
  }
}
