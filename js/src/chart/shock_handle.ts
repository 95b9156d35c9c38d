/** The what-if tool: a grip on the price axis sets a price shock; the resulting path is drawn over the profile. */

import { h, setText } from "../base/dom";
import type { RowMap } from "../base/row_map";
import { percent, usd } from "../base/units";
import { type Cascade, cascade, wordsOf } from "../model/cascade";
import type { Source } from "../source/settings";
import type { PaneSize } from "./heatmap";

/** Height of the grip with its arrows, CSS pixels. */
const GRIP = 32;

/** Half the height of a label with its border, CSS pixels. */
const HALF = 13;

/**
 * Places of the labels of a shock and of the price at rest, which neither the pane's ends cut nor each other cover.
 * All are CSS pixels from the pane's top.
 */
export function labelsAt(push: number, rest: number, height: number): { grip: number; said: number } {
  const within = (y: number): number => Math.max(Math.min(y, height - HALF), HALF);
  const grip = within(push);
  const way = Math.sign(rest - push);
  const said = within(grip + Math.max(way * (rest - grip), GRIP) * way);
  return { grip, said: Math.abs(said - grip) < GRIP ? grip - GRIP * way : said };
}

const IMPACT =
  "Push the price and see what would be liquidated. Assumed: the square-root law of price impact with Y = 1";

export class Push {
  readonly button = h("button", { type: "button", class: "liq-button", title: IMPACT }, "what if");
  /**
   * The place of the shock in equal steps along the axis, each a thousandth of the close around the close; shocks are
   * rounded to whole thousandths when read. The range equals the prices in view, so that the invisible thumb coincides
   * with the grip.
   */
  readonly #input = h("input", { type: "range", "aria-label": "Push of the price" });
  readonly #grip = h("div", { class: "liq-grip" });
  readonly #rest = h("div", { class: "liq-rest" });
  readonly element = h("div", { class: "liq-push", hidden: true }, this.#rest, this.#input, this.#grip);
  /** The shock at a place, thousandths. */
  #shockAt = (place: number): number => place;
  /** Where the thumb was placed last. */
  #place = 0;

  /** @param said - called with the result as text; empty: the what-if is off */
  constructor(
    private readonly source: Source,
    private readonly said: (words: string) => void,
    signal: AbortSignal,
  ) {
    const { button } = this;
    const input = this.#input;
    const push = (): void => {
      const before = source.settings.shock;
      const place = input.valueAsNumber;
      let shock = Math.round(this.#shockAt(place));
      // On a logarithmic axis a step of the keyboard may be less than half a thousandth.
      const step = Math.trunc(1.001 * (place - this.#place));
      if (step !== 0 && before !== null && shock === Math.round(before * 1000)) shock += Math.sign(step);
      source.set({ shock: Math.max(shock, -990) / 1000 });
    };
    const toggle = (): void => {
      const off = source.settings.shock === null;
      this.element.hidden = !off;
      (off ? input : button).focus();
      input.value = "-30"; // clamped to the prices in view
      if (off) push();
      else source.set({ shock: null });
    };
    button.addEventListener("click", toggle, { signal });
    input.addEventListener("input", push, { signal });
    input.addEventListener("keydown", ({ key }) => key === "Escape" && toggle(), { signal });
  }

  /**
   * Draw the path after the shock over the profile just drawn, and place the grip.
   *
   * @param map - CSS pixels of rows
   */
  draw(canvas: HTMLCanvasElement, { width, height }: PaneSize, map: RowMap): void {
    const { field, settings } = this.source;
    if (field === null) return;
    const { shock } = settings;
    const { first, binSize } = field.grid;
    const close = field.bars.close.at(-1)!;
    const rowOf = (move: number): number => ((1 + move) * close) / binSize - first;
    const at = (move: number): number => map.y(rowOf(move));
    const middle = at(0);
    const unit = (map.height(rowOf(0)) * close) / binSize;
    this.#shockAt = (place) => (((map.row(middle - (place / 1000) * unit) + first) * binSize) / close - 1) * 1000;
    const input = this.#input;
    input.min = String(((middle - height) / unit) * 1000);
    input.max = String((middle / unit) * 1000);
    const found = shock === null ? null : cascade(field, shock);
    const words = shock === null ? "" : wordsOf(found, field.bars.about.decimals, field.bars.about.currency);
    this.button.setAttribute("aria-pressed", String(shock !== null));
    this.said(words);
    this.element.hidden = found === null;
    if (found === null) return;
    const { move } = found.rounds.at(-1)!;
    const push = at(shock!);
    const gap = at(move) - push;
    input.value = String(((middle - push) / unit) * 1000);
    this.#place = input.valueAsNumber;
    input.setAttribute("aria-valuetext", words);
    setText(this.#grip, percent(shock!));
    setText(this.#rest, percent(move));
    const rest = push + gap;
    const { grip, said } = labelsAt(push, rest, height);
    const axis = Number.parseFloat(canvas.style.left) - width;
    this.element.style.cssText = `left:${width}px;width:${axis}px;height:${height}px;--push:${push}px;--rest:${rest}px;--grip:${grip}px;--said:${said}px`;
    path(canvas, found, at, height, field.bars.about.currency);
  }
}

/** Draw one step per round, each thinner, labelled with the amount liquidated if there is room. */
function path(
  canvas: HTMLCanvasElement,
  { rounds }: Cascade,
  at: (move: number) => number,
  height: number,
  currency: string,
): void {
  const c = canvas.getContext("2d")!;
  const width = Number.parseFloat(canvas.style.width);
  const step = (width - 8) / rounds.length;
  c.save();
  c.beginPath();
  c.rect(0, 0, width, height);
  c.clip();
  c.shadowColor = "#0c0a1a";
  c.shadowBlur = 6;
  c.strokeStyle = c.fillStyle = "#ffffff";
  c.textBaseline = "middle";
  c.textAlign = "left";
  let from = at(0);
  let before = 0;
  rounds.forEach((round, i) => {
    const x = 8 + i * step;
    const to = at(round.move);
    c.beginPath();
    c.moveTo(x, from);
    c.lineTo(x, to);
    c.lineTo(x + step, to);
    c.lineWidth = 4 * 0.8 ** i;
    c.stroke();
    if (Math.abs(to - from) > 14) {
      const words = `  ${usd(round.usd - before, currency)}  `;
      const long = c.measureText(words).width;
      const left = i * 2 < rounds.length ? x : x - long;
      c.fillText(words, Math.max(Math.min(left, width - long), 0), (from + to) / 2);
    }
    from = to;
    before = round.usd;
  });
  c.restore();
}
