/** The margin right of the last candle: zooming keeps it as wide as it is, in pixels. */

import type { ITimeScaleApi, Time } from "lightweight-charts";

/** The last candle is at the right end if the margin is at most this wide, CSS pixels. */
const MOST = 60;

export class Margin {
  /** CSS pixels; null: the last candle is not at the right end. */
  #width: number | null = null;
  /** At the last change: CSS pixels per column, and columns right of the last candle. */
  #spacing = 0;
  #after = 0;

  constructor(private readonly time: ITimeScaleApi<Time>) {
    time.subscribeVisibleLogicalRangeChange((range) => range && this.#moved());
  }

  /** Index of the right end of a view of so many columns that keeps the margin; null: there is none to keep. */
  endOf(columns: number): number | null {
    if (this.#width === null) return null;
    const { to } = this.time.getVisibleLogicalRange()!;
    return to - this.time.scrollPosition() + (this.#width * columns) / this.time.width();
  }

  #moved(): void {
    const spacing = this.time.options().barSpacing;
    const after = this.time.scrollPosition();
    // While the option is on, the chart zooms with as many columns right of the last candle as before.
    const zoomed = spacing !== this.#spacing && Math.abs(after - this.#after) < 1e-6;
    this.#spacing = spacing;
    this.#after = after;
    if (zoomed && this.#width !== null) {
      this.#after = this.#width / spacing;
      if (Math.abs(this.#after - after) > 1e-6) this.time.scrollToPosition(this.#after, false);
      return;
    }
    const width = after * spacing;
    const before = this.#width !== null;
    const kept = width > -1 && width <= MOST;
    this.#width = kept ? width : null;
    if (kept !== before) this.time.applyOptions({ rightBarStaysOnScroll: kept });
  }
}
