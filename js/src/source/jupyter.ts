/** The Jupyter model as a Source. The only file that contains trait names. */

import { type Bars, barsOf, spliceBars } from "../frames/bars_and_ledger";
import type { Marks } from "../frames/marks";
import { Overlay } from "../frames/overlays";
import type { Positions } from "../frames/positions";
import { decodeFrame } from "../frames/wire";
import { CandleField } from "../model/candle_field";
import type { Field } from "../model/field";
import { Announcer } from "./announcer";
import { Asking, NO_ANSWER } from "./file_request";
import { hasSavedState, hostOf, type KernelState, KernelWatch } from "./kernel";
import { type Near, NOTHING_NEAR, readNear } from "./near";
import { readPicture } from "./picture";
import { readScore, type Score } from "./score";
import type { Status, TableName, Visible } from "./settings";
import { type Live, readSettings, type Selection, type Settings, type Source } from "./settings";

/** The model that anywidget passes in; anywidget's own types would pull in the whole Jupyter front end. */
export interface AnyModel {
  get(name: string): unknown;
  set(name: string, value: unknown): void;
  save_changes(): void;
  send(content: unknown): void;
  on(event: string, callback: (...args: never[]) => void): void;
  off(event: string, callback: (...args: never[]) => void): void;
  /** In Jupyter's pages it has the kernel. */
  readonly widget_manager?: unknown;
}

const TRAITS: Record<keyof Settings, string> = {
  leverageMix: "leverage_mix",
  decayRate: "decay_rate",
  decayAuto: "decay_auto",
  binSize: "bin_size",
  binAuto: "bin_auto",
  autoBin: "_auto_bin",
  turnover: "turnover",
  venues: "venues",
  palette: "palette",
  scale: "scale",
  contrast: "contrast",
  priceAxis: "price_axis",
  threshold: "threshold",
  opacity: "opacity",
  swept: "swept",
  layer: "layer",
  bubbles: "bubbles",
  shock: "shock",
  asOf: "as_of",
  theme: "theme",
  height: "height",
};
const TRAILING_MS = 100;
const STATES: readonly unknown[] = ["live", "delayed", "disconnected", "stopped"];

type Frames = Partial<Record<"bars" | "model" | "ledger", DataView>>;

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === "object" && value !== null;

export class JupyterSource extends Announcer implements Source {
  field: Field | null = null;
  /** The decoded bars trait, including live candles. */
  #bars: Bars | null = null;
  #problem = "";
  #decoding = 0;
  /** The trait values decoded last. */
  #read: Frames = {};
  #tails: Promise<void> = Promise.resolve();
  #timers = new Map<string, ReturnType<typeof setTimeout>>();
  /** The values written last; any other value was set elsewhere. */
  #written = new Map<string, unknown>();
  readonly #overlay: Overlay;
  readonly #watch: KernelWatch;
  readonly #asking: Asking;
  /** The page was written from a notebook and has no kernel. */
  readonly #absent: boolean;
  #last: unknown = null;
  #heard: number | null = null;
  #asOf: number | null = null;

