/** Realised liquidations over the heat: circles for longs, diamonds for shorts, area proportional to USD. */

import { type Affine, apply } from "../base/affine";
import type { Grid } from "../base/grid";
import type { RowMap } from "../base/row_map";
import { type Marks, type Placed, type Realised, realisedNear } from "../frames/marks";
import { type PaneSize, sized } from "./heatmap";

/** Maximum share of the pane that all marks would cover if none overlapped. */
const CROWDED = 0.04;

/** Radius of the largest mark, CSS pixels: easy to see, without the marks hiding the candles and the heat. */
export function largestRadius(pane: { width: number; height: number }, marks: Sums): number {
  const cap = Math.min(Math.max(Math.min(pane.width, pane.height) * 0.05, 9), 22);
  const circles = (marks.longUsd + marks.shortUsd) / marks.most;
  return Math.min(cap, Math.max(Math.sqrt((CROWDED * pane.width * pane.height) / (Math.PI * circles)), 3));
}
type Sums = Pick<Marks, "longUsd" | "shortUsd" | "most">;

/** Minimum radius of a mark, CSS pixels. */
export const SMALLEST = 1;
/** Up to this radius shapes look alike: marks are drawn as dots, batched by colour so that thousands stay fast. */
const DOT = 1.5;

/** Radius of a mark whose area is proportional to its USD, CSS pixels. */
export const radiusOf = (usd: number, most: number, largest: number): number =>
  Math.max(largest * Math.sqrt(usd / most), SMALLEST);

/** Half the diagonal of a diamond with the area of a circle of radius 1. */
const DIAMOND = Math.sqrt(Math.PI / 2);
/** Radii are rounded to this step, CSS pixels, to limit the number of cached sprites. */
const STEP = 0.125;
/** The profile's colours, long and short; the shapes distinguish the sides without them. */
const COLOURS = ["90, 209, 255", "255, 176, 102"] as const;
const HALO = "rgba(8, 6, 20, 0.85)";
/** Hit tolerance of the pointer, CSS pixels. */
const NEAR = 7;

/** Maps from columns' left edges and rows to CSS pixels. */
export interface Layout {
  x: Affine;
  y: RowMap;
  grid: Grid;
}

/** The canvas between heat and candles: redrawn with the chart on pan and zoom, not when a slider moves. */
export class Bubbles {
  readonly canvas = document.createElement("canvas");
  readonly #sprites = new Map<number, ImageBitmap>();
  #drawn: unknown[] = [];
  #ratio = 0;

