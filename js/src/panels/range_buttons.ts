/** Buttons that show the last day, days, week or month, or everything. */

import { button, h } from "../base/dom";
import { extentOf, RANGES, rangesIn } from "../chart/ranges";
import type { Range, Source } from "../source/settings";

export class RangeButtons {
  readonly element = h("div", { class: "liq-ranges", role: "group", "aria-label": "Range" });
  readonly #buttons = new Map<Range | null, HTMLElement>();

  /** @param show - called with the range to show; null: everything */
  constructor(
    private readonly source: Source,
    show: (range: Range | null) => void,
    signal: AbortSignal,
  ) {
    for (const range of [...(Object.keys(RANGES) as Range[]), null]) {
      const title = range === null ? "Show all candles" : `Show the last ${WORDS[range]}`;
      const one = button(range ?? "all", { title });
      one.addEventListener("click", () => show(range), { signal });
      this.#buttons.set(range, one);
    }
    this.element.append(...this.#buttons.values());
  }

  /** Offer the ranges that the data fill, and mark the one shown. */
  update(follows: Range | "all" | null): void {
    const bars = this.source.field?.bars;
    const offered = bars === undefined ? [] : rangesIn(extentOf(bars));
    for (const [range, one] of this.#buttons) {
      one.hidden = range !== null && !offered.includes(range);
      one.setAttribute("aria-pressed", String(follows === (range ?? "all")));
    }
  }
}

const WORDS: Record<Range, string> = { "24h": "24 hours", "3d": "three days", "1w": "week", "1m": "30 days" };