  constructor(
    private readonly model: AnyModel,
    signal: AbortSignal,
  ) {
    super();
    this.#overlay = new Overlay({
      changed: (what) => this.emit(what),
      troubled: () => this.emit("status"),
      lost: () => this.#resync(),
    });
    this.#watch = new KernelWatch(
      () => this.model.widget_manager,
      () => this.emit("kernel"),
      signal,
    );
    this.#asking = new Asking(signal);
    this.#absent = hostOf(model.widget_manager) === "unknown" && hasSavedState(document);
    this.#last = this.live.last;
    this.#listen("change:_live", () => this.#listenToFeed(), signal);
    for (const trait of ["near", "_near_rules"]) {
      this.#listen(`change:${trait}`, () => queueMicrotask(() => this.emit("near")), signal);
    }
    this.#listen("change:score", () => this.emit("score"), signal);
    this.#listen("change:_events", () => this.#overlay.takeMarks(this.model.get("_events")), signal);
    this.#listen("change:_positions", () => this.#overlay.takePositions(this.model.get("_positions")), signal);
    this.#overlay.takeMarks(this.model.get("_events"));
    this.#overlay.takePositions(this.model.get("_positions"));
    // One message may change several of them, one event each: read them once all have been set.
    for (const frame of ["_bars", "_model", "_ledger"]) {
      this.#listen(`change:${frame}`, () => queueMicrotask(() => void this.#load()), signal);
    }
    this.#listen("change:_status", () => this.emit("status"), signal);
    this.#listen("change:_presets", () => this.emit("settings"), signal);
    this.#listen("change:selection", () => this.emit("selection"), signal);
    this.#listen("change:visible", () => this.#seen(), signal);
    for (const trait of Object.values(TRAITS)) this.#listen(`change:${trait}`, () => this.#tune(), signal);
    this.#listen("msg:custom", (content: unknown, buffers: unknown) => this.#message(content, buffers), signal);
    signal.addEventListener("abort", () => {
      for (const timer of this.#timers.values()) clearTimeout(timer);
      this.#timers.clear();
      this.silence();
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
    const sizes = Array.isArray(value) ? value.filter((size): size is number => size > 0) : [];
    return sizes.length > 0 ? sizes : (this.field?.binSizes ?? []);
  }

  get marks(): Marks | null {
    return this.#overlay.marksUntil(this.settings.asOf);
  }

  get positions(): Positions | null {
    return this.#overlay.positionsIn(this.field?.grid, this.settings.asOf);
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

  get linked(): string {
    return String(this.model.get("linked") ?? "");
  }

  get pictureId(): string {
    return String(this.model.get("_picture_id") ?? "");
  }

  get near(): Near {
    if (this.settings.asOf !== null) return NOTHING_NEAR; // they are of the last close
    return readNear(this.model.get("near"), this.model.get("_near_rules"));
  }

  get score(): Score {
    return readScore(this.model.get("score"));
  }

  get kernel(): KernelState {
    return this.#absent ? "absent" : this.#watch.state;
  }

  here(view: string): void {
    if (this.#absent || !this.#watch.isDue(view)) return;
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
    for (const [name, value] of Object.entries(changes)) this.model.set(TRAITS[name as keyof Settings], value);
    this.model.save_changes();
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

  #listen(event: string, callback: (...args: never[]) => void, signal: AbortSignal): void {
    this.model.on(event, callback);
    signal.addEventListener("abort", () => this.model.off(event, callback));
  }

  #seen(): void {
    if (this.model.get("visible") === this.#written.get("visible")) return;
    clearTimeout(this.#timers.get("visible"));
    this.emit("visible");
  }

  /** Set a small trait that only the kernel reads, once input is idle. */
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
    const { asOf } = this.settings;
    this.field?.tune(this.settings);
    this.emit("settings");
    if (asOf !== this.#asOf) for (const what of ["marks", "positions", "near"] as const) this.emit(what);
    this.#asOf = asOf;
  }

  /** Decode frame traits that have changed; a picture is adopted once its frames belong together. */
  async #load(): Promise<void> {
    const frames: Frames = {};
    for (const name of ["bars", "model", "ledger"] as const) {
      const value = this.model.get(`_${name}`);
      if (value instanceof DataView && value.byteLength > 0) frames[name] = value;
    }
    const { bars, model, ledger } = this.#read;
    if (frames.bars === undefined || (frames.model ?? frames.ledger) === undefined) return;
    if (frames.bars === bars && frames.model === model && frames.ledger === ledger) return;
    const turn = ++this.#decoding;
    const known = frames.bars === bars ? this.#bars : null;
    this.#read = frames;
    try {
      const field = await readPicture(frames, this.settings, known);
      if (turn !== this.#decoding || field === null) return;
      this.#adopt(field);
    } catch (error) {
      if (turn !== this.#decoding) return;
      this.#read = {};
      this.#fail(`This picture could not be read; the last good one stays. ${(error as Error).message}`);
    }
  }

  #adopt(field: Field): void {
    // Live candles sent while this module was loading were lost: request a resync.
    const first = this.field === null;
    field.revision += this.field?.revision ?? 0;
    field.tune(this.settings); // the settings may have changed during decoding
    this.#bars = field.allBars;
    this.field = field;
    if (first) this.#resync();
    this.#problem = "";
    this.emit("picture");
    this.emit("status");
  }

  /** Report the revisions present here; Python sends whatever is newer. */
  #resync(): void {
    void this.#overlay.settled.then(() => {
      if (this.field === null) return; // resyncs once there is a picture
      this.#say({ type: "resync", revision: this.field.picture, events: this.#overlay.marks?.revision ?? 0 });
    });
  }

  #say(content: Record<string, unknown>): void {
    try {
      this.model.send(content);
    } catch {
      // The kernel has died; the status pill shows that no updates arrive.
    }
  }

  #message(content: unknown, buffers: unknown): void {
    if (isRecord(content) && content.type === "alive") this.#watch.answered();
    if (!isRecord(content) || !Array.isArray(buffers)) return;
    const data = buffers[0] as DataView | undefined;
    // Each tail builds on the one before, so they are processed in order.
    if (content.type === "tail") this.#tails = this.#tails.then(() => this.#append(data));
    else if (content.type === "events") this.#overlay.addMarks(data);
    else if (content.type === "file") this.#asking.answer(content, data);
    else return;
    this.#hear();
  }

  /** Note an update of the feed's status; only a new `last` counts as new data. */
  #listenToFeed(): void {
    const { last } = this.live;
    if (last !== this.#last) this.#hear();
    this.#last = last;
    this.emit("live");
  }

  #hear(): void {
    this.#heard = Date.now();
    if (this.live.state !== "off") this.emit("live");
  }

  #fail(problem: string): void {
    this.#problem = problem;
    this.emit("status");
  }

  async #append(data: DataView | undefined): Promise<void> {
    try {
      const frame = await decodeFrame(data ?? new Uint8Array());
      const { field } = this;
      const from = frame.meta.from as number;
      if (field === null) return;
      if (!(field instanceof CandleField) || frame.meta.base !== field.picture || from > field.allBars.time.length) {
        this.#resync();
        return;
      }
      const bars = spliceBars(field.allBars, barsOf(frame), from);
      field.splice(bars, from, frame.meta.revision as number);
      this.#bars = bars;
      this.tailFrom = from;
      this.emit("tail");
    } catch (error) {
      this.#fail(`A live candle could not be read; the last good picture stays. ${(error as Error).message}`);
    }
  }

  /** First column that the last "tail" event changed. */
  tailFrom = 0;
}
