/** The switches at the ends of the axes: logarithmic prices, and UTC or local time. */

import { type Clock, clockSwitch } from "../base/clock";
import { button } from "../base/dom";
import type { Chart } from "../chart/chart";
import type { Source } from "../source/settings";

export class AxisSwitches {
  readonly #log = button("log", { class: "liq-log", title: "Logarithmic price axis", "aria-label": "log price axis" });
  readonly #zone: HTMLElement;
  readonly elements: HTMLElement[];

  /** @param retimed - called when the clock's zone has changed */
  constructor(
    private readonly source: Source,
    clock: Clock,
    retimed: () => void,
    signal: AbortSignal,
  ) {
    this.#zone = clockSwitch(clock, retimed, signal);
    this.elements = [this.#log, this.#zone];
    const isLog = (): boolean => source.settings.priceAxis === "log";
    const show = (): void => this.#log.setAttribute("aria-pressed", String(isLog()));
    this.#log.addEventListener("click", () => source.set({ priceAxis: isLog() ? "linear" : "log" }), { signal });
    source.on("settings", show, signal);
    show();
  }

  /** Place them at the lower end of the price axis and at the right end of the time axis. */
  place({ api, axis }: Chart): void {
    const { height } = this.source.settings;
    const put = ({ style }: HTMLElement, bottom: number, size: number): void => {
      style.top = `${bottom - size}px`;
      style.height = `${size}px`;
      style.width = `${api.priceScale("right").width()}px`;
    };
    const foot = this.#log.closest(".liq-narrow") === null ? 24 : 40;
    axis.leaveRoom(foot);
    put(this.#log, api.paneSize(0).height, foot);
    put(this.#zone, height, api.timeScale().height());
  }
}
