/** Tells the views of changes; both sources are made of it. */

import type { SourceEvent } from "./settings";

export class Announcer {
  readonly #callbacks = new Map<SourceEvent, Set<() => void>>();

  /** Call back at each event of a kind, until the signal aborts. */
  on(event: SourceEvent, callback: () => void, signal: AbortSignal): void {
    const callbacks = this.#callbacks.get(event) ?? new Set();
    this.#callbacks.set(event, callbacks.add(callback));
    signal.addEventListener("abort", () => callbacks.delete(callback));
  }

  protected emit(event: SourceEvent): void {
    for (const callback of [...(this.#callbacks.get(event) ?? [])]) callback();
  }

  /** Tell nobody any more. */
  protected silence(): void {
    this.#callbacks.clear();
  }
}
