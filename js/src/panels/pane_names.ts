/** The names of the panes below the price, and the size of the price pane for the style sheets. */

import { h } from "../base/dom";
import type { Chart } from "../chart/chart";

export class PaneNames {
  readonly elements = ["volume, coins", "open interest, coins"].map((name) => h("div", { class: "liq-label" }, name));

  /** Place the names at the tops of their panes, and keep the series below them; `letters`: font size, CSS pixels. */
  place(chart: Chart, letters: number): void {
    const heights = chart.api.panes().map((pane) => pane.getHeight());
    let top = heights[0] ?? 0;
    for (const [i, label] of this.elements.entries()) {
      const height = heights[i + 1] ?? 0;
      label.hidden = height < 2 * letters; // it would cover the series
      label.style.top = `${top + 3}px`;
      top += height + 1;
    }
    chart.panes.leaveRoom(1.5 * letters);
    const { width, height } = chart.api.paneSize(0);
    const size = `--liq-pane: ${width}px; --liq-pane-height: ${height}px;`;
    const frame = this.elements[0]!.parentElement!;
    if (frame.style.cssText !== size) frame.style.cssText = size; // each change costs a layout
  }
}
