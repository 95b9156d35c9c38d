/** The pill in the header: whether a live feed runs, told by the page's own clock. */

import { Clock } from "../base/clock";
import { h, setText } from "../base/dom";
import { duration } from "../base/units";
import type { Live } from "../source/settings";

/** Updates that may be missing before the feed is called delayed. */
const PATIENCE = 3;
const HOUR = 3_600_000;

/** What the pill says. */
export interface PillFacts {
  state: Live["state"];
  text: string;
  /** What is announced: it changes with the state, not with the seconds. */
  spoken: string;
}

/** Read the feed at a moment of the page's clock; a kernel that is silent for too long is delayed, whatever it said. */
export function pillOf(live: Live, now: number, clock = new Clock()): PillFacts {
  // The kernel's clock may be another one: what was seen to come here is dated by this page's.
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

/** Time of day, with the date where that is another day. */
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
   * @param live - asked at every look
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
    // Seconds are counted where there are some.
    if (state === "off") this.#timer = void clearInterval(this.#timer);
    else this.#timer ??= setInterval(() => document.hidden || this.update(), 1000);
    this.element.dataset.state = state;
    setText(this.#text, text);
    setText(this.#spoken, spoken);
  }
}
