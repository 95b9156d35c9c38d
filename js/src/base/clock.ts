/** Times in words: UTC, or the reader's own time with its distance from UTC beside it. */

import { h, setText } from "./dom";
import { utc } from "./units";

const MINUTE = 60_000;

/** A view's way of telling times. Whatever leaves the page as data stays UTC. */
export class Clock {
  local = false;

  /** Time of a moment: 2026-02-05 13:35. */
  text(ms: number): string {
    return utc(ms + this.#ahead(ms) * MINUTE);
  }

  /** What the time is of: UTC, UTC+1, UTC−3:30. */
  zone(ms: number): string {
    if (!this.local) return "UTC";
    const [, ahead] = new Date(ms).toLocaleString("en", { timeZoneName: "shortOffset" }).split("GMT");
    return `UTC${ahead?.replace("-", "−") || "+0"}`;
  }

  /** Time and zone. */
  stamp(ms: number): string {
    return `${this.text(ms)} ${this.zone(ms)}`;
  }

  /**
   * Text at a tick of the time axis; null: the chart's own, which is UTC.
   *
   * @param day - the tick is the first of a day in UTC, whatever hour that is here
   */
  tick(ms: number, day: boolean): string | null {
    if (!this.local) return null;
    const [date, hour] = this.text(ms).slice(5).split(" ") as [string, string];
    if (hour === "00:00") return date;
    return day ? `${date} ${hour}` : hour;
  }

  /** Minutes that the time told is ahead of UTC. */
  #ahead(ms: number): number {
    return this.local ? -new Date(ms).getTimezoneOffset() : 0;
  }
}

/** The switch between UTC and local time, which says at the end of the axis what its times are. */
export function clockSwitch(clock: Clock, changed: () => void, signal: AbortSignal): HTMLButtonElement {
  const button = h("button", { type: "button", class: "liq-clock" });
  const show = (): void => {
    const zone = clock.zone(Date.now());
    setText(button, zone);
    button.title = `Times are ${zone}: switch to ${clock.local ? "UTC" : "local time"}`;
  };
  button.addEventListener(
    "click",
    () => {
      clock.local = !clock.local;
      show();
      changed();
    },
    { signal },
  );
  show();
  return button;
}
