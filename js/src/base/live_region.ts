/** Text for screen readers: only the latest, once input is idle, so that holding a key does not queue many. */

import { h } from "./dom";

/** Debounce: call back once, after this long without another call. */
export function settled(act: () => void, signal: AbortSignal, ms = 150): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  signal.addEventListener("abort", () => clearTimeout(timer));
  return () => {
    clearTimeout(timer);
    timer = setTimeout(act, ms);
  };
}

export class Speech {
  readonly element = h("div", { class: "liq-said", "aria-live": "polite", "aria-atomic": "true" });
  #text = "";
  readonly #say: () => void;

  constructor(signal: AbortSignal) {
    this.#say = settled(() => (this.element.textContent = this.#text), signal);
  }

  say(text: string): void {
    this.#text = text;
    this.#say();
  }
}
