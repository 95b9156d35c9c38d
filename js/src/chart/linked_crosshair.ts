/** Linked crosshairs: views of linked heatmaps on one page point at the same time and price. */

import { lastAtMost } from "../base/search";
import type { Source } from "../source/settings";
import type { Hover } from "./chart";

/** Views are told by an event of the page: the widgets of a notebook share no module. */
const EVENT = "liqwidget-crosshair";

/** Where a view points. */
interface Place {
  /** Symbol of its market. */
  symbol: string;
  /** Opening time of the column, ms since 1970 UTC. */
  time: number;
  price: number | null;
  /** The column's close. */
  close: number;
}

export class LinkedCrosshair {
  /** Whether the other views point where this one told them to. */
  #leads = false;

  /**
   * @param show - point at a cell; null: at none
   */
  constructor(
    private readonly source: Source,
    show: (at: Hover | null) => void,
    signal: AbortSignal,
  ) {
    document.addEventListener(
      EVENT,
      ({ detail }: CustomEventInit) => {
        if (detail.from === this || detail.name !== source.linked) return;
        this.#leads = false;
        show(this.#cellAt(detail.at));
      },
      { signal },
    );
  }

  /** Tell the linked views where this one points; null: nowhere. */
  tell(at: Hover | null): void {
    const { source } = this;
    const bars = source.field?.bars;
    if (source.linked === "" || bars === undefined || (at === null && !this.#leads)) return;
    this.#leads = at !== null;
    const column = at?.column ?? -1;
    const place = at && {
      symbol: bars.about.symbol,
      time: bars.time[column],
      price: at.price,
      close: bars.close[column],
    };
    document.dispatchEvent(new CustomEvent(EVENT, { detail: { from: this, name: source.linked, at: place } }));
  }

  /** The cell of this view for a place in another one; null if there is none. */
  #cellAt(at: Place | null): Hover | null {
    const bars = this.source.field?.bars;
    if (at?.price == null || bars === undefined) return null;
    const { time, close, about } = bars;
    const column = lastAtMost(time, at.time);
    if (column < 0 || !(at.time < time[column]! + about.intervalMs * about.width)) return null;
    return { column, price: about.symbol === at.symbol ? at.price : (at.price / at.close) * close[column]! };
  }
}
