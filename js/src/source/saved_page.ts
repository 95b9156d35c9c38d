/** A saved page: the same views on a source that has no kernel, read from the page itself. */

import { h } from "../base/dom";
import { type Bars, barsOf, type Ledger, ledgerOf } from "../frames/bars_and_ledger";
import type { Marks } from "../frames/marks";
import { Overlay } from "../frames/overlays";
import type { Positions } from "../frames/positions";
import { decodeFrame, type Frame, WireError } from "../frames/wire";
import { coarserSizes, factorOf, MergedField, mergedPositions } from "../model/coarser";
import { Field } from "../model/field";
import { mount } from "../panels/view";
import type { Status } from "./settings";
import {
  type Live,
  readSettings,
  type Selection,
  type Settings,
  type Source,
  type SourceEvent,
  type Visible,
} from "./settings";

/** What a page carries besides its frames. */
export interface Facts {
  settings: Settings;
  presets: Record<string, Record<string, number>>;
  selection: Selection | null;
  visible: Visible | null;
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** Read the JSON of a page; what is not usable is left out or has its default. */
export function readFacts(text: string): Facts {
  const read: unknown = JSON.parse(text);
  if (!isRecord(read)) throw new WireError("page: wanted an object of settings");
  const settings = isRecord(read.settings) ? read.settings : {};
  return {
    settings: readSettings((name) => settings[name]),
    presets: isRecord(read.presets) ? (read.presets as Facts["presets"]) : {},
    selection: isRecord(read.selection) ? (read.selection as unknown as Selection) : null,
    visible: isRecord(read.visible) ? (read.visible as unknown as Visible) : null,
  };
}

/** Bytes of a base64 text, white space allowed; no bytes for what is none. */
export function bytesOf(base64: string): Uint8Array {
  let text: string;
  try {
    text = atob(base64.replace(/\s+/g, ""));
  } catch {
    return new Uint8Array();
  }
  return Uint8Array.from(text, (letter) => letter.charCodeAt(0));
}

const OFF: Live = { state: "off", since: null, last: null, message: "", everyMs: 1, heard: null };

/** A picture, its settings, and nobody to ask for another one. */
export class PageSource implements Source {
  field: Field | null = null;
  readonly saved = true;
  readonly tailFrom = 0;
  readonly pendingBin = null;
  readonly live = OFF;
  readonly kernel = "answers";
  readonly presets: Facts["presets"];
  status: Status = { state: "loading", message: "" };
  settings: Settings;
  selection: Selection | null;
  visible: Visible | null;
  binSizes: number[] = [];
  #bars: Bars | null = null;
  #ledger: Ledger | null = null;
  /** What positions become at a factor, so that views compare them by identity. */
  #positions: { of: Positions; factor: number; merged: Positions } | null = null;
  readonly #overlay: Overlay;
  readonly #listeners = new Map<SourceEvent, Set<() => void>>();

