/** How to zoom, said once to a user who turns the wheel over a chart that does not have the focus. */

import { h } from "../base/dom";

/** A pause after which the wheel is turned anew, ms. */
const PAUSE_MS = 200;
/** Turns that are no longer those of a page scrolled past, and the time within which they come, ms. */
const TURNS = 4;
const WITHIN_MS = 5000;
/** How long the hint stays, ms. */
const STAYS_MS = 4000;

/** Counts turns of the wheel: one way without a pause is one turn, however many events it has. */
export class Turns {
  #starts: number[] = [];
  #last = Number.NEGATIVE_INFINITY;
  #way = 0;

  /** The wheel moved by `delta` at a time in ms; returns whether it was turned several times by now. */
  turn(at: number, delta: number): boolean {
    const way = Math.sign(delta);
    if (at - this.#last > PAUSE_MS || way !== this.#way) this.#starts.push(at);
    this.#last = at;
    this.#way = way;
    this.#starts = this.#starts.filter((start) => at - start <= WITHIN_MS);
    return this.#starts.length >= TURNS;
  }
}

export class WheelHint {
  readonly element = h(
    "div",
    { class: "liq-wheel-hint", "aria-hidden": "true", hidden: true },
    "To zoom, click on the chart first, or hold Ctrl",
  );
  #timer = 0;

  /** @param plot - the chart's element, which takes the focus */
  constructor(plot: HTMLElement, signal: AbortSignal) {
    const turns = new Turns();
    const over = new AbortController(); // said, or known already
    signal.addEventListener("abort", () => over.abort());
    signal.addEventListener("abort", () => clearTimeout(this.#timer));
    plot.addEventListener(
      "wheel",
      (event) => {
        if (plot.matches(":focus") || event.ctrlKey) return over.abort();
        if (!turns.turn(event.timeStamp, event.deltaY)) return;
        over.abort();
        if (document.querySelector(".liq-wheel-hint.liq-told") === null) this.#show();
      },
      { passive: true, signal: over.signal },
    );
    plot.addEventListener("focus", () => this.#hide(), { signal });
  }

  #show(): void {
    this.element.hidden = false;
    this.element.classList.add("liq-told"); // to the other views of the page
    this.#timer = window.setTimeout(() => this.#hide(), STAYS_MS);
  }

  #hide(): void {
    clearTimeout(this.#timer);
    this.element.hidden = true;
  }
}
