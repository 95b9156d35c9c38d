/** The save button: a menu of the available files, and their download. */

import type { Clock } from "../base/clock";
import { button, h, setText, unique } from "../base/dom";
import type { Theme } from "../base/theme";
import type { Chart } from "../chart/chart";
import type { Outline } from "../chart/outline";
import { viewOf } from "../chart/viewport";
import {
  cellsCsv,
  clustersCsv,
  fileName,
  gridCsv,
  gridRows,
  levelsCsv,
  MAX_GRID_ROWS,
  pictureOf,
  selectionCsv,
} from "../export/files";
import { literal, pythonOf } from "../export/python_call";
import type { Field } from "../model/field";
import type { Source, TableName, Visible } from "../source/settings";
import { linkText } from "./link";

/** The view to save. */
export interface Viewed {
  readonly chart: Chart | null;
  readonly theme: Theme;
  readonly clock: Clock;
  /** What is said of the numbers, and the legend. */
  readonly words: string[];
}

/** The view as a picture with everything needed to read it; null until it is laid out. */
export function pictureOfView(view: Viewed, outline: Outline, source: Source): HTMLCanvasElement | null {
  const { chart, theme, words, clock } = view;
  const { field, settings } = source;
  const layers = chart?.layers();
  if (!layers || field === null) return null;
  const said = outline.words === "" ? words : [...words, `selection: ${outline.words}`];
  const columns = chart!.columnsInView ?? ([0, field.columns - 1] as const);
  return pictureOf({ ...layers, theme, words: said, clock, columns, selected: outline.shown }, field, settings);
}

/** Size of a grid row as CSV: about 70 bytes. */
const ROW_MB = 70e-6;

/** Names of the tables in the menu. */
const TABLES: Record<TableName, string> = {
  levels: "levels of the last candle in view",
  clusters: "clusters of the last candle in view",
  grid: "grid of all candles in view",
  selection: "selection, by price",
  cells: "selection, cell by cell",
};

