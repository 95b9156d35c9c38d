/** A push of the price by hand: a grip on the price axis, and over the profile the path that would follow. */

import { h, setText } from "../base/dom";
import { percent, usd } from "../base/units";
import { type Cascade, cascade, wordsOf } from "../model/cascade";
import type { Legend } from "../panels/legend";
import type { Source } from "../source/settings";
import type { PaneSize } from "./heatmap";

/** Height of the grip with its arrows, CSS pixels. */
const GRIP = 32;

export class Push {
  readonly button = h("button", { type: "button", class: "liq-button" }, "what if");
  /**
   * The push in thousandths of the close, whole ones once they are rounded. It spans the prices in view, so that its
   * thumb, which is not seen, is where the grip is.
   */
  readonly #input = h("input", { type: "range", "aria-label": "Push of the price" });
  readonly #grip = h("div", { class: "liq-grip" });
  readonly #rest = h("div", { class: "liq-rest" });
  readonly element = h("div", { class: "liq-push", hidden: true }, this.#rest, this.#input, this.#grip);

  constructor(
    private readonly source: Source,
    private readonly legend: Legend,
    signal: AbortSignal,
  ) {
    const { button } = this;
    const input = this.#input;
    const push = (): void => source.set({ shock: Math.max(Math.round(input.valueAsNumber), -990) / 1000 });
    const toggle = (): void => {
      const off = source.settings.shock === null;
      this.element.hidden = !off;
      (off ? input : button).focus();
      input.value = "-30"; // or as far as the view reaches
      if (off) push();
      else source.set({ shock: null });
    };
    button.addEventListener("click", toggle, { signal });
    input.addEventListener("input", push, { signal });
    input.addEventListener("keydown", ({ key }) => key === "Escape" && toggle(), { signal });
  }

  /**
   * Draw what the push comes to over the profile just drawn, and put the grip where it belongs.
   *
   * @param y - CSS pixel of a row's lower edge
   */
  draw(canvas: HTMLCanvasElement, { width, height }: PaneSize, y: (row: number) => number): void {
    const { field, settings } = this.source;
    if (field === null) return;
    const { shock } = settings;
    const { first, binSize } = field.ledger;
    const close = field.bars.close.at(-1)!;
    const middle = y(close / binSize - first);
    const unit = ((y(0) - y(1)) * close) / binSize;
    const at = (move: number): number => middle - move * unit;
    const input = this.#input;
    input.min = String(((middle - height) / unit) * 1000);
    input.max = String((middle / unit) * 1000);
    const found = shock === null ? null : cascade(field, shock);
    const words = shock === null ? "" : wordsOf(found, field.bars.about.decimals);
    this.button.setAttribute("aria-pressed", String(shock !== null));
    this.legend.showPush(words);
    this.element.hidden = found === null;
    if (found === null) return;
    const { move } = found.rounds.at(-1)!;
    const push = at(shock!);
    const gap = at(move) - push;
    input.value = String(shock! * 1000);
    input.setAttribute("aria-valuetext", words);
    setText(this.#grip, percent(shock!));
    setText(this.#rest, percent(move));
    // What is said of the rest leaves the grip free.
    const said = push + Math.max(Math.abs(gap), GRIP) * Math.sign(gap);
    this.element.style.cssText = `left:${width}px;height:${height}px;--push:${push}px;--rest:${push + gap}px;--said:${said}px`;
    path(canvas, found, at);
  }
}

/** One step a round, thinner and thinner, with the USD that it liquidates where there is room to say it. */
function path(canvas: HTMLCanvasElement, { rounds }: Cascade, at: (move: number) => number): void {
  const c = canvas.getContext("2d")!;
  const step = (Number.parseFloat(canvas.style.width) - 8) / rounds.length;
  c.save();
  c.shadowColor = "#0c0a1a";
  c.shadowBlur = 6;
  c.strokeStyle = c.fillStyle = "#ffffff";
  c.textBaseline = "middle";
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
    c.textAlign = i * 2 < rounds.length ? "left" : "right";
    if (Math.abs(to - from) > 14) c.fillText(`  ${usd(round.usd - before)}  `, x, (from + to) / 2);
    from = to;
    before = round.usd;
  });
  c.restore();
}
