/** Times as text: in UTC, or in the reader's time zone with its UTC offset. */

import { button, setText } from "./dom";
import { utc } from "./units";

const MINUTE = 60_000;

/** The time zone in which a view shows times. Exported data is always UTC. */
export class Clock {
  local = false;

  /** A time as text, without its zone: 2026-02-05 13:35. */
  text(ms: number): string {
    return utc(ms + this.#ahead(ms) * MINUTE);
  }

  /** The zone's name at a time: UTC, UTC+1, UTC−3:30. */
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
   * Label of a tick on the time axis; null for the chart's default label, which is UTC.
   *
   * @param type - kind of tick in UTC, as the chart counts them: year, month, day, time, time with seconds
   */
  tick(ms: number, type: number): string | null {
    if (!this.local && type !== 2) return null;
    // The chart itself would give a day's number alone.
    const date = new Date(ms + this.#ahead(ms) * MINUTE).toUTCString().slice(5, 11).replace(/^0/, "");
    if (!this.local) return date;
    const hour = this.text(ms).slice(11);
    if (hour === "00:00") return date;
    return type < 3 ? `${date} ${hour}` : hour;
  }

  /** Minutes by which the displayed time is ahead of UTC. */
  #ahead(ms: number): number {
    return this.local ? -new Date(ms).getTimezoneOffset() : 0;
  }
}

/** The switch between UTC and local time; it stands at the end of the time axis and names the axis's zone. */
export function clockSwitch(clock: Clock, changed: () => void, signal: AbortSignal): HTMLButtonElement {
  const element = button("", { class: "liq-clock" });
  const show = (): void => {
    const zone = clock.zone(Date.now());
    setText(element, zone);
    element.title = `Times are ${zone}: switch to ${clock.local ? "UTC" : "local time"}`;
  };
  element.addEventListener(
    "click",
    () => {
      clock.local = !clock.local;
      show();
      changed();
    },
    { signal },
  );
  show();
  return element;
}
