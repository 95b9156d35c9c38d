/** Each view says that it is there, so that a live feed ends when nobody looks, and hears whether Python is. */

import { ASK_MS } from "./kernel";
import type { Source } from "./settings";

/** Say so at once and when it is due, in hidden tabs as often as the browser lets timers run; and say when it is over. */
export function startHeartbeat(source: Pick<Source, "here" | "gone">, signal: AbortSignal): void {
  const view = `${Date.now().toString(36)}-${Math.random().toString(36).slice(2, 12)}`;
  const timer = setInterval(() => source.here(view), ASK_MS);
  const seen = (): void => {
    if (!document.hidden) source.here(view);
  };
  document.addEventListener("visibilitychange", seen, { signal });
  signal.addEventListener("abort", () => {
    clearInterval(timer);
    source.gone(view);
  });
  source.here(view);
}
