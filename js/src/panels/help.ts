/** The help: what one is looking at, in five sentences, and the keys. */

import { h } from "../base/dom";

const SENTENCES = [
  "Behind the candles lies an estimate of where leveraged positions would be force-closed, in USD per price row and candle.",
  "Deep purple is sparse, bright yellow is dense; the colour bar says how much that is.",
  "Longs would be closed below the close, shorts above it; the bars at the right show both for one candle, their pale part the range over resampled mixes and decay rates.",
  "What opens appears at its liquidation price, fades at the decay rate, and is gone once price trades through it.",
  "It shows vulnerability, never direction: what would be forced if price went there, not that it will.",
];

const KEYS = {
  arrows: "cell cursor: candle, price row; with Ctrl ten at once",
  "Page Up, Page Down": "ten rows up, down",
  "Home, End": "first, last candle",
  "a, b": "next cluster above, below",
  c: "the close",
  "Shift + arrows": "select a box; Delete takes it away",
  "+, −": "zoom in, out",
  "0, 9": "fit candles, fit levels",
  "?": "this help",
  Esc: "leave the cursor, then the chart",
};

const OTHERS =
  "Shift-drag selects, too. By touch: drag, pinch, hold for the values. What if: a grip on the price axis, Esc ends it.";

/** A button that opens the help, and the help; the browser closes it on Esc or a click elsewhere. */
export class Help {
  readonly button = h("button", { type: "button", class: "liq-button liq-help-button", "aria-label": "Help" }, "?");
  readonly element = h("div", { class: "liq-help", popover: "auto", role: "dialog", "aria-label": "Help" });

  constructor(signal: AbortSignal) {
    const close = h("button", { type: "button", class: "liq-button", autofocus: true }, "close");
    const lines = Object.entries(KEYS).map(([keys, does]) =>
      h("tr", {}, h("th", { scope: "row" }, keys), h("td", {}, does)),
    );
    this.element.append(
      h("div", { class: "liq-head" }, h("h2", {}, "What am I looking at?"), close),
      ...SENTENCES.map((sentence) => h("p", {}, sentence)),
      h("table", {}, h("caption", {}, "Keys, while the chart has the focus"), h("tbody", {}, ...lines)),
      h("p", { class: "liq-dim" }, OTHERS),
    );
    this.button.popoverTargetElement = this.element;
    close.addEventListener("click", () => this.element.hidePopover(), { signal });
    // The notebook around must not see the keys of what lies over it.
    this.element.addEventListener("keydown", (event) => event.stopPropagation(), { signal });
  }

  open(): void {
    this.element.showPopover();
  }
}
