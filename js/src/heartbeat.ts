/** Each view says that it is there, so that a live feed ends when nobody looks. */

import type { Source } from "./settings";

const EVERY_MS = 5_000;

/** Say so at once and every 5 s, in hidden tabs as often as the browser lets timers run; and say when it is over. */
export function startHeartbeat(source: Pick<Source, "here" | "gone">, signal: AbortSignal): void {
  const view = `${Date.now().toString(36)}-${Math.random().toString(36).slice(2, 12)}`;
  const timer = setInterval(() => source.here(view), EVERY_MS);
  signal.addEventListener("abort", () => {
    clearInterval(timer);
    source.gone(view);
  });
  source.here(view);
}
