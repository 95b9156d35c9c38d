/** What the user can change, as both sides see it, and what a view needs of the place it came from. */

import type { PaletteName, ScaleName } from "./colour";
import type { Field } from "./field";

export interface Settings {
  /** Tier -> weight, any scale; only the shares count. */
  leverageMix: Record<string, number>;
  /** Per hour, continuous. */
  decayRate: number;
  /** USD. */
  binSize: number;
  palette: PaletteName;
  scale: ScaleName;
  /** Handles of the colour bar, shares of the brightest cell. */
  threshold: [number, number];
  opacity: number;
  /** Mark rows where a candle swept what stood there. */
  swept: boolean;
  theme: "auto" | "light" | "dark";
  /** Height of the chart in CSS pixels. */
  height: number;
}

export interface Status {
  state: "idle" | "loading" | "error";
  message: string;
}

/** A box on the chart: times in ms since 1970 UTC, prices in USD. */
export interface Selection {
  time_from: number;
  time_to: number;
  price_low: number;
  price_high: number;
}

/** The times in view, ms since 1970 UTC. */
export interface Visible {
  time_from: number;
  time_to: number;
}

export type SourceEvent = "picture" | "tail" | "settings" | "status" | "selection";

/** Where a view gets its picture from and puts its settings: a Jupyter model, or anything else. */
export interface Source {
  /** The picture, or null until the first one is there. */
  readonly field: Field | null;
  readonly settings: Settings;
  /** First column that the last "tail" event changed. */
  readonly tailFrom: number;
  readonly status: Status;
  readonly selection: Selection | null;
  readonly presets: Record<string, Record<string, number>>;
  /** Bin sizes on offer, USD, ascending. */
  readonly binSizes: number[];
  /** Bin size asked for and not answered yet. */
  readonly pendingBin: number | null;
  set(changes: Partial<Settings>): void;
  select(selection: Selection | null): void;
  show(visible: Visible): void;
  on(event: SourceEvent, callback: () => void, signal: AbortSignal): void;
}
