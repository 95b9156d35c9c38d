/** The line that says how the estimate compared with realised liquidations, and what its numbers mean. */

import { h, setText } from "../base/dom";
import { duration, utc } from "../base/units";
import { isAlone } from "../source/kernel";
import type { Score } from "../source/score";
import type { Source } from "../source/settings";

const RANGE = "range x volume";

const MEANING = [
  "Given where price went in each interval, how much was liquidated on each side? That is what is compared; it says nothing about where price goes next.",
  "Rank: 1 orders the intervals as realised liquidations do, 0 is chance. Range x volume is the same for a rule that knows no leverage: how far price moved against a side, times volume.",
  "Gain: the share of the squared error beyond move and volume that the estimate removes; it needs 40 intervals that moved 0.3 %.",
  "False alarms: the share of the USD estimated in the brightest tenth of the intervals that was not realised.",
  "An automatic decay rate is that of the days before. Settings chosen by looking at these days score too well on them. In Python, lw.validate(hm.market) says more.",
];

/** A score as text; "" if there is none. */
export function scoreText(score: Score, saved: boolean): string {
  if (score.state === "none") return "";
  if (score.state === "hidden") return `Not scored: ${score.reason}`;
  if (score.state === "pending") return "Comparing the estimate with realised liquidations …";
  const { days, until, rank, rangeRank, gain, falseAlarm, better, priced, stale } = score;
  const parts = [`rank ${rank.toFixed(2)}${rangeRank === null ? "" : ` (${RANGE} ${rangeRank.toFixed(2)})`}`];
  if (gain !== null) parts.push(`gain ${gain.toFixed(2)} over ${RANGE}`);
  const alarms = falseAlarm === null ? "" : `; false alarms ${Math.round(falseAlarm * 100)} %`;
  const notes = [`Estimate against realised, last ${duration(days * 24)}: ${parts.join(", ")}${alarms}`];
  if (better !== true) notes.push(`not ${better === null ? "clearly " : ""}better than ${RANGE}`);
  if (!priced) notes.push("by time alone, no prices are known");
  if (saved) notes.push(`at ${utc(until)} UTC, with the settings saved`);
  else if (stale) notes.push("with other settings; being computed anew");
  return notes.join(" · ");
}

export class ScoreLine {
  readonly #text = h("summary");
  readonly element = h(
    "details",
    { class: "liq-score", hidden: true },
    this.#text,
    ...MEANING.map((sentence) => h("p", {}, sentence)),
  );

  constructor(
    private readonly source: Source,
    signal: AbortSignal,
  ) {
    for (const event of ["score", "settings", "kernel"] as const) source.on(event, () => this.update(), signal);
    this.update();
  }

  update(): void {
    const { score, saved, settings, kernel } = this.source;
    const comes = settings.asOf === null && !(score.state === "pending" && isAlone(kernel)); // it is of the last days
    const text = comes ? scoreText(score, saved === true) : "";
    setText(this.#text, text);
    this.element.hidden = text === "";
    this.element.classList.toggle("liq-loud", score.state === "shown" && score.better === false);
  }
}
