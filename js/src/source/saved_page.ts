/** The source of a saved page: no kernel; data and settings are read from the page itself. */

import type { Marks } from "../frames/marks";
import { Overlay } from "../frames/overlays";
import type { Positions } from "../frames/positions";
import { WireError } from "../frames/wire";
import type { Field } from "../model/field";
import { Announcer } from "./announcer";
import { NOTHING_NEAR } from "./near";
import { readPicture } from "./picture";
import { readScore, type Score } from "./score";
import type { Status } from "./settings";
import { inUse, type Live, readSettings, type Selection, type Settings, type Source, type Visible } from "./settings";

/** Contents of a page besides its frames. */
export interface Facts {
  settings: Settings;
  presets: Record<string, Record<string, number>>;
  selection: Selection | null;
  visible: Visible | null;
  /** Whether the page is for a frame of another one. */
  embed: boolean;
  score: Score;
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** Read the JSON of a page; unusable values are omitted or replaced by defaults. */
export function readFacts(text: string): Facts {
  const read: unknown = JSON.parse(text);
  if (!isRecord(read)) throw new WireError("page: wanted an object of settings");
  const settings = isRecord(read.settings) ? read.settings : {};
  return {
    settings: readSettings((name) => settings[name]),
    presets: isRecord(read.presets) ? (read.presets as Facts["presets"]) : {},
    selection: isRecord(read.selection) ? (read.selection as unknown as Selection) : null,
    visible: isRecord(read.visible) ? (read.visible as unknown as Visible) : null,
    embed: read.embed === true,
    score: readScore(read.score),
  };
}

/** Decode base64, ignoring white space; empty if the text is not base64. */
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

/** The picture of a page and its settings, which never receive updates. */
export class PageSource extends Announcer implements Source {
  field: Field | null = null;
  readonly saved = true;
  readonly tailFrom = 0;
  readonly live = OFF;
  readonly near = NOTHING_NEAR;
  readonly linked = "";
  readonly pictureId = "";
  readonly kernel = "answers";
  readonly presets: Facts["presets"];
  readonly score: Score;
  status: Status = { state: "loading", message: "" };
  settings: Settings;
  selection: Selection | null;
  visible: Visible | null;
  binSizes: number[] = [];
  readonly #overlay: Overlay;

  constructor(facts: Facts) {
    super();
    this.settings = facts.settings;
    this.presets = facts.presets;
    this.score = facts.score;
    this.selection = facts.selection;
    this.visible = facts.visible;
    this.#overlay = new Overlay({
      changed: (what) => this.emit(what),
      troubled: () => this.#fail(this.#overlay.problem),
      lost: () => undefined, // there are no live marks to lose
    });
  }

  /** Load the page's frames, by name; resolves once there is a picture or an error. */
  async load(frames: Record<string, Uint8Array | undefined>): Promise<void> {
    try {
      this.field = await readPicture(frames, this.settings);
      if (this.field === null) throw new WireError("frames: wanted those of one picture; found those of two");
      this.binSizes = this.field.binSizes;
      this.settings = { ...this.settings, binSize: this.field.grid.binSize };
      this.status = { state: "idle", message: "" };
      this.emit("picture");
      this.emit("status");
      this.#overlay.takeMarks(frames.events);
      this.#overlay.takePositions(frames.positions);
      await this.#overlay.settled;
    } catch (error) {
      this.#fail(`This page could not be read. ${(error as Error).message}`);
    }
  }

  get marks(): Marks | null {
    return this.#overlay.marksUntil(this.settings.asOf);
  }

  get positions(): Positions | null {
    return this.#overlay.positionsIn(this.field?.grid, this.settings.asOf);
  }

  set(changes: Partial<Settings>): void {
    this.settings = inUse({ ...this.settings, ...changes });
    this.field?.tune(this.settings);
    this.emit("settings");
    if ("asOf" in changes) for (const what of ["marks", "positions"] as const) this.emit(what);
  }

  select(selection: Selection | null): void {
    this.selection = selection;
  }

  show(visible: Visible | null): void {
    this.visible = visible;
  }

  here(): void {}

  gone(): void {}

  #fail(message: string): void {
    this.status = message === "" ? { state: "idle", message } : { state: "error", message };
    this.emit("status");
  }
}
