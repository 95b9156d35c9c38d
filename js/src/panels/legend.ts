/** The legend of the marks and outlines over the heat. */

import { h, setText } from "../base/dom";
import { usd } from "../base/units";
import type { About } from "../frames/bars_and_ledger";
import type { Marks } from "../frames/marks";
import type { Positions } from "../frames/positions";
import type { Layer } from "../model/realised_cells";

/** Scale of the positions relative to the estimate: 20 x, 1.5 x, 0.3 x. */
export const scaleText = (scale: number): string =>
  `scale ${scale >= 9.95 ? Math.round(scale).toLocaleString("en") : Number(scale.toPrecision(2))} x`;

/** Legend text of the marks. */
export function marksText(marks: Marks, { simulated, currency }: Pick<About, "simulated" | "currency">): string[] {
  const known = simulated ? "simulated" : "as reported by the venue: a lower bound";
  const texts = [`area = ${currency || "USD"}, largest ${usd(marks.most, currency)}`, known];
  if (marks.unknown > 0) texts.push("dashed: price unknown, drawn at the low or high of its candles");
  return texts;
}

/** Legend text of realised liquidations as cells; "" where the estimate alone is shown. */
export function layerText(
  layer: Layer,
  marks: Marks | null,
  { simulated, currency }: Pick<About, "simulated" | "currency">,
): string {
  if (layer === "estimate") return "";
  const priced = marks === null ? 0 : marks.time.length - marks.unknown;
  if (priced === 0) return "no realised liquidation has a price: none can be drawn in bins";
  const texts = [
    layer === "both" ? "colour: realised per bin and candle, grey: estimate" : "realised per bin and candle",
    `largest ${usd(marks!.most, currency)}`,
    simulated ? "simulated" : "as reported by the venue: a lower bound",
  ];
  const without = marks!.notional.reduce((sum, usd, i) => sum + (Number.isNaN(marks!.price[i]!) ? usd : 0), 0);
  if (without > 0) texts.push(`${usd(without, currency)} without a price not drawn`);
  return texts.join(" · ");
}

/** Badge text for liquidations that are not drawn; "" if there are none. */
export const outsideText = (marks: Marks, currency = ""): string =>
  marks.outside === 0
    ? ""
    : `${marks.outside.toLocaleString("en")} realised liquidation${marks.outside === 1 ? "" : "s"} (${usd(marks.outsideUsd, currency)}) outside the candles`;

export class Legend {
  readonly #marks = h("div", { hidden: true });
  readonly #marksText = h("span", { class: "liq-dim" });
  readonly #layer = h("div", { hidden: true });
  readonly #positions = h("div", { hidden: true });
  readonly #positionsText = h("span");
  readonly #push = h("div", { hidden: true });
  readonly element = h("div", { class: "liq-legend" }, this.#marks, this.#layer, this.#positions, this.#push);

  constructor() {
    const sign = (side: "long" | "short"): Node[] => [
      h("span", { class: `liq-sign liq-sign-${side}`, "aria-hidden": "true" }),
      h("span", { class: `liq-${side}` }, side),
    ];
    this.#marks.append("realised ", ...sign("long"), ...sign("short"), this.#marksText);
    this.#positions.append(h("span", { class: "liq-sign liq-sign-true", "aria-hidden": "true" }), this.#positionsText);
  }

  /** The legend shown, as plain text. */
  get words(): string[] {
    const marks = `realised liquidations: circles long, diamonds short ${this.#marksText.textContent}`;
    const lines = [
      this.#marks.hidden ? "" : marks,
      this.#layer.textContent,
      this.#positions.hidden ? "" : this.#positionsText.textContent,
    ];
    lines.push(...this.#push.textContent!.split(/\. (?=M)/));
    return lines.filter((line): line is string => Boolean(line));
  }

  /** Explain the marks that are drawn; null: none. */
  showMarks(marks: Marks | null, about: About | null): void {
    this.#marks.hidden = marks === null || marks.time.length === 0;
    if (marks !== null && about !== null) setText(this.#marksText, `· ${marksText(marks, about).join(" · ")}`);
  }

  /** Explain the cells of realised liquidations. */
  showLayer(layer: Layer, marks: Marks | null, about: About | null): void {
    const text = about === null ? "" : layerText(layer, marks, about);
    setText(this.#layer, text);
    this.#layer.hidden = text === "";
  }

  /** Show the result of the what-if; empty: the what-if is off. */
  showPush(words: string): void {
    setText(this.#push, words);
    this.#push.hidden = words === "";
  }

  /** Explain the outline; `scale` is null if none of it is in view. */
  showPositions(positions: Positions | null, scale: number | null, currency: string): void {
    this.#positions.hidden = positions === null;
    if (positions === null) return;
    const parts = [`positions: ${positions.label}`, scale === null ? "none at these prices" : scaleText(scale)];
    if (positions.outsideRows > 0)
      parts.push(`${usd(positions.outsideUsd, currency)} too far from the price to be shown`);
    setText(this.#positionsText, parts.join(", "));
  }
}
