/** The Jupyter model as a Source. The only file that spells trait names. */

import { type Bars, barsOf, type Ledger, ledgerOf, spliceBars, spliceLedger } from "../frames/bars_and_ledger";
import type { Marks } from "../frames/marks";
import { Overlay } from "../frames/overlays";
import type { Positions } from "../frames/positions";
import { decodeFrame, WireError } from "../frames/wire";
import { Field } from "../model/field";
import { Asking, NO_ANSWER } from "./file_request";
import { isOver, type KernelState, KernelWatch } from "./kernel";
import type { SourceEvent, Status, TableName, Visible } from "./settings";
import { type Live, readSettings, type Selection, type Settings, type Source } from "./settings";

/** What anywidget hands over; its own types would bring in the whole front end. */
export interface AnyModel {
  get(name: string): unknown;
  set(name: string, value: unknown): void;
  save_changes(): void;
  send(content: unknown): void;
  on(event: string, callback: (...args: never[]) => void): void;
  off(event: string, callback: (...args: never[]) => void): void;
  /** In Jupyter's pages it knows the kernel. */
  readonly widget_manager?: unknown;
}

const TRAITS: Record<keyof Settings, string> = {
  leverageMix: "leverage_mix",
  decayRate: "decay_rate",
  binSize: "bin_size",
  palette: "palette",
  scale: "scale",
  threshold: "threshold",
  opacity: "opacity",
  swept: "swept",
  bubbles: "bubbles",
  shock: "shock",
  theme: "theme",
  height: "height",
};
const TRAILING_MS = 100;
/** Above this the page would run out of memory; Python keeps to half of it. */
const MAX_CELLS = 16_000_000;

const sameGrid = (a: Ledger, b: Ledger): boolean =>
  a.binSize === b.binSize && a.first === b.first && a.rows === b.rows && a.leverage.join() === b.leverage.join();

const STATES: readonly unknown[] = ["live", "delayed", "disconnected", "stopped"];

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === "object" && value !== null;

export class JupyterSource implements Source {
  field: Field | null = null;
  pendingBin: number | null = null;
  /** What the bars trait was decoded to, live candles included. */
  #bars: Bars | null = null;
  #problem = "";
  #wantedBin: number | null = null;
  #decoding = 0;
  /** The trait values that were decoded last. */
  #read: { bars: DataView | null; ledger: DataView | null } = { bars: null, ledger: null };
  #tails: Promise<void> = Promise.resolve();
  #timers = new Map<string, ReturnType<typeof setTimeout>>();
  /** What was written last: another value comes from elsewhere. */
  #written = new Map<string, unknown>();
  readonly #overlay: Overlay;
  readonly #watch: KernelWatch;
  readonly #asking: Asking;
  #last: unknown = null;
  #heard: number | null = null;
  readonly #listeners = new Map<SourceEvent, Set<() => void>>();

