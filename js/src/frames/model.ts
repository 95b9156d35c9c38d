/** The model's parameters from Python: how candles become levels, and the rows that store them. */

import type { Grid } from "../base/grid";
import type { Frame } from "./wire";

/** Share of volume that opens positions, in (0, 1], or "auto": follows the decay rate. */
export type Turnover = "auto" | number;

/** Settings of the replay that depend on neither mix nor decay. */
export interface Model {
  revision: number;
  /** Revision of the candles that this model belongs to. */
  barsRevision: number;
  /** The rows that store levels; `binSize` is the row size. */
  rows: Grid;
  leverage: number[];
  /** Number of the kind of contract of each venue; null: all are of one kind. */
  contracts: number[] | null;
  /** Liquidation price over entry price, one per tier, one kind of contract after the other. */
  kLong: number[];
  kShort: number[];
  turnover: Turnover;
  /** Share of each tier's notional whose levels lie outside the rows. */
  beyond: number[];
  /** Settings that the widget was made with, keyed by their Python names. */
  settings: Record<string, unknown>;
}

/** Build a model from a checked `model` frame. */
export function modelOf({ meta }: Frame): Model {
  return {
    revision: meta.revision as number,
    barsRevision: meta.bars as number,
    rows: { binSize: meta.row_size as number, first: meta.first as number, rows: meta.rows as number },
    leverage: meta.leverage as number[],
    contracts: (meta.contracts as number[] | undefined) ?? null,
    kLong: meta.k_long as number[],
    kShort: meta.k_short as number[],
    turnover: meta.turnover as Turnover,
    beyond: meta.beyond as number[],
    settings: (meta.settings ?? {}) as Record<string, unknown>,
  };
}
