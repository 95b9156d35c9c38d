/** What the marks and outlines over the heat mean, in words. */

import { h, setText } from "../base/dom";
import { usd } from "../base/units";
import type { Marks } from "../frames/marks";
import type { Positions } from "../frames/positions";

/** How much larger than the estimate positions are drawn: 20 x, 1.5 x, 0.3 x. */
export const scaleText = (scale: number): string =>
  `scale ${scale >= 9.95 ? Math.round(scale).toLocaleString("en") : Number(scale.toPrecision(2))} x`;

/** What is said of all marks. */
export function marksText(marks: Marks, simulated: boolean): string[] {
  const known = simulated ? "simulated" : "as reported by the venue: a lower bound";
  const texts = [`area = USD, largest ${usd(marks.most)}`, known];
  if (marks.unknown > 0) texts.push("dashed: price not known, drawn at the low or high of its time");
  return texts;
}

/** What is said where liquidations are left out; empty where none are. */
export const outsideText = (marks: Marks): string =>
  marks.outside === 0
    ? ""
    : `${marks.outside.toLocaleString("en")} realised liquidation${marks.outside === 1 ? "" : "s"} (${usd(marks.outsideUsd)}) outside the candles`;

export class Legend {
  readonly #marks = h("div", { hidden: true });
  readonly #marksText = h("span", { class: "liq-dim" });
  readonly #positions = h("div", { hidden: true });
  readonly #positionsText = h("span");
  readonly #push = h("div", { hidden: true });
  readonly element = h("div", { class: "liq-legend" }, this.#marks, this.#positions, this.#push);

  constructor() {
    const sign = (side: "long" | "short"): Node[] => [
      h("span", { class: `liq-sign liq-sign-${side}`, "aria-hidden": "true" }),
      h("span", { class: `liq-${side}` }, side),
    ];
    this.#marks.append("realised ", ...sign("long"), ...sign("short"), this.#marksText);
    this.#positions.append(h("span", { class: "liq-sign liq-sign-true", "aria-hidden": "true" }), this.#positionsText);
  }

  /** What is shown, as text alone. */
  get words(): string[] {
    const marks = `realised liquidations: circles long, diamonds short ${this.#marksText.textContent}`;
    const lines = [this.#marks.hidden ? "" : marks, this.#positions.hidden ? "" : this.#positionsText.textContent];
    lines.push(...this.#push.textContent!.split(/\. (?=M)/));
    return lines.filter((line): line is string => Boolean(line));
  }

  /** Explain the marks that are drawn; null: none are. */
  showMarks(marks: Marks | null, simulated: boolean): void {
    this.#marks.hidden = marks === null || marks.time.length === 0;
    if (marks !== null) setText(this.#marksText, `· ${marksText(marks, simulated).join(" · ")}`);
  }

  /** Say what a push of the price comes to; empty: none is asked about. */
  showPush(words: string): void {
    setText(this.#push, words);
    this.#push.hidden = words === "";
  }

  /** Explain the outline; `scale` is null where nothing of it is in view. */
  showPositions(positions: Positions | null, scale: number | null): void {
    this.#positions.hidden = positions === null;
    if (positions === null) return;
    const parts = [`positions: ${positions.label}`, scale === null ? "none at these prices" : scaleText(scale)];
    if (positions.outsideRows > 0) parts.push(`${usd(positions.outsideUsd)} beyond the rows`);
    setText(this.#positionsText, parts.join(", "));
  }
}