  constructor(
    private readonly model: AnyModel,
    signal: AbortSignal,
  ) {
    this.#overlay = new Overlay({
      changed: (what) => this.#emit(what),
      troubled: () => this.#emit("status"),
      lost: () => this.#resync(),
    });
    this.#watch = new KernelWatch(
      () => this.model.widget_manager,
      () => this.#kernelChanged(),
      signal,
    );
    this.#asking = new Asking(signal);
    this.#last = this.live.last;
    this.#listen("change:_live", () => this.#listenToFeed(), signal);
    this.#listen("change:_events", () => this.#overlay.takeMarks(this.model.get("_events")), signal);
    this.#listen("change:_positions", () => this.#overlay.takePositions(this.model.get("_positions")), signal);
    this.#overlay.takeMarks(this.model.get("_events"));
    this.#overlay.takePositions(this.model.get("_positions"));
    // Both may change with one message, one event after the other: they are read once both are in place.
    for (const frame of ["_bars", "_ledger"]) {
      this.#listen(`change:${frame}`, () => queueMicrotask(() => void this.#load()), signal);
    }
    this.#listen("change:_status", () => this.#settleBin(), signal);
    this.#listen("change:selection", () => this.#emit("selection"), signal);
    this.#listen("change:visible", () => this.#seen(), signal);
    for (const trait of Object.values(TRAITS)) this.#listen(`change:${trait}`, () => this.#tune(), signal);
    this.#listen("msg:custom", (content: unknown, buffers: unknown) => this.#message(content, buffers), signal);
    signal.addEventListener("abort", () => {
      for (const timer of this.#timers.values()) clearTimeout(timer);
      this.#timers.clear();
      this.#listeners.clear();
      this.field = null;
    });
    void this.#load();
  }

  get settings(): Settings {
    return readSettings((name) => this.model.get(TRAITS[name]));
  }

  get status(): Status {
    const problem = this.#problem || this.#overlay.problem;
    if (problem !== "") return { state: "error", message: problem };
    const status = this.model.get("_status");
    if (!isRecord(status)) return { state: "idle", message: "" };
    const state = status.state === "error" || status.state === "loading" ? status.state : "idle";
    return { state, message: typeof status.message === "string" ? status.message.slice(0, 500) : "" };
  }

  get selection(): Selection | null {
    const value = this.model.get("selection");
    return isRecord(value) ? (value as unknown as Selection) : null;
  }

  get presets(): Record<string, Record<string, number>> {
    const value = this.model.get("_presets");
    return isRecord(value) ? (value as Record<string, Record<string, number>>) : {};
  }

  get binSizes(): number[] {
    const value = this.model.get("_bin_sizes");
    return Array.isArray(value) ? value.filter((size): size is number => typeof size === "number" && size > 0) : [];
  }

  get marks(): Marks | null {
    return this.#overlay.marks;
  }

  get positions(): Positions | null {
    return this.#overlay.positions;
  }

  get live(): Live {
    const value = this.model.get("_live");
    const facts = isRecord(value) ? value : {};
    const finite = (x: unknown): number | null => (typeof x === "number" && Number.isFinite(x) ? x : null);
    return {
      state: STATES.includes(facts.state) ? (facts.state as Live["state"]) : "off",
      since: finite(facts.since),
      last: finite(facts.last),
      message: typeof facts.message === "string" ? facts.message.slice(0, 300) : "",
      everyMs: Math.max(finite(facts.every_ms) ?? 0, 1),
      heard: this.#heard,
    };
  }

  get kernel(): KernelState {
    return this.#watch.state;
  }

  here(view: string): void {
    if (!this.#watch.isDue(view)) return;
    this.#watch.asked();
    this.#say({ type: "here", view });
  }

  ask(what: TableName, visible: Visible): Promise<Uint8Array> {
    if (this.kernel !== "answers" && this.kernel !== "busy") return Promise.reject(new Error(NO_ANSWER));
    return this.#asking.ask((id) => this.#say({ type: "export", id, what, ...visible }));
  }

  gone(view: string): void {
    this.#say({ type: "gone", view });
  }

  set(changes: Partial<Settings>): void {
    const { binSize, ...others } = changes;
    for (const [name, value] of Object.entries(others)) this.model.set(TRAITS[name as keyof Settings], value);
    if (Object.keys(others).length > 0) this.model.save_changes();
    if (binSize !== undefined) this.#askBin(binSize);
  }

  select(selection: Selection | null): void {
    this.#trailing("selection", selection);
  }

  get visible(): Visible | null {
    const value = this.model.get("visible");
    return isRecord(value) ? (value as unknown as Visible) : null;
  }

  show(visible: Visible | null): void {
    this.#trailing("visible", visible);
  }

  on(event: SourceEvent, callback: () => void, signal: AbortSignal): void {
    const callbacks = this.#listeners.get(event) ?? new Set();
    this.#listeners.set(event, callbacks.add(callback));
    signal.addEventListener("abort", () => callbacks.delete(callback));
  }

  #listen(event: string, callback: (...args: never[]) => void, signal: AbortSignal): void {
    this.model.on(event, callback);
    signal.addEventListener("abort", () => this.model.off(event, callback));
  }

  #emit(event: SourceEvent): void {
    for (const callback of [...(this.#listeners.get(event) ?? [])]) callback();
  }

  #seen(): void {
    if (this.model.get("visible") === this.#written.get("visible")) return;
    clearTimeout(this.#timers.get("visible"));
    this.#emit("visible");
  }

  /** Small JSON that only the kernel reads: written once the hand has rested. */
  #trailing(name: string, value: unknown): void {
    clearTimeout(this.#timers.get(name));
    this.#timers.set(
      name,
      setTimeout(() => {
        this.#written.set(name, value);
        this.model.set(name, value);
        this.model.save_changes();
      }, TRAILING_MS),
    );
  }

  #tune(): void {
    const { leverageMix, decayRate } = this.settings;
    this.field?.tune(leverageMix, decayRate);
    if (this.pendingBin !== null && this.settings.binSize !== this.pendingBin) this.#settleBin();
    this.#emit("settings");
  }

  /** The kernel computes bins: one request on its way, the newest wish waits for the answer. */
  #askBin(binSize: number): void {
    if (this.pendingBin !== null) {
      this.#wantedBin = binSize;
      return;
    }
    if (binSize === this.field?.ledger.binSize) return;
    this.pendingBin = binSize;
    this.#watch.doubt();
    this.model.set(TRAITS.binSize, binSize);
    this.model.save_changes();
    this.#emit("status");
  }

  #settleBin(): void {
    // A refused size comes back as the old one, with or without a new message.
    const refused = this.status.state === "error" || this.settings.binSize !== this.pendingBin;
    if (this.pendingBin !== null && (refused || this.field?.ledger.binSize === this.pendingBin)) {
      const next = this.#wantedBin;
      this.pendingBin = null;
      this.#wantedBin = null;
      if (next !== null && next !== this.field?.ledger.binSize) this.#askBin(next);
    }
    this.#emit("status");
  }

  /** Decode what the traits hold and is new; bars and ledger count once they belong together. */
  async #load(): Promise<void> {
    const [barsData, ledgerData] = [this.model.get("_bars"), this.model.get("_ledger")];
    if (!(barsData instanceof DataView) || !(ledgerData instanceof DataView) || ledgerData.byteLength === 0) return;
    if (barsData === this.#read.bars && ledgerData === this.#read.ledger) return;
    const turn = ++this.#decoding;
    const keep = barsData === this.#read.bars ? this.#bars : null;
    this.#read = { bars: barsData, ledger: ledgerData };
    try {
      const [ledger, bars] = await Promise.all([
        decodeFrame(ledgerData).then(ledgerOf),
        keep ?? decodeFrame(barsData).then(barsOf),
      ]);
      if (turn !== this.#decoding) return;
      this.#bars = bars;
      this.#adopt(bars, ledger);
    } catch (error) {
      if (turn !== this.#decoding) return;
      this.#read = { bars: null, ledger: null };
      this.#fail(`This picture could not be read; the last good one stays. ${(error as Error).message}`);
    }
  }

  #adopt(bars: Bars, ledger: Ledger): void {
    if (ledger.barsRevision !== bars.revision) return; // the other half is on its way
    if (ledger.columns !== bars.time.length) {
      throw new WireError(`ledger: wanted ${bars.time.length} columns as in bars; found ${ledger.columns}`);
    }
    if (ledger.columns * ledger.rows > MAX_CELLS) {
      throw new WireError(`ledger: wanted at most ${MAX_CELLS} cells; found ${ledger.columns} x ${ledger.rows}`);
    }
    const { leverageMix, decayRate } = this.settings;
    const revision = this.field?.revision ?? 0;
    // Live candles may have come and gone while this module was loading: Python knows.
    const first = this.field === null;
    this.field = new Field(bars, ledger, leverageMix, decayRate);
    this.field.revision = revision + 1;
    if (first) this.#resync();
    this.#problem = "";
    this.#emit("picture");
    this.#settleBin();
  }

  /** Say what is here; Python sends what is another now. */
  #resync(): void {
    void this.#overlay.settled.then(() => {
      if (this.field === null) return; // it asks once it is there
      this.#say({ type: "resync", revision: this.field.ledger.revision, events: this.marks?.revision ?? 0 });
    });
  }

  #say(content: Record<string, unknown>): void {
    try {
      this.model.send(content);
    } catch {
      // A kernel that died has no one to tell; the pill says that nothing comes.
    }
  }

  #message(content: unknown, buffers: unknown): void {
    if (isRecord(content) && content.type === "alive") this.#watch.answered();
    if (!isRecord(content) || !Array.isArray(buffers)) return;
    const data = buffers[0] as DataView | undefined;
    // Tails change each other's result: they are taken in one after the other.
    if (content.type === "tail") this.#tails = this.#tails.then(() => this.#append(data));
    else if (content.type === "events") this.#overlay.addMarks(data);
    else if (content.type === "file") this.#asking.answer(content, data);
    else return;
    this.#hear();
  }

  /** A feed that says the same again has not brought anything. */
  #listenToFeed(): void {
    const { last } = this.live;
    if (last !== this.#last) this.#hear();
    this.#last = last;
    this.#emit("live");
  }

  /** Nobody answers a bin size any more: the slider goes back to the picture's. */
  #kernelChanged(): void {
    if (isOver(this.kernel) && this.pendingBin !== null && this.field !== null) {
      this.pendingBin = null;
      this.#wantedBin = null;
      this.model.set(TRAITS.binSize, this.field.ledger.binSize);
      this.#emit("status");
    }
    this.#emit("kernel");
  }

  #hear(): void {
    this.#heard = Date.now();
    if (this.live.state !== "off") this.#emit("live");
  }

  #fail(problem: string): void {
    this.#problem = problem;
    this.#emit("status");
  }

  async #append(data: DataView | undefined): Promise<void> {
    try {
      const frame = await decodeFrame(data ?? new Uint8Array());
      const { field } = this;
      const from = frame.meta.from as number;
      if (field === null) return;
      const tail = ledgerOf(frame);
      if (frame.meta.base !== field.ledger.revision || from > field.ledger.columns || !sameGrid(field.ledger, tail)) {
        this.#resync();
        return;
      }
      const bars = spliceBars(field.bars, barsOf(frame), from);
      field.splice(bars, spliceLedger(field.ledger, tail, from), from);
      this.#bars = bars;
      this.tailFrom = from;
      this.#emit("tail");
    } catch (error) {
      this.#fail(`A live candle could not be read; the last good picture stays. ${(error as Error).message}`);
    }
  }

  /** First column that the last "tail" event changed. */
  tailFrom = 0;
}
