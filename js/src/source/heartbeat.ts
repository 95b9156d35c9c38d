/** Heartbeats of open views: a live feed stops once no view sends any, and replies show that Python is alive. */

import { ASK_MS } from "./kernel";
import type { Source } from "./settings";

/** Send a heartbeat now and whenever one is due (hidden tabs: as timers allow), and a goodbye on abort. */
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
