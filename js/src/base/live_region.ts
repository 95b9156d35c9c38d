/** What is said aloud: the latest text alone, once the hand rests, so that a held key is no flood. */

import { h } from "./dom";

/** Call back once, after this long without another call. */
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