export class SaveMenu {
  readonly element: HTMLDetailsElement;
  readonly #buttons = {} as Record<TableName, HTMLButtonElement[]>;
  readonly #remarks = {} as Record<TableName, HTMLElement>;
  readonly #menu = h("div", { class: "liq-menu" });
  readonly #problem = h("div", { class: "liq-dim", role: "status" });
  /** Shows the snippet if this page may not write to the clipboard. */
  readonly #text = h("textarea", {
    rows: 8,
    cols: 30,
    readonly: true,
    hidden: true,
    tabindex: 0,
    "aria-label": "the text to copy",
  });

  constructor(
    private readonly source: Source,
    private readonly view: Viewed,
    private readonly outline: Outline,
    private readonly signal: AbortSignal,
  ) {
    const summary = h("summary", { class: "liq-button", tabindex: 0 }, "save");
    this.#menu.append(
      this.#button("picture (PNG)", (field) => this.#png(field)),
      ...(Object.keys(TABLES) as TableName[]).flatMap((what) => this.#table(what)),
      this.#button("copy as Python", (field) => this.#copy(this.#python(field))),
      this.#button("copy link", () => this.#copy(this.#link())),
      this.#text,
      this.#problem,
    );
    this.element = h("details", { class: "liq-save" }, summary, this.#menu);
    this.element.addEventListener("toggle", () => this.#open(), { signal });
    this.element.addEventListener("keydown", (event) => event.key === "Escape" && this.#close(), { signal });
    this.element.addEventListener(
      "focusout",
      ({ relatedTarget }) => {
        if (relatedTarget instanceof Node && !this.element.contains(relatedTarget)) this.element.open = false;
      },
      { signal },
    );
  }

  #open(): void {
    this.#menu.style.right = "0";
    // The button may be far to the left, where it has wrapped.
    const room = this.#menu.getBoundingClientRect().left - this.element.closest(".liq")!.getBoundingClientRect().left;
    if (room < 8) this.#menu.style.right = `${room - 8}px`;
    setText(this.#problem, "");
    this.#text.hidden = true;
    const { field, selection } = this.source;
    if (field === null || !this.element.open) return;
    const rows = gridRows(field, this.#columns(field));
    const many = rows > MAX_GRID_ROWS;
    const size = many ? "rows are too many: zoom in, or use larger bins" : `rows, about ${Math.ceil(rows * ROW_MB)} MB`;
    const none = selection === null;
    this.#offer("grid", !many, `${rows.toLocaleString("en")} ${size}`);
    for (const what of ["selection", "cells"] as const) {
      this.#offer(what, !none, none ? "select a box first" : "");
      this.#buttons[what][1]!.disabled = none;
    }
  }

  /** Enable or disable a table's CSV button, with a remark beside it. */
  #offer(what: TableName, possible: boolean, words: string): void {
    const remark = this.#remarks[what];
    this.#buttons[what][0]!.disabled = !possible;
    setText(remark, words);
    remark.hidden = words === "";
  }

  #close(): void {
    this.element.open = false;
    this.element.querySelector("summary")?.focus();
  }

  #button(text: string, make: (field: Field) => void | Promise<void>): HTMLButtonElement {
    const element = button(text);
    element.addEventListener(
      "click",
      async () => {
        const { field } = this.source;
        if (field === null) return;
        try {
          await make(field);
        } catch (error) {
          setText(this.#problem, `This could not be saved: ${(error as Error).message}`);
        }
      },
      { signal: this.signal },
    );
    return element;
  }

  /** A table as CSV, and as Parquet if there is a kernel; below them what is to be said of it. */
  #table(what: TableName): HTMLElement[] {
    const csv = this.#button(`${TABLES[what]} (CSV)`, (field) => this.#csv(field, what));
    const parquet = this.#button("(Parquet)", (field) => this.#parquet(field, what));
    parquet.setAttribute("aria-label", `${TABLES[what]} (Parquet)`);
    const id = unique();
    const remark = h("div", { class: "liq-remark", id, hidden: true });
    csv.setAttribute("aria-describedby", id);
    this.#buttons[what] = [csv, parquet];
    this.#remarks[what] = remark;
    return [h("div", { class: "liq-table" }, csv, ...(this.source.ask ? [parquet] : [])), remark];
  }

  /** First and last candle in view. */
  #columns(field: Field): readonly [number, number] {
    return this.view.chart?.columnsInView ?? [0, field.columns - 1];
  }

  /** The times of the columns in view. */
  #times(field: Field): Visible {
    const [from, to] = this.#columns(field);
    return { time_from: field.bars.time[from]!, time_to: field.bars.time[to]! };
  }

  #csv(field: Field, what: TableName): void {
    const columns = this.#columns(field);
    const { selection } = this.source;
    const made = {
      levels: () => [levelsCsv(field, columns[1])],
      clusters: () => [clustersCsv(field, columns[1])],
      grid: () => gridCsv(field, columns),
      selection: () => (selection === null ? [] : [selectionCsv(field, selection)]),
      cells: () => (selection === null ? [] : cellsCsv(field, selection)),
    };
    this.#save(new Blob([...made[what]()], { type: "text/csv;charset=utf-8" }), fileName(field, what, "csv"));
  }

  async #parquet(field: Field, what: TableName): Promise<void> {
    setText(this.#problem, "Python is making the table …");
    const data = await this.source.ask!(what, this.#times(field));
    if (this.signal.aborted) return;
    this.#save(new Blob([data as BlobPart]), fileName(field, what, "parquet"));
  }

  /** The address of this page with the view in it; in a notebook, which has no address of its own, Python. */
  #link(): string {
    const text = linkText(this.source.settings, this.source.visible);
    const inNotebook = document.querySelector(".jp-Notebook, .jp-LabShell") !== null;
    return inNotebook ? `hm.view = ${literal(text)}` : `${location.href.split("#")[0]}#${text}`;
  }

  #python(field: Field): string {
    const { settings, selection } = this.source;
    const { chart } = this.view;
    return pythonOf(field, settings, selection, chart && viewOf(chart));
  }

  async #copy(text: string): Promise<void> {
    try {
      await navigator.clipboard.writeText(text);
      setText(this.#problem, "Copied.");
    } catch {
      // No permission, or no clipboard API, as on plain http.
      this.#text.value = text;
      this.#text.hidden = false;
      this.#text.focus();
      this.#text.select();
      setText(this.#problem, "This page may not use the clipboard: copy the text above.");
    }
  }

  #png(field: Field): void {
    pictureOfView(this.view, this.outline, this.source)?.toBlob((blob) => {
      if (blob === null) setText(this.#problem, "This browser could not make the picture; try a smaller window.");
      else this.#save(blob, fileName(field, "picture", "png"));
    }, "image/png");
  }

  /** Download a file by clicking a temporary link; the download has started when the click returns. */
  #save(file: Blob, name: string): void {
    const href = URL.createObjectURL(file);
    const link = h("a", { href, download: name });
    link.click();
    // Some browsers read the file only after the current task.
    setTimeout(() => URL.revokeObjectURL(href), 60_000);
    if (this.element.open) this.#close();
  }
}
