/** The settings that Python and the browser share, and the interface of a view's data source. */

import { type ContrastName, PALETTES, type PaletteName, SCALES, type ScaleName } from "../base/colour";
import type { PriceAxisName } from "../base/row_map";
import type { Marks } from "../frames/marks";
import type { Turnover } from "../frames/model";
import type { Positions } from "../frames/positions";
import { MAX_TIME } from "../frames/wire";
import type { Field } from "../model/field";
import { LAYERS, type Layer } from "../model/realised_cells";
import type { KernelState } from "./kernel";
import type { Near } from "./near";
import type { Score } from "./score";

export interface Settings {
  /** Tier -> weight, any scale; only the shares count. */
  leverageMix: Record<string, number>;
  /** Per hour, continuous. */
  decayRate: number;
  /** The decay rate follows the one implied by open interest. */
  decayAuto: boolean;
  /** USD, in use. */
  binSize: number;
  /** The view chooses the bin size. */
  binAuto: boolean;
  /** The size that a view chose, USD; in use while `binAuto` is set. */
  autoBin: number | null;
  /** Share of volume that opens positions, or "auto"; null: the value the picture was made with. */
  turnover: Turnover | null;
  /** Venues of a combined market that are shown; empty for a market of one venue. */
  venues: readonly string[];
  palette: PaletteName;
  scale: ScaleName;
  contrast: ContrastName;
  priceAxis: PriceAxisName;
  /** Handles of the colour bar, shares of the brightest cell (of those that `contrast` names). */
  threshold: [number, number];
  opacity: number;
  /** Mark rows in which a candle swept standing levels. */
  swept: boolean;
  /** What the heat shows. */
  layer: Layer;
  /** Draw realised liquidations as bubbles over the estimate. */
  bubbles: boolean;
  /** Price shock of the what-if, a signed fraction of the last close; null: off. */
  shock: number | null;
  /** Time of a replay, ms since 1970 UTC: nothing later is shown; null: now. */
  asOf: number | null;
  theme: "auto" | "light" | "dark";
  /** Height of the chart in CSS pixels. */
  height: number;
}

/** Settings with the bin size that is in use. */
export const inUse = (settings: Settings): Settings =>
  settings.binAuto && settings.autoBin !== null ? { ...settings, binSize: settings.autoBin } : settings;

/**
 * Validated settings; invalid values are replaced by defaults.
 *
 * @param read - returns the raw value of a setting, which may be anything
 */
export function readSettings(read: (name: keyof Settings) => unknown): Settings {
  const finite = <T>(name: keyof Settings, otherwise: T): number | T => {
    const value = read(name);
    return typeof value === "number" && Number.isFinite(value) ? value : otherwise;
  };
  const threshold = read("threshold") as [number, number] | undefined;
  const palette = read("palette") as Settings["palette"];
  const scale = read("scale") as Settings["scale"];
  const layer = read("layer") as Layer;
  const theme = read("theme");
  const turnover = read("turnover");
  return inUse({
    leverageMix: (read("leverageMix") ?? {}) as Record<string, number>,
    decayRate: Math.max(finite("decayRate", 0), 0),
    decayAuto: read("decayAuto") === true,
    binSize: finite("binSize", 0),
    binAuto: read("binAuto") === true,
    autoBin: finite("autoBin", null),
    turnover: turnover === "auto" || (typeof turnover === "number" && turnover > 0 && turnover <= 1) ? turnover : null,
    venues: Array.isArray(read("venues")) ? (read("venues") as string[]) : [],
    palette: PALETTES.includes(palette) ? palette : "plasma",
    scale: SCALES.includes(scale) ? scale : "linear",
    contrast: read("contrast") === "whole" ? "whole" : "view",
    priceAxis: read("priceAxis") === "log" ? "log" : "linear",
    threshold: Array.isArray(threshold) && threshold.length === 2 ? [threshold[0], threshold[1]] : [0, 1],
    opacity: Math.min(Math.max(finite("opacity", 1), 0), 1),
    swept: read("swept") === true,
    layer: LAYERS.includes(layer) ? layer : "estimate",
    bubbles: read("bubbles") !== false,
    shock: finite("shock", null),
    asOf: Math.abs(finite("asOf", null) ?? Infinity) <= MAX_TIME ? finite("asOf", null) : null,
    theme: theme === "light" || theme === "dark" ? theme : "auto",
    height: Math.min(Math.max(finite("height", 560), 200), 4000),
  });
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

/** Names of ranges up to the last candle. */
export type Range = "24h" | "3d" | "1w" | "1m";

/** What is in view. */
export interface Visible {
  /** ms since 1970 UTC. */
  time_from: number;
  time_to: number;
  /** USD; absent while the price axis is automatic. */
  price_low?: number;
  price_high?: number;
  /** The range that the view follows as candles are added. */
  range?: Range;
}

export type TableName = "grid" | "levels" | "clusters" | "selection" | "cells";

/** Status of the live feed, reported by Python; "off": there is no feed. */
export interface Live {
  state: "off" | "live" | "delayed" | "disconnected" | "stopped";
  /** When that state began, ms since 1970 UTC by the kernel's clock. */
  since: number | null;
  /** When the last update arrived, by the same clock. */
  last: number | null;
  message: string;
  /** Expected interval of updates, ms. */
  everyMs: number;
  /** When the last update reached this page, by the page's clock; null if none did. */
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
  | "near"
  | "score"
  | "kernel"
  | "visible";

/** Supplies a view's picture and stores its settings: a Jupyter model or a saved page. */
export interface Source {
  /** The picture; null until there is one. */
  readonly field: Field | null;
  readonly settings: Settings;
  /** First column that the last "tail" event changed. */
  readonly tailFrom: number;
  readonly status: Status;
  readonly selection: Selection | null;
  readonly presets: Record<string, Record<string, number>>;
  /** Available bin sizes, USD, ascending. */
  readonly binSizes: number[];
  /** Realised liquidations; null if there are none. */
  readonly marks: Marks | null;
  /** True positions; null if there are none. */
  readonly positions: Positions | null;
  readonly live: Live;
  /** Clusters near the last price that Python watches for. */
  readonly near: Near;
  /** How the estimate compares with realised liquidations; of a saved page, when it was saved. */
  readonly score: Score;
  /** Name shared by the heatmaps whose crosshairs are linked; "": not linked. */
  readonly linked: string;
  /** Id of the static pictures that a notebook shows while no view lives; "": none. */
  readonly pictureId: string;
  /** Whether the kernel responds. */
  readonly kernel: KernelState;
  /** Whether this is a saved page, without a kernel. */
  readonly saved?: boolean;
  set(changes: Partial<Settings>): void;
  select(selection: Selection | null): void;
  /** What to show; null: all. Views follow changes made elsewhere. */
  readonly visible: Visible | null;
  /** Report what a view shows; null: all. */
  show(visible: Visible | null): void;
  /** Ask Python for a table as a Parquet file; rejects with a message for the user. Absent without a kernel. */
  ask?(what: TableName, visible: Visible): Promise<Uint8Array>;
  /** Report that a view is open, or has been closed. */
  here(view: string): void;
  gone(view: string): void;
  on(event: SourceEvent, callback: () => void, signal: AbortSignal): void;
}
