/** Clusters near the last price, as Python reports them. */

import type { Cluster } from "../model/clusters";

/** A cluster that came near; its distance and USD are Python's. */
export interface NearLevel extends Omit<Cluster, "toReach"> {
  /** When it came near, ms since 1970 UTC by the kernel's clock. */
  entered: number;
}

/** What counts as near: a fraction of the close at most, USD at least. */
export interface NearRule {
  distance: number;
  notional: number;
}

export interface Near {
  /** The nearest first. */
  levels: NearLevel[];
  rules: NearRule[];
}

export const NOTHING_NEAR: Near = { levels: [], rules: [] };

const NUMBERS = {
  low: "price_low",
  high: "price_high",
  peak: "peak_price",
  usd: "notional",
  entered: "entered",
} as const;

/** Near clusters and rules from raw values, which may be anything; what is not usable is omitted. */
export function readNear(levels: unknown, rules: unknown): Near {
  return { levels: each(levels, levelOf), rules: each(rules, ruleOf) };
}

function each<T>(value: unknown, read: (item: Record<string, unknown>) => T | null): T[] {
  const items = Array.isArray(value) ? value : [];
  return items.flatMap((item) => (typeof item === "object" && item !== null ? (read(item) ?? []) : []));
}

const finite = (value: unknown): value is number => typeof value === "number" && Number.isFinite(value);

function levelOf(item: Record<string, unknown>): NearLevel | null {
  const { side, distance } = item;
  if ((side !== "long" && side !== "short") || !finite(distance)) return null;
  const numbers = Object.entries(NUMBERS).map(([name, raw]) => [name, item[raw]] as const);
  if (!numbers.every(([, value]) => finite(value) && value >= 0)) return null;
  return { side, distance, ...(Object.fromEntries(numbers) as Record<keyof typeof NUMBERS, number>) };
}

function ruleOf({ distance, notional }: Record<string, unknown>): NearRule | null {
  return finite(distance) && finite(notional) ? { distance, notional } : null;
}