  /** Draw marks, or clear the canvas for null; skipped if nothing has changed. */
  draw(placed: Placed | null, size: PaneSize, layout: Layout): void {
    const { x, y, grid } = layout;
    const at = [x.origin, x.unit, y.y(0), y.height(0), y.fold, grid.binSize, grid.first];
    const wanted = placed === null ? [null] : [placed, size.width, size.height, size.ratioX, size.ratioY, ...at];
    if (wanted.length === this.#drawn.length && wanted.every((value, i) => value === this.#drawn[i])) return;
    this.#drawn = wanted;
    const context = sized(this.canvas, size);
    if (context === null || placed === null) return;
    if (this.#ratio !== size.ratioX) this.#clear();
    this.#ratio = size.ratioX;
    const { marks } = placed;
    const largest = largestRadius(size, marks);
    // In whole device pixels: sprites at fractional positions would be blurred.
    context.setTransform(1, 0, 0, 1, 0, 0);
    const dots = [new Path2D(), new Path2D()];
    for (const i of placed.order) {
      const cx = xOf(placed, i, layout);
      const cy = yOf(placed, i, layout);
      if (cx < -largest || cx > size.width + largest || cy < -largest || cy > size.height + largest) continue;
      const radius = radiusOf(marks.notional[i]!, marks.most, largest);
      if (radius <= DOT) {
        const side = Math.max(Math.round(radius * Math.sqrt(Math.PI) * size.ratioX), 1);
        const corner = [cx * size.ratioX - side / 2, cy * size.ratioY - side / 2].map(Math.round) as [number, number];
        dots[marks.side[i]!]!.rect(...corner, side, side);
        continue;
      }
      const step = Math.round(radius / STEP);
      const sprite = this.#sprite(step, marks.side[i]!, !Number.isNaN(marks.price[i]!));
      context.drawImage(
        sprite,
        Math.round(cx * size.ratioX - sprite.width / 2),
        Math.round(cy * size.ratioY - sprite.height / 2),
      );
    }
    for (const [side, path] of dots.entries()) {
      context.fillStyle = `rgb(${COLOURS[side]})`;
      context.fill(path);
    }
  }

  /** Realised liquidations in a column near a price, or of the marks drawn at that point. */
  near(placed: Placed, size: PaneSize, layout: Layout, at: { column: number; price: number }): Realised | null {
    const { marks } = placed;
    const largest = largestRadius(size, marks);
    const px = apply(layout.x, at.column + 0.5);
    const py = layout.y.y(at.price / layout.grid.binSize - layout.grid.first);
    const columns = Math.ceil((largest + NEAR) / layout.x.unit);
    return realisedNear(placed, at.column, columns, (i) => {
      const away = Math.abs(yOf(placed, i, layout) - py);
      const inColumn = placed.from[i]! <= at.column && at.column <= placed.to[i]!;
      if (inColumn && away <= NEAR) return true;
      const radius = radiusOf(marks.notional[i]!, marks.most, largest);
      return Math.hypot(xOf(placed, i, layout) - px, away) <= Math.max(radius, NEAR / 2);
    });
  }

  remove(): void {
    this.#clear();
    this.canvas.remove();
  }

  #clear(): void {
    for (const sprite of this.#sprites.values()) sprite.close();
    this.#sprites.clear();
  }

  #sprite(step: number, side: number, known: boolean): ImageBitmap {
    const key = step * 4 + side * 2 + (known ? 1 : 0);
    const old = this.#sprites.get(key);
    if (old !== undefined) return old;
    const sprite = paint(step * STEP, side, known, this.#ratio);
    this.#sprites.set(key, sprite);
    return sprite;
  }
}

const xOf = (placed: Placed, i: number, { x }: Layout): number => apply(x, (placed.from[i]! + placed.to[i]! + 1) / 2);
const yOf = (placed: Placed, i: number, { y, grid }: Layout): number =>
  y.y(placed.price[i]! / grid.binSize - grid.first);

/** One mark, centred in a sprite: filled if its price is known, dashed otherwise. */
function paint(radius: number, side: number, known: boolean, ratio: number): ImageBitmap {
  const half = Math.ceil((radius * DIAMOND + 2) * ratio);
  const canvas = new OffscreenCanvas(2 * half, 2 * half);
  const context = canvas.getContext("2d")!;
  context.setTransform(ratio, 0, 0, ratio, half, half);
  const line = Math.min(known ? 1.1 : 1.5, radius * 0.7);
  const inner = shape(side, radius, line / 2);
  context.strokeStyle = HALO;
  context.lineWidth = line + 1.5;
  context.stroke(inner);
  context.fillStyle = `rgba(${COLOURS[side]}, ${known ? (radius < 3 ? 0.85 : 0.45) : 0.08})`;
  context.fill(inner);
  context.strokeStyle = `rgb(${COLOURS[side]})`;
  context.lineWidth = line;
  if (!known && radius > 2.5) context.setLineDash([4, 2]);
  context.stroke(inner);
  return canvas.transferToImageBitmap();
}

/** A circle, or a diamond of the same area, shrunk by `inset`. */
function shape(side: number, radius: number, inset: number): Path2D {
  const path = new Path2D();
  if (side === 0) {
    path.arc(0, 0, Math.max(radius - inset, 0.1), 0, 2 * Math.PI);
    return path;
  }
  const reach = Math.max(radius * DIAMOND - inset * Math.SQRT2, 0.1);
  path.moveTo(0, -reach);
  for (const [x, y] of [
    [reach, 0],
    [0, reach],
    [-reach, 0],
  ] as const)
    path.lineTo(x, y);
  path.closePath();
  return path;
}
