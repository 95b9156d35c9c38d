/** Where a tooltip goes: inside some bounds, beside what it must not cover. */

/** CSS pixels. */
export interface Rect {
  x0: number;
  y0: number;
  x1: number;
  y1: number;
}

/** Space between the tooltip and the cell, CSS pixels. */
const GAP = 12;

/** A rectangle with more space on all sides. */
export const around = ({ x0, y0, x1, y1 }: Rect, more: number): Rect => ({
  x0: x0 - more,
  y0: y0 - more,
  x1: x1 + more,
  y1: y1 + more,
});

const overlap = (a: Rect, b: Rect): number =>
  Math.max(Math.min(a.x1, b.x1) - Math.max(a.x0, b.x0), 0) * Math.max(Math.min(a.y1, b.y1) - Math.max(a.y0, b.y0), 0);

const within = (value: number, low: number, high: number): number => Math.max(Math.min(value, high), low);

/**
 * The left top corner of a tooltip.
 *
 * @param cell - what it is about: it goes above at the right, else above at the left, else below, else anywhere beside
 * @param avoid - what it does not cover either, where there is room
 */
export function tipPlace(
  size: { width: number; height: number },
  bounds: Rect,
  cell: Rect,
  avoid: readonly Rect[],
): { x: number; y: number } {
  const { width, height } = size;
  const beside = [cell.x1 + GAP, cell.x0 - GAP - width];
  const over = [cell.y0 - GAP - height, cell.y1 + GAP];
  const lefts = [(cell.x0 + cell.x1 - width) / 2, bounds.x0, bounds.x1 - width];
  const tops = [bounds.y0, bounds.y1 - height];
  const places = [beside, lefts].flatMap((xs) =>
    [over, tops].flatMap((ys) => ys.flatMap((y) => xs.map((x) => [x, y]))),
  );
  let best = { x: bounds.x0, y: bounds.y0 };
  let least = Infinity;
  for (const [left, top] of places as [number, number][]) {
    const x = within(left, bounds.x0, bounds.x1 - width);
    const y = within(top, bounds.y0, bounds.y1 - height);
    const tip = { x0: x, y0: y, x1: x + width, y1: y + height };
    const moved = x === left && y === top ? 0 : 1e-6; // a place that is inside the bounds is better
    const covered = [cell, ...avoid].reduce((sum, one) => sum + overlap(tip, one), moved);
    if (covered >= least) continue;
    best = { x, y };
    least = covered;
  }
  return best;
}
