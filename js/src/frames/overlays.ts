/** Overlays on the estimate, decoded as they arrive: realised liquidations and true positions. */

import type { Grid } from "../base/grid";
import { joinMarks, type Marks, marksOf, marksUntil } from "./marks";
import { type Positions, positionsIn, positionsOf } from "./positions";
import { decodeFrame, type Frame, WireError } from "./wire";

/** Callbacks of an overlay. */
export interface OverlayEvents {
  changed(what: "marks" | "positions"): void;
  /** `problem` has changed. */
  troubled(): void;
  /** A frame of live marks does not continue the current marks: some were lost. */
  lost(): void;
}

type Data = DataView | Uint8Array;

const isData = (value: unknown): value is Data =>
  (value instanceof DataView || value instanceof Uint8Array) && value.byteLength > 0;

async function read(data: Data, kind: Frame["kind"]): Promise<Frame> {
  const frame = await decodeFrame(data);
  if (frame.kind !== kind) throw new WireError(`kind: wanted ${kind}; found ${frame.kind}`);
  return frame;
}

export class Overlay {
  marks: Marks | null = null;
  positions: Positions | null = null;
  /** Resolves once all received frames are processed. */
  settled: Promise<void> = Promise.resolve();
  /** The marks of a replay, cached so that views can compare by identity. */
  #cut: { of: Marks; ms: number; shown: Marks } | null = null;
  /** Positions in the bins of a grid, cached likewise. */
  #summed: { of: Positions; grid: Grid; shown: Positions } | null = null;
  readonly #problems = new Map<string, string>();

  constructor(private readonly events: OverlayEvents) {}

  /** The marks that were complete at the time of a replay; null: all. */
  marksUntil(ms: number | null): Marks | null {
    const { marks } = this;
    if (marks === null || ms === null) return marks;
    if (this.#cut?.of !== marks || this.#cut.ms !== ms) this.#cut = { of: marks, ms, shown: marksUntil(marks, ms) };
    return this.#cut.shown;
  }

  /** The positions in the bins of a grid; without one as they came. A replay has none that became known later. */
  positionsIn(grid: Grid | undefined, asOf: number | null): Positions | null {
    const of = this.positions;
    if (of === null || !(asOf === null || of.time! <= asOf)) return null;
    if (grid === undefined) return of;
    if (this.#summed?.of !== of || this.#summed.grid !== grid)
      this.#summed = { of, grid, shown: positionsIn(of, grid) };
    return this.#summed.shown;
  }

  /** Replace all marks by an `events` frame; anything without bytes removes them. */
  takeMarks(data: unknown): void {
    this.#next("Realised liquidations", async () => {
      this.marks = isData(data) ? marksOf(await read(data, "events")) : null;
      this.events.changed("marks");
    });
  }

  /** Append the marks of an `events` frame. */
  addMarks(data: unknown): void {
    this.#next("Live liquidations", async () => {
      const frame = await read(isData(data) ? data : new Uint8Array(), "events");
      if (this.marks === null || frame.meta.base !== this.marks.revision) return this.events.lost();
      this.marks = joinMarks(this.marks, marksOf(frame));
      this.events.changed("marks");
    });
  }

  /** Replace the positions by a `positions` frame; anything without bytes removes them. */
  takePositions(data: unknown): void {
    this.#next("Positions", async () => {
      this.positions = isData(data) ? positionsOf(await read(data, "positions")) : null;
      this.events.changed("positions");
    });
  }

  /** Error message if a frame could not be read, else ""; the previous overlay stays. */
  get problem(): string {
    return this.#problems.values().next().value ?? "";
  }

  /** Frames depend on each other's result, so they are processed in order. */
  #next(what: string, step: () => Promise<void>): void {
    this.settled = this.settled
      .then(step)
      .then(() => "")
      .catch((error: unknown) => `${what} could not be read; the last good ones stay. ${(error as Error).message}`)
      .then((problem) => {
        if (problem === (this.#problems.get(what) ?? "")) return;
        if (problem === "") this.#problems.delete(what);
        else this.#problems.set(what, problem);
        this.events.troubled();
      });
  }
}
