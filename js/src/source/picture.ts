/** Makes a field from a picture's frames: candles with a model, or a window of a history with a ledger. */

import { type Bars, barsOf, ledgerOf } from "../frames/bars_and_ledger";
import { modelOf } from "../frames/model";
import { decodeFrame, type Frame, WireError } from "../frames/wire";
import { CandleField } from "../model/candle_field";
import type { Field, Tune } from "../model/field";
import { LedgerField } from "../model/ledger_field";

type Data = DataView | Uint8Array;

/** More cells would exhaust the page's memory; Python sends at most half as many. */
const MAX_CELLS = 16_000_000;

const hasBytes = (data: Data | undefined): data is Data => data !== undefined && data.byteLength > 0;

async function read(data: Data | undefined, kind: Frame["kind"]): Promise<Frame> {
  const frame = await decodeFrame(data ?? new Uint8Array());
  if (frame.kind !== kind) throw new WireError(`kind: wanted ${kind}; found ${frame.kind}`);
  return frame;
}

/**
 * Decode the frames of a picture and make its field; null if they do not belong together, as a newer one will follow.
 *
 * @param frames - `bars`, and either `model` or `ledger`
 * @param known - the decoded bars, if that frame has not changed
 */
export async function readPicture(
  frames: { bars?: Data; model?: Data; ledger?: Data },
  tune: Tune,
  known: Bars | null = null,
): Promise<Field | null> {
  const replayed = hasBytes(frames.model);
  const [bars, rest] = await Promise.all([
    known ?? read(frames.bars, "bars").then(barsOf),
    replayed ? read(frames.model, "model") : read(frames.ledger, "ledger"),
  ]);
  if (rest.meta.bars !== bars.revision) return null;
  if (replayed) return new CandleField(bars, modelOf(rest), tune);
  const ledger = ledgerOf(rest);
  if (ledger.columns !== bars.time.length) {
    throw new WireError(`ledger: wanted ${bars.time.length} columns as in bars; found ${ledger.columns}`);
  }
  if (ledger.columns * ledger.rows > MAX_CELLS) {
    throw new WireError(`ledger: wanted at most ${MAX_CELLS} cells; found ${ledger.columns} x ${ledger.rows}`);
  }
  return new LedgerField(bars, ledger, tune.leverageMix, tune.decayRate);
}
