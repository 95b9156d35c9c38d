/** The line above the chart: what is shown, what a reader has to know of it, and the buttons. */

import { h, setText } from "../base/dom";
import type { Push } from "../chart/shock_handle";
import type { Source } from "../source/settings";
import type { Help } from "./help";
import { type Legend, outsideText } from "./legend";
import { Pill } from "./live_pill";
import { SaveMenu, type Viewed } from "./save_menu";

export class Header {
  readonly element: HTMLElement;
  readonly #title = h("div", { class: "liq-title" });
  readonly #badges = h("div", { class: "liq-badges" });
  readonly #message = h("div", { class: "liq-message", role: "status" });

  constructor(
    private readonly source: Source,
    private readonly legend: Legend,
    view: Viewed,
    help: Help,
    push: Push,
    private readonly signal: AbortSignal,
  ) {
    const pill = new Pill(() => source.live, view.clock, signal);
    source.on("live", () => pill.update(), signal);
    const buttons = h(
      "div",
      { class: "liq-fit" },
      this.#button("fit candles", () => view.chart?.fitCandles()),
      this.#button("fit levels", () => view.chart?.fitLevels()),
      push.button,
      new SaveMenu(source, view, signal).element,
      help.button,
    );
    this.element = h("div", { class: "liq-header" }, this.#title, pill.element, this.#badges, this.#message, buttons);
  }

  /** What is said of the data and of the marks over it. */
  get words(): string[] {
    return [...Array.from(this.#badges.children, (badge) => badge.textContent ?? ""), ...this.legend.words];
  }

  #button(text: string, act: () => void): HTMLElement {
    const element = h("button", { type: "button", class: "liq-button" }, text);
    element.addEventListener("click", act, { signal: this.signal });
    return element;
  }

  /** Another picture has come. */
  showTitle(): void {
    const about = this.source.field?.bars.about;
    if (about) setText(this.#title, [about.symbol, about.exchange, about.interval].filter(Boolean).join(" · "));
  }

  /** What a reader has to know about the numbers; part of it depends on the mix. */
  showBadges(): void {
    const { field } = this.source;
    if (field === null) return;
    const { about } = field.bars;
    const beyond = field.weights.reduce((sum, weight, i) => sum + weight * (field.ledger.beyond[i] ?? 0), 0);
    const texts = ["estimate, not a forecast", ...about.notices];
    if (beyond >= 0.005) texts.push(`${Math.round(beyond * 100)} % of the notional has levels beyond these rows`);
    const badges = texts.map((text) => h("span", { class: "liq-badge" }, text));
    const outside = this.source.marks === null ? "" : outsideText(this.source.marks);
    if (outside !== "") badges.push(h("span", { class: "liq-badge" }, outside));
    if (this.source.saved) badges.push(h("span", { class: "liq-badge" }, "saved page: nothing is live"));
    if (about.simulated) badges.unshift(h("span", { class: "liq-badge liq-loud" }, "simulated market"));
    if (this.#badges.textContent !== badges.map((badge) => badge.textContent).join(""))
      this.#badges.replaceChildren(...badges);
  }

  showStatus(): void {
    const { message } = this.source.status;
    setText(this.#message, message);
    this.#message.hidden = message === "";
  }
}
