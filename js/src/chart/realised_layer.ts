/** How realised liquidations are shown: as bubbles over the estimate, or as cells like its own. */

import { rowOf } from "../base/grid";
import type { Bars } from "../frames/bars_and_ledger";
import { type Placed, placeMarks, type Realised, realisedNear } from "../frames/marks";
import { RealisedCells } from "../model/realised_cells";
import type { Source } from "../source/settings";

export class RealisedLayer {
  readonly #cells = new RealisedCells();
  /** The marks placed into columns, and the bars they were placed for. */
  #placed: { placed: Placed; bars: Bars } | null = null;

  constructor(private readonly source: Source) {}

  /** The marks to draw as bubbles; null if there are none, they are switched off, or cells show them. */
  get bubbles(): Placed | null {
    const { settings } = this.source;
    return settings.bubbles && settings.layer === "estimate" ? this.#marks : null;
  }

  /** The cells to draw; null if there are none, or the estimate alone is shown. */
  get cells(): RealisedCells | null {
    const { field, settings } = this.source;
    const placed = settings.layer === "estimate" ? null : this.#marks;
    return placed === null || field === null ? null : this.#cells.show(placed, field);
  }

  /** What was realised in the cell at a price; null if cells are not shown. */
  at({ column, price }: { column: number; price: number | null }): Realised | null {
    const { field, settings } = this.source;
    const placed = settings.layer === "estimate" ? null : this.#marks;
    if (placed === null || field === null || price === null) return null;
    const bin = rowOf(field.grid, price);
    return realisedNear(placed, column, 0, (i) => rowOf(field.grid, placed.marks.price[i]!) === bin);
  }

  get #marks(): Placed | null {
    const { marks, field } = this.source;
    if (marks === null || field === null) return null;
    if (this.#placed?.placed.marks !== marks || this.#placed.bars !== field.bars) {
      this.#placed = { placed: placeMarks(marks, field.bars), bars: field.bars };
    }
    return this.#placed.placed;
  }
}
