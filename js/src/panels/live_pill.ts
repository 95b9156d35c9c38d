/** The pill in the header: status of the live feed, by the page's clock. */

import { Clock } from "../base/clock";
import { h, setText } from "../base/dom";
import { duration } from "../base/units";
import type { Live } from "../source/settings";

/** Number of missed updates after which the feed counts as delayed. */
const PATIENCE = 3;
const HOUR = 3_600_000;

/** Contents of the pill. */
export interface PillFacts {
  state: Live["state"];
  text: string;
  /** Text for screen readers: changes with the state, not every second. */
  spoken: string;
}

/** Contents at a time of the page's clock; a feed without updates for too long is shown as delayed. */
export function pillOf(live: Live, now: number, clock = new Clock()): PillFacts {
  // The kernel's clock may differ from the page's: prefer the page's own time of the last update.
  const at = live.heard ?? live.last;
  const age = at === null ? null : Math.max(now - at, 0);
  const late = age !== null && age > PATIENCE * live.everyMs;
  const state = live.state === "live" && late ? "delayed" : live.state;
  const ago = age === null ? "" : duration(Math.floor(age / 1000) / 3600);
  const since = live.since === null ? "" : ` since ${shortly(clock.stamp(live.since), now - live.since)}`;
  const why = live.message === "" ? "" : `: ${live.message}`;
  if (state === "off") return { state, text: "", spoken: "" };
  if (state === "live") {
    const when = age === null ? "" : ` · ${age < 1000 ? "now" : `${ago} ago`}`;
    return { state, text: `live${when}${why}`, spoken: `live${why}` };
  }
  if (state === "delayed") return { state, text: `delayed ${ago}`.trim() + why, spoken: `delayed${why}` };
  if (state === "disconnected") return { state, text: `disconnected${since}${why}`, spoken: `disconnected${why}` };
  return { state, text: `stopped${why === "" ? since : why}`, spoken: `stopped${why}` };
}

/** Time of day, with the date unless it is recent. */
const shortly = (stamp: string, ago: number): string => stamp.slice(Math.abs(ago) < 20 * HOUR ? 11 : 5);

export class Pill {
  readonly #text = h("span", { "aria-hidden": "true" });
  #timer: ReturnType<typeof setInterval> | undefined;
  /** Only a change of state is announced, not every second. */
  readonly #spoken = h("span", { class: "liq-spoken", role: "status" });
  readonly element = h(
    "div",
    { class: "liq-pill", hidden: true },
    h("span", { class: "liq-dot", "aria-hidden": "true" }),
    this.#text,
    this.#spoken,
  );

  /**
   * @param live - returns the feed's status; called at every update
   */
  constructor(
    private readonly live: () => Live,
    private readonly clock: Clock,
    signal: AbortSignal,
  ) {
    document.addEventListener("visibilitychange", () => this.update(), { signal });
    signal.addEventListener("abort", () => clearInterval(this.#timer));
    this.update();
  }

  update(): void {
    const { state, text, spoken } = pillOf(this.live(), Date.now(), this.clock);
    this.element.hidden = state === "off";
    // Count seconds only while there is a feed.
    if (state === "off") this.#timer = void clearInterval(this.#timer);
    else this.#timer ??= setInterval(() => document.hidden || this.update(), 1000);
    this.element.dataset.state = state;
    setText(this.#text, text);
    setText(this.#spoken, spoken);
  }
}
