/** What the user can change, as both sides see it, and what a view needs of the place it came from. */

import { PALETTES, type PaletteName, SCALES, type ScaleName } from "../base/colour";
import type { Marks } from "../frames/marks";
import type { Positions } from "../frames/positions";
import type { Field } from "../model/field";
import type { KernelState } from "./kernel";

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
  /** Draw realised liquidations. */
  bubbles: boolean;
  /** A push of the price that is asked about, a signed fraction of the last close; null: none is. */
  shock: number | null;
  theme: "auto" | "light" | "dark";
  /** Height of the chart in CSS pixels. */
  height: number;
}

/**
 * Settings as they are used, whatever is written where they come from.
 *
 * @param read - the value of a setting, which may be anything
 */
export function readSettings(read: (name: keyof Settings) => unknown): Settings {
  const finite = <T>(name: keyof Settings, otherwise: T): number | T => {
    const value = read(name);
    return typeof value === "number" && Number.isFinite(value) ? value : otherwise;
  };
  const threshold = read("threshold") as [number, number] | undefined;
  const palette = read("palette") as Settings["palette"];
  const scale = read("scale") as Settings["scale"];
  const theme = read("theme");
  return {
    leverageMix: (read("leverageMix") ?? {}) as Record<string, number>,
    decayRate: Math.max(finite("decayRate", 0), 0),
    binSize: finite("binSize", 0),
    palette: PALETTES.includes(palette) ? palette : "plasma",
    scale: SCALES.includes(scale) ? scale : "linear",
    threshold: Array.isArray(threshold) && threshold.length === 2 ? [threshold[0], threshold[1]] : [0, 1],
    opacity: Math.min(Math.max(finite("opacity", 1), 0), 1),
    swept: read("swept") === true,
    bubbles: read("bubbles") !== false,
    shock: finite("shock", null),
    theme: theme === "light" || theme === "dark" ? theme : "auto",
    height: Math.min(Math.max(finite("height", 560), 200), 4000),
  };
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

export type TableName = "grid" | "levels" | "clusters" | "selection";

/** How the live feed is, as Python says it; "off": there is none. */
export interface Live {
  state: "off" | "live" | "delayed" | "disconnected" | "stopped";
  /** When that began, ms since 1970 UTC by the kernel's clock. */
  since: number | null;
  /** When the last update came, likewise. */
  last: number | null;
  message: string;
  /** How often updates are expected, ms. */
  everyMs: number;
  /** When this page saw the last update come, by its own clock; null where it saw none. */
  heard: number | null;
}

export type SourceEvent =
  | "picture"
  | "tail"
  | "settings"
  | "status"
  | "selection"
  | "marks"
  | "positions"
  | "live"
  | "kernel"
  | "visible";

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
  /** Realised liquidations, or null where there are none. */
  readonly marks: Marks | null;
  /** True positions, or null where there are none. */
  readonly positions: Positions | null;
  readonly live: Live;
  /** Whether the kernel answers. */
  readonly kernel: KernelState;
  /** The picture is a saved one: nobody computes finer bins or sends candles. */
  readonly saved?: boolean;
  set(changes: Partial<Settings>): void;
  select(selection: Selection | null): void;
  /** Times to show; null: all of them. Views follow it when it is set elsewhere. */
  readonly visible: Visible | null;
  /** Say what a view shows; null: all there is. */
  show(visible: Visible | null): void;
  /** Say that a view is there, or has gone. */
  /** Have Python make a table as a Parquet file; rejects with words. Not there where no kernel is. */
  ask?(what: TableName, visible: Visible): Promise<Uint8Array>;
  here(view: string): void;
  gone(view: string): void;
  on(event: SourceEvent, callback: () => void, signal: AbortSignal): void;
}
