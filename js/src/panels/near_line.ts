/** The line that names the clusters near the last price, and the button for notices of the browser. */

import { button, h, setText } from "../base/dom";
import { usd } from "../base/units";
import type { Cluster } from "../model/clusters";
import type { Near, NearLevel, NearRule } from "../source/near";
import type { Source } from "../source/settings";

/** Least time between two notices of a view, ms; what enters meanwhile is on the line alone. */
const PAUSE_MS = 60_000;

const share = (fraction: number): string => `${(Math.abs(fraction) * 100).toFixed(2)} %`;

/** Clusters named on the line; the rest are counted. */
const MOST = 4;

/** A cluster as text: longs $61.3M, 0.42 % below, that is, below the price. */
export const levelText = ({ side, usd: amount, distance }: Omit<Cluster, "toReach">, currency = ""): string =>
  `${side}s ${usd(amount, currency)}, ${share(distance)} ${distance < 0 ? "below" : "above"}`;

/** What is watched for, as text. */
export const rulesText = (rules: readonly NearRule[], currency = ""): string =>
  rules.map(({ distance, notional }) => `${usd(notional, currency)} or more within ${share(distance)}`).join(", or ");

/** Clusters that entered after a moment of the kernel's clock. */
export const enteredSince = (levels: readonly NearLevel[], moment: number): NearLevel[] =>
  levels.filter(({ entered }) => entered > moment);

/** Latest moment at which one of them entered; 0 without any. */
export const lastEntered = (levels: readonly NearLevel[]): number =>
  levels.reduce((latest, { entered }) => Math.max(latest, entered), 0);

/** Text of a notice. */
export function noticeOf(levels: readonly NearLevel[], symbol: string, currency = ""): { title: string; body: string } {
  return {
    title: `${symbol === "" ? "Price" : `${symbol}: price`} near estimated levels`,
    body: `${levels.map((level) => `${levelText(level, currency)} the price`).join("\n")}\nAn estimate, not a forecast.`,
  };
}

export class NearLine {
  readonly #text = h("span");
  readonly #button = button("notify me", { "aria-pressed": "false" });
  readonly #why = h("span", { class: "liq-dim" });
  /** Only what enters is announced, not every change of a distance. */
  readonly #spoken = h("span", { class: "liq-spoken", role: "status" });
  readonly element = h("div", { class: "liq-near", hidden: true }, this.#text, this.#button, this.#why, this.#spoken);
  #on = false;
  /** Latest entry that was announced, by the kernel's clock. */
  #announced = 0;
  /** When the last notice was given, by the page's clock. */
  #noticed = -Infinity;

  constructor(
    private readonly source: Source,
    signal: AbortSignal,
  ) {
    this.#announced = lastEntered(source.near.levels); // those are no news
    this.#button.addEventListener("click", () => void this.#toggle(), { signal });
    for (const event of ["near", "live", "picture"] as const) source.on(event, () => this.update(), signal);
    this.update();
  }

  update(): void {
    const { near, live } = this.source;
    this.element.hidden = near.rules.length === 0;
    if (near.rules.length === 0) return;
    setText(this.#text, this.#words(near));
    this.#button.hidden = live.state === "off" || live.state === "stopped";
    this.#button.setAttribute("aria-pressed", String(this.#on));
    this.#button.title = `Let the browser tell of estimated clusters of ${rulesText(near.rules, this.#currency)}`;
    const entered = enteredSince(near.levels, this.#announced);
    if (entered.length === 0) return;
    this.#announced = lastEntered(near.levels);
    setText(
      this.#spoken,
      `Estimated clusters near the price: ${entered.map((level) => levelText(level, this.#currency)).join("; ")}`,
    );
    if (this.#on && !this.#button.hidden) this.#notify(entered);
  }

  get #currency(): string {
    return this.source.field?.bars.about.currency ?? "";
  }

  #words({ levels, rules }: Near): string {
    const texts = levels.slice(0, MOST).map((level) => levelText(level, this.#currency));
    const more = levels.length > MOST ? ` · and ${levels.length - MOST} more` : "";
    return levels.length > 0
      ? `Estimated clusters near the price: ${texts.join(" · ")}${more}`
      : `No estimated cluster of ${rulesText(rules, this.#currency)} of the price`;
  }

  /** Switch notices on, if the reader allows them, or off. */
  async #toggle(): Promise<void> {
    let why = "";
    if (this.#on) this.#on = false;
    else if (!("Notification" in globalThis)) why = "this browser gives notices on https and localhost pages only";
    else {
      this.#on = (await Notification.requestPermission()) === "granted";
      if (!this.#on) why = "the browser does not allow notices here; its settings for this page can change that";
    }
    setText(this.#why, why);
    this.update();
  }

  #notify(levels: NearLevel[]): void {
    const now = Date.now();
    if (now - this.#noticed < PAUSE_MS) return;
    this.#noticed = now;
    const { title, body } = noticeOf(levels, this.source.field?.bars.about.symbol ?? "", this.#currency);
    try {
      // Other views of the same market give the same tag, and so the same notice.
      const notice = new Notification(title, { body, tag: `liqwidget ${title} ${lastEntered(levels)}` });
      notice.onclick = () => window.focus();
    } catch {
      this.#on = false; // browsers of phones
      setText(this.#why, "this browser gives notices to installed pages only");
      this.#button.setAttribute("aria-pressed", "false");
    }
  }
}
