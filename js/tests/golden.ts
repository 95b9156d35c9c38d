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

export const expected: {
  clusters: Record<string, GoldenClusters[]>;
  coarser: Record<string, GoldenCoarser>;
  frames: Record<string, GoldenFrame>;
  densities: Record<string, GoldenDensity[]>;
} = json("expected.json");
export const badWords: Record<string, string> = json("bad.json");

/** Bytes of a frame, such as "ledger" or "bad/magic", in a buffer of their own. */
export const bytesOf = (name: string): Uint8Array => Uint8Array.from(readFileSync(new URL(`${name}.bin`, FOLDER)));

export const badNames = readdirSync(new URL("bad/", FOLDER)).map((file) => file.replace(".bin", ""));
