/** The help: an explanation of the chart in five sentences, and the list of keys. */

import { h } from "../base/dom";
import { Sheet } from "./sheet";

const SENTENCES = [
  "Behind the candles lies an estimate of where leveraged positions would be force-closed, in the market's quote currency per price row and candle.",
  "Deep purple is sparse, bright yellow is dense; the colour bar says how much that is.",
  "Longs would be closed below the close, shorts above it; the bars at the right show both for one candle, their pale part the range over resampled mixes and decay rates.",
  "New positions appear at their liquidation price, fade at the decay rate, and are gone once price trades through it.",
  "It shows vulnerability, never direction: what would be forced if price went there, not that it will.",
];

const KEYS = {
  arrows: "cell cursor: candle, price row; with Ctrl ten at once",
  "Page Up, Page Down": "ten rows up, down",
  "Home, End": "first, last candle",
  "a, b": "next cluster above, below",
  c: "the close",
  i: "more about the cell pointed at, or less",
  "Shift + arrows": "select a box, whose sums are what stood last in each of its rows; Delete clears it",
  "space, comma, full stop": "in a replay: play or pause, one candle back, on",
  "+, −": "zoom in, out",
  "0, 9": "all candles, all levels",
  "Ctrl + Z, Ctrl + Shift + Z": "undo, redo a change of a setting",
  "?": "this help",
  Esc: "leave the cursor, then the chart",
};

const OTHERS =
  "Shift-drag selects, too, and so does a drag or a finger after the button with the dashed box. By touch: drag, pinch, hold for the values, tap on them for more. What if: a grip on the price axis, Esc ends it. log, at its lower end: equal steps are equal shares of the price.";

export class Help extends Sheet {
  constructor(signal: AbortSignal) {
    super("Help", "?", "What am I looking at?", signal);
    this.button.classList.add("liq-help-button");
    const lines = Object.entries(KEYS).map(([keys, does]) =>
      h("tr", {}, h("th", { scope: "row" }, keys), h("td", {}, does)),
    );
    this.content.append(
      ...SENTENCES.map((sentence) => h("p", {}, sentence)),
      h("table", {}, h("caption", {}, "Keys, while the chart has the focus"), h("tbody", {}, ...lines)),
      h("p", { class: "liq-dim" }, OTHERS),
    );
  }
}
