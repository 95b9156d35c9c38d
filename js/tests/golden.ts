/** The frames that tests/fixtures/wire/make.py wrote. */

import { readdirSync, readFileSync } from "node:fs";

const FOLDER = new URL("../../tests/fixtures/wire/", import.meta.url);
const json = (name: string) => JSON.parse(readFileSync(new URL(name, FOLDER), "utf8"));

export interface GoldenDensity {
  weights: number[];
  decay_rate: number;
  /** float32 values, cell (t, row) at `t * rows + row`. */
  values: number[];
}

export interface GoldenFrame {
  kind: string;
  meta: Record<string, unknown>;
  sections: Record<string, { dtype: string; shape: number[]; sum: number; ends: (number | null)[] }>;
}

export interface GoldenCoarser {
  factor: number;
  first: number;
  rows: number;
  densities: GoldenDensity[];
}

export interface GoldenClusters {
  at: number;
  close: number;
  /** As lists: side, price_low, price_high, peak_price, notional, distance, to_reach. */
  rows: [string, number, number, number, number, number, number][];
}

/** Bins of a market at some columns, and the amount below the close at each. */
export interface GoldenBins {
  factor: number;
  first: number;
  columns: number[];
  /** float32 in base64, bin b of column c at `c * bins + b`. */
  values: string;
  long: number[];
  /** One list per column of one list per cluster. */
  clusters: GoldenClusters["rows"][];
}

export interface GoldenPlane {
  weights: number[];
  decay_rate: number;
  turnover: number;
  scale: number;
  bins: GoldenBins[];
}

/** A market as the browser replays it; frames in base64. */
export interface GoldenMarket {
  bars: string;
  model: string;
  /** The market before its last candles, and the frame that adds them. */
  bars_before?: string;
  tail?: string;
  /** Decay rate, turnover, scale. */
  turnovers: [number, number, number][];
  planes: GoldenPlane[];
}

export const markets: Record<string, GoldenMarket> = json("engine.json");
export const unpacked = (base64: string): Uint8Array<ArrayBuffer> => Uint8Array.from(Buffer.from(base64, "base64"));

export const expected: {
  clusters: Record<string, GoldenClusters[]>;
  coarser: Record<string, GoldenCoarser>;
  frames: Record<string, GoldenFrame>;
  densities: Record<string, GoldenDensity[]>;
} = json("expected.json");
/** As Python formats them: amounts of USD; share, auto, known and decay rate of a turnover, and its caption. */
export const words: { usd: [number, string][]; captions: [number, boolean, boolean, number, string][] } =
  json("words.json");
export const badWords: Record<string, string> = json("bad.json");

/** Bytes of a frame, such as "ledger" or "bad/magic", in a buffer of its own. */
export const bytesOf = (name: string): Uint8Array => Uint8Array.from(readFileSync(new URL(`${name}.bin`, FOLDER)));

export const badNames = readdirSync(new URL("bad/", FOLDER)).map((file) => file.replace(".bin", ""));
