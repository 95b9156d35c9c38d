/** What lies over the estimate, decoded as it comes: realised liquidations and true positions. */

import { joinMarks, type Marks, marksOf } from "./marks";
import { type Positions, positionsOf } from "./positions";
import { decodeFrame, type Frame, WireError } from "./wire";

/** What an overlay tells of itself. */
export interface OverlayEvents {
  changed(what: "marks" | "positions"): void;
  /** What could not be read has changed; see `problem`. */
  troubled(): void;
  /** Live marks do not belong to those that are here. */
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
  /** Resolves once all that came is taken in. */
  settled: Promise<void> = Promise.resolve();
  readonly #problems = new Map<string, string>();

  constructor(private readonly events: OverlayEvents) {}

  /** Take in a whole `events` frame; anything without bytes: there are none. */
  takeMarks(data: unknown): void {
    this.#next("Realised liquidations", async () => {
      this.marks = isData(data) ? marksOf(await read(data, "events")) : null;
      this.events.changed("marks");
    });
  }

  /** Take in an `events` frame that adds to what is here. */
  addMarks(data: unknown): void {
    this.#next("Live liquidations", async () => {
      const frame = await read(isData(data) ? data : new Uint8Array(), "events");
      if (this.marks === null || frame.meta.base !== this.marks.revision) return this.events.lost();
      this.marks = joinMarks(this.marks, marksOf(frame));
      this.events.changed("marks");
    });
  }

  /** Take in a `positions` frame; anything without bytes: there are none. */
  takePositions(data: unknown): void {
    this.#next("Positions", async () => {
      this.positions = isData(data) ? positionsOf(await read(data, "positions")) : null;
      this.events.changed("positions");
    });
  }

  /** Why something could not be read, in words; what was shown stays. */
  get problem(): string {
    return this.#problems.values().next().value ?? "";
  }

  /** Frames change each other's result: they are taken in one after the other. */
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
