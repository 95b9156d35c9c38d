/** The line above the chart: the market's title, a badge that says what the numbers are, and the buttons. */

import { button, h, setText } from "../base/dom";
import type { Outline } from "../chart/outline";
import { closeTime } from "../frames/bars_and_ledger";
import type { Source } from "../source/settings";
import type { Help } from "./help";
import { type Legend, outsideText } from "./legend";
import { Pill } from "./live_pill";
import { SaveMenu, type Viewed } from "./save_menu";
import { Sheet } from "./sheet";

/** Badge text for the share of the notional whose levels are not in the picture; "" if that is next to nothing. */
export const beyondText = (share: number): string =>
  share < 0.005 ? "" : `${Math.round(share * 100)} % of the estimate is too far from the price to be shown`;

const BEYOND = "Levels beyond the rows of the model; in Python, span=0.5 computes rows farther from the price";

/** Notices that the badge itself names. */
const URGENT = /^(stale|partial)\b/;

export class Header {
  readonly element: HTMLElement;
  readonly #title = h("div", { class: "liq-title" });
  readonly #states = h("span");
  readonly #badge: HTMLElement;
  /** Everything that is to be said of the numbers, in full. */
  readonly #about: Sheet;
  #texts: string[] = [];
  readonly #message = h("div", { class: "liq-message", role: "status" });

  constructor(
    private readonly source: Source,
    private readonly legend: Legend,
    private readonly view: Viewed,
    help: Help,
    outline: Outline,
    tools: readonly HTMLElement[],
    private readonly signal: AbortSignal,
  ) {
    const pill = new Pill(() => source.live, view.clock, signal);
    source.on("live", () => pill.update(), signal);
    this.#badge = h("div", { class: "liq-badge" }, this.#states, pill.element);
    this.#about = new Sheet("About these numbers", "i", "What are these numbers?", signal);
    this.#about.button.classList.add("liq-about");
    const buttons = h(
      "div",
      { class: "liq-fit" },
      ...tools.slice(0, 1),
      this.#button("fit levels", () => view.chart?.fit.levels()),
      outline.button,
      ...tools.slice(1),
      new SaveMenu(source, view, outline, signal).element,
      help.button,
    );
    this.element = h(
      "div",
      { class: "liq-header" },
      ...[this.#title, this.#badge, this.#about.button, buttons, this.#message, this.#about.element],
    );
  }

  /** What is said of the numbers, and the legend. */
  get words(): string[] {
    return [...this.#texts, ...this.legend.words];
  }

  #button(text: string, act: () => void): HTMLElement {
    const element = button(text);
    element.addEventListener("click", act, { signal: this.signal });
    return element;
  }

  /** Update the title for a new picture. */
  showTitle(): void {
    const about = this.source.field?.bars.about;
    if (about === undefined) return;
    const { symbol, exchange, contract, interval, simulated } = about;
    const venue = simulated && exchange === "simulated" ? "" : exchange; // the badge says it
    setText(this.#title, [symbol, contract, venue, interval].filter(Boolean).join(" · "));
  }

  /** Show what the numbers are, which depends on the mix, too. */
  showBadge(): void {
    const { field, marks, saved, settings } = this.source;
    if (field === null) return;
    const { notices, simulated, currency } = field.bars.about;
    const states: string[] = [];
    const texts: string[] = [];
    const say = (text: string, state = ""): void => {
      if (text !== "") texts.push(text);
      if (state !== "") states.push(state);
    };
    say("estimate, not a forecast", "estimate");
    if (simulated) say("simulated market", "simulated");
    if (settings.asOf !== null) {
      const closed = `as of ${this.view.clock.stamp(closeTime(field.bars, field.columns - 1))}`;
      say(`replay: ${closed}`, closed);
    }
    const { venues } = settings;
    const { size } = field.allBars.venues;
    if (venues.length < size) say(`estimate of ${venues.join(" + ")} alone`, `${venues.length} of ${size} venues`);
    for (const notice of notices) say(notice, URGENT.test(notice) ? notice : "");
    this.#badge.classList.toggle("liq-loud", states.length > 1);
    if (field.opening?.relative) say("relative: compare amounts only with each other", "relative");
    const beyond = beyondText(field.weights.reduce((sum, weight, i) => sum + weight * (field.beyond[i] ?? 0), 0));
    say(beyond);
    say(marks === null ? "" : outsideText(marks, currency));
    if (saved) say("saved page: nothing is live");
    setText(this.#states, states.join(" · "));
    if (texts.join() === this.#texts.join()) return;
    this.#texts = texts;
    const lines = texts.map((text) => h("li", text === beyond ? { title: BEYOND } : {}, text));
    this.#about.content.replaceChildren(h("ul", {}, ...lines));
  }

  /** A message about this page, shown while the source has none. */
  note = "";

  showStatus(): void {
    const message = this.source.status.message || this.note;
    setText(this.#message, message);
    this.#message.hidden = message === "";
  }
}