  constructor(facts: Facts) {
    this.settings = facts.settings;
    this.presets = facts.presets;
    this.selection = facts.selection;
    this.visible = facts.visible;
    this.#overlay = new Overlay({
      changed: (what) => this.#emit(what),
      troubled: () => this.#fail(this.#overlay.problem),
      lost: () => undefined, // nothing comes that could be lost
    });
  }

  /** Take in the page's frames, by name; resolves once the picture is there or its error is. */
  async load(frames: Record<string, Uint8Array | undefined>): Promise<void> {
    try {
      const [bars, ledger] = await Promise.all([
        read(frames.bars, "bars").then(barsOf),
        read(frames.ledger, "ledger").then(ledgerOf),
      ]);
      if (ledger.columns !== bars.time.length) {
        throw new WireError(`ledger: wanted ${bars.time.length} columns as in bars; found ${ledger.columns}`);
      }
      this.#bars = bars;
      this.#ledger = ledger;
      this.binSizes = coarserSizes(ledger);
      this.settings = { ...this.settings, binSize: ledger.binSize };
      this.status = { state: "idle", message: "" };
      this.#picture();
      this.#overlay.takeMarks(frames.events);
      this.#overlay.takePositions(frames.positions);
      await this.#overlay.settled;
    } catch (error) {
      this.#fail(`This page could not be read. ${(error as Error).message}`);
    }
  }

  get marks(): Marks | null {
    return this.#overlay.marks;
  }

  get positions(): Positions | null {
    const of = this.#overlay.positions;
    const factor = of && factorOf(of.binSize, this.settings.binSize);
    if (of === null || factor === null || factor === 1) return of;
    if (this.#positions?.of !== of || this.#positions.factor !== factor) {
      this.#positions = { of, factor, merged: mergedPositions(of, factor) };
    }
    return this.#positions.merged;
  }

  set(changes: Partial<Settings>): void {
    const { binSize = this.settings.binSize, ...others } = changes;
    const possible = this.#ledger !== null && factorOf(this.#ledger.binSize, binSize) !== null;
    const another = possible && binSize !== this.settings.binSize;
    this.settings = { ...this.settings, ...others, binSize: another ? binSize : this.settings.binSize };
    if (another) this.#picture();
    else {
      this.field?.tune(this.settings.leverageMix, this.settings.decayRate);
      this.#emit("settings");
    }
  }

  select(selection: Selection | null): void {
    this.selection = selection;
  }

  show(visible: Visible | null): void {
    this.visible = visible;
  }

  here(): void {}

  gone(): void {}

  on(event: SourceEvent, callback: () => void, signal: AbortSignal): void {
    const callbacks = this.#listeners.get(event) ?? new Set();
    this.#listeners.set(event, callbacks.add(callback));
    signal.addEventListener("abort", () => callbacks.delete(callback));
  }

  /** Build the picture of the present bin size. */
  #picture(): void {
    const { binSize, leverageMix, decayRate } = this.settings;
    if (this.#bars === null || this.#ledger === null) return;
    const factor = factorOf(this.#ledger.binSize, binSize) ?? 1;
    const revision = (this.field?.revision ?? 0) + 1;
    this.field =
      factor === 1
        ? new Field(this.#bars, this.#ledger, leverageMix, decayRate)
        : new MergedField(this.#bars, this.#ledger, factor, leverageMix, decayRate);
    this.field.revision = revision;
    this.#emit("picture");
    this.#emit("status");
  }

  #fail(message: string): void {
    this.status = message === "" ? { state: "idle", message } : { state: "error", message };
    this.#emit("status");
  }

  #emit(event: SourceEvent): void {
    for (const callback of [...(this.#listeners.get(event) ?? [])]) callback();
  }
}

async function read(data: Uint8Array | undefined, kind: Frame["kind"]): Promise<Frame> {
  const frame = await decodeFrame(data ?? new Uint8Array());
  if (frame.kind !== kind) throw new WireError(`kind: wanted ${kind}; found ${frame.kind}`);
  return frame;
}

/**
 * Bring a saved page to life: its data stands in inert elements of the document.
 *
 * @param page - a document made by LiquidationHeatmap.to_html
 */
export async function openPage(page: Document): Promise<void> {
  const host = page.getElementById("liq-host");
  const facts = page.getElementById("liq-facts");
  if (host === null || facts === null) return;
  const frames: Record<string, Uint8Array> = {};
  for (const element of page.querySelectorAll<HTMLElement>("script[data-frame]")) {
    frames[element.dataset.frame ?? ""] = bytesOf(element.textContent ?? "");
    element.remove(); // read once: the text would double what the page holds
  }
  const source = new PageSource(readFacts(facts.textContent ?? "{}"));
  await source.load(frames);
  if (source.field === null) {
    host.textContent = source.status.message; // the picture below stays
    return;
  }
  page.getElementById("liq-still")?.setAttribute("hidden", "");
  mount(source, host, new AbortController().signal);
  // The chart's own logo brings markup as text, which the page's policy forbids: the page names its maker in words.
  const maker = { href: "https://www.tradingview.com/", rel: "noopener noreferrer" };
  page.getElementById("liq-made")?.append(" Charts: ", h("a", maker, "TradingView Lightweight Charts"), ".");
}
