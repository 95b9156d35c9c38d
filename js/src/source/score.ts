/** How the estimate compares with realised liquidations, as Python reports it. */

export interface Shown {
  state: "shown";
  /** Days that were scored, and their end, ms since 1970 UTC. */
  days: number;
  until: number;
  /** Correlation of ranks of estimated and realised USD over the intervals; of range x volume and realised USD. */
  rank: number;
  rangeRank: number | null;
  /** Share of squared error that the estimate removes beyond move and volume; null: not known. */
  gain: number | null;
  /** Share of the USD estimated in the brightest intervals that was not realised; null: not known. */
  falseAlarm: number | null;
  /** Whether the estimate is better than range x volume; null: not clear. */
  better: boolean | null;
  /** Whether any liquidation has a price. */
  priced: boolean;
  /** Settings have changed since. */
  stale: boolean;
}

/** "none": nothing is scored here, as in the window of a history. */
export type Score = Shown | { state: "hidden"; reason: string } | { state: "pending" } | { state: "none" };

export const NO_SCORE: Score = { state: "none" };

/** A score from a raw value, which may be anything; what is not usable is none. */
export function readScore(value: unknown): Score {
  if (typeof value !== "object" || value === null) return NO_SCORE;
  const raw = value as Record<string, unknown>;
  const { state, reason, days, until, rank } = raw;
  if (state === "pending") return { state };
  if (state === "hidden") return { state, reason: typeof reason === "string" ? reason.slice(0, 300) : "" };
  if (state !== "shown" || !isNumber(days) || !isTime(until) || !isNumber(rank)) return NO_SCORE;
  const known = (name: string): number | null => (isNumber(raw[name]) ? raw[name] : null);
  return {
    state,
    days,
    until,
    rank,
    rangeRank: known("range_rank"),
    gain: known("gain"),
    falseAlarm: known("false_alarm"),
    better: typeof raw.better === "boolean" ? raw.better : null,
    priced: raw.priced === true,
    stale: raw.stale === true,
  };
}

const isNumber = (value: unknown): value is number => typeof value === "number" && Number.isFinite(value);

/** A time that Date can hold. */
const isTime = (value: unknown): value is number => isNumber(value) && Math.abs(value) <= 8.64e15;
