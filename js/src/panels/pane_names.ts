/** The names of the panes below the price, and the size of the price pane for the style sheets. */

import { h } from "../base/dom";
import type { Chart } from "../chart/chart";
import { PANE_NAMES } from "../chart/panes";

export class PaneNames {
  readonly elements = PANE_NAMES.map((name) => h("div", { class: "liq-label" }, name));

  /** Place the names at the tops of their panes, and keep the series below them; `letters`: font size, CSS pixels. */
  place(chart: Chart, letters: number): void {
    for (const [i, { top, fits }] of chart.panes.names(letters).entries()) {
      const label = this.elements[i]!;
      label.hidden = !fits;
      label.style.top = `${top + 3}px`;
    }
    chart.panes.leaveRoom(1.5 * letters);
    const { width, height } = chart.api.paneSize(0);
    const size = `--liq-pane: ${width}px; --liq-pane-height: ${height}px;`;
    const frame = this.elements[0]!.parentElement!;
    if (frame.style.cssText !== size) frame.style.cssText = size; // each change costs a layout
  }
}
