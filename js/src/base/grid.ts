/** A grid of equal price steps: the rows in which levels are stored, or the bins shown. */

/** Row 0 starts at `first * binSize`; edges are whole multiples of the size. */
export interface Grid {
  /** USD. */
  binSize: number;
  first: number;
  rows: number;
}

/** Price at the lower edge of a row (row may be `rows` for the top edge), USD. */
export const edgeOf = (grid: Grid, row: number): number => (grid.first + row) * grid.binSize;

/** Edges of all rows, USD, shape (rows + 1,), rounded to 15 digits to hide float errors. */
export const edgesOf = (grid: Grid): Float64Array =>
  Float64Array.from({ length: grid.rows + 1 }, (_, row) => Number(edgeOf(grid, row).toPrecision(15)));

/** Row that contains a price; outside [0, rows) if the price is off the grid. */
export const rowOf = (grid: Grid, price: number): number =>
  // A price that equals an edge up to rounding belongs to the row that starts there, as in grid.py.
  Math.floor((price / grid.binSize) * (1 + 4 * Number.EPSILON)) - grid.first;

const SNAP = 16 * Number.EPSILON;

/** A price in half rows, snapped to an edge or centre within rounding error. Twin of grid.py. */
export function halfRows(price: number, size: number): number {
  const halves = (price * 2) / size;
  const nearest = Math.round(halves);
  return Math.abs(halves - nearest) <= SNAP * Math.abs(halves) ? nearest : halves;
}

/** The fewest bins that still make a readable picture. */
const FEWEST = 24;

/** A multiple of a decimal size, without float errors: 3 x 0.1 is 0.3. */
const times = (size: number, factor: number): number => Number((size * factor).toPrecision(12));

/** The grid with `factor` rows per bin; its edges are multiples of its bin size. */
export function coarser({ binSize, first, rows }: Grid, factor: number): Grid {
  const bottom = Math.floor(first / factor);
  return { binSize: times(binSize, factor), first: bottom, rows: Math.ceil((first + rows) / factor) - bottom };
}

/** Available bin sizes: 1, 2, 5, 10 ... rows, as long as there are enough bins; USD, ascending. */
export function sizesOf(rows: Grid): number[] {
  const sizes = [rows.binSize];
  for (let ten = 1; ; ten *= 10) {
    for (const step of [2, 5, 10]) {
      const grid = coarser(rows, step * ten);
      if (grid.rows < FEWEST) return sizes;
      sizes.push(grid.binSize);
    }
  }
}

/** Rows per bin of this size, or of the available size nearest to it by ratio. */
export function factorOf(rows: Grid, size: number): number {
  const whole = (wanted: number): number | null => {
    const factor = Math.round(wanted / rows.binSize);
    return factor >= 1 && Math.abs(wanted / rows.binSize - factor) <= 1e-9 * factor ? factor : null;
  };
  if (!(size > 0)) return 1;
  const away = (other: number): number => Math.abs(Math.log(other / size));
  return whole(size) ?? whole(sizesOf(rows).reduce((best, other) => (away(other) < away(best) ? other : best))) ?? 1;
}
