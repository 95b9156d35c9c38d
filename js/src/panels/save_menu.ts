/** The save button: which files there are, and handing them to the browser. */

import type { Clock } from "../base/clock";
import { h, setText } from "../base/dom";
import type { Theme } from "../base/theme";
import type { Chart } from "../chart/chart";
import {
  clustersCsv,
  fileName,
  gridCsv,
  gridRows,
  levelsCsv,
  MAX_GRID_ROWS,
  pictureOf,
  selectionCsv,
} from "../export/files";
import { pythonOf } from "../export/python_call";
import type { Field } from "../model/field";
import type { Source, TableName, Visible } from "../source/settings";

/** The view that is saved. */
export interface Viewed {
  readonly chart: Chart | null;
  readonly theme: Theme;
  readonly clock: Clock;
  /** What is said of the data and of the marks over it. */
  readonly words: string[];
}

/** A row of a grid as CSV has some 70 bytes. */
const ROW_MB = 70e-6;

/** The tables and how they are named in the menu. */
const TABLES: Record<TableName, string> = {
  levels: "levels of the last candle in view",
  clusters: "clusters of the last candle in view",
  grid: "grid of all candles in view",
  selection: "selection",
};

export class SaveMenu {
  readonly element: HTMLDetailsElement;
  readonly #buttons = {} as Record<TableName, HTMLButtonElement[]>;
  readonly #problem = h("div", { class: "liq-dim", role: "status" });
  /** The snippet, where this page may not put it into the clipboard. */
  readonly #text = h("textarea", {
    rows: 8,
    cols: 30,
    readonly: true,
    hidden: true,
    tabindex: 0,
    "aria-label": "this view as Python",
  });

  constructor(
    private readonly source: Source,
    private readonly view: Viewed,
    private readonly signal: AbortSignal,
  ) {
    const summary = h("summary", { class: "liq-button", tabindex: 0 }, "save");
    const menu = h(
      "div",
      { class: "liq-menu" },
      this.#button("picture (PNG)", (field) => this.#png(field)),
      ...(Object.keys(TABLES) as TableName[]).map((what) => this.#table(what)),
      this.#button("copy as Python", (field) => this.#copy(field)),
      this.#text,
      this.#problem,
    );
    this.element = h("details", { class: "liq-save" }, summary, menu);
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
    setText(this.#problem, "");
    this.#text.hidden = true;
    const { field, selection } = this.source;
    if (field === null || !this.element.open) return;
    const rows = gridRows(field, this.#columns(field));
    const many = rows > MAX_GRID_ROWS;
    const size = many ? "rows are too many: zoom in, or use larger bins" : `rows, some ${Math.ceil(rows * ROW_MB)} MB`;
    const none = selection === null;
    this.#offer("grid", !many, `${rows.toLocaleString("en")} ${size}`);
    this.#offer("selection", !none, none ? "shift-drag on the chart first" : "");
    this.#buttons.selection[1]!.disabled = none;
  }

  /** Say whether a table can be had as CSV, and what there is to say of it. */
  #offer(what: TableName, possible: boolean, words: string): void {
    const button = this.#buttons[what][0]!;
    button.disabled = !possible;
    setText(button, `${TABLES[what]} (CSV)${words && ": "}${words}`);
  }

  #close(): void {
    this.element.open = false;
    this.element.querySelector("summary")?.focus();
  }

  #button(text: string, make: (field: Field) => void | Promise<void>): HTMLButtonElement {
    const element = h("button", { type: "button", class: "liq-button" }, text);
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

  /** One line of the menu: a table as CSV, and as Parquet where there is a kernel. */
  #table(what: TableName): HTMLElement {
    const csv = this.#button(`${TABLES[what]} (CSV)`, (field) => this.#csv(field, what));
    const parquet = this.#button("(Parquet)", (field) => this.#parquet(field, what));
    parquet.setAttribute("aria-label", `${TABLES[what]} (Parquet)`);
    this.#buttons[what] = [csv, parquet];
    return h("div", { class: "liq-table" }, csv, ...(this.source.ask ? [parquet] : []));
  }

  /** First and last candle in view. */
  #columns(field: Field): readonly [number, number] {
    return this.view.chart?.columnsInView ?? [0, field.ledger.columns - 1];
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
      selection: () => (selection === null ? [] : selectionCsv(field, selection)),
    };
    this.#save(new Blob([...made[what]()], { type: "text/csv;charset=utf-8" }), fileName(field, what, "csv"));
  }

  async #parquet(field: Field, what: TableName): Promise<void> {
    setText(this.#problem, "Python makes the table …");
    const data = await this.source.ask!(what, this.#times(field));
    if (this.signal.aborted) return;
    this.#save(new Blob([data as BlobPart]), fileName(field, what, "parquet"));
  }

  async #copy(field: Field): Promise<void> {
    const { settings, selection } = this.source;
    const [from, to] = this.#columns(field);
    const whole = from === 0 && to === field.ledger.columns - 1;
    const text = pythonOf(field, settings, selection, whole ? null : this.#times(field));
    try {
      await navigator.clipboard.writeText(text);
      setText(this.#problem, "Copied: paste it into a notebook.");
    } catch {
      // No permission, or no clipboard, as on plain http.
      this.#text.value = text;
      this.#text.hidden = false;
      this.#text.focus();
      this.#text.select();
      setText(this.#problem, "This page may not use the clipboard: copy the text above.");
    }
  }

  #png(field: Field): void {
    const layers = this.view.chart?.layers();
    if (!layers) return;
    const { theme, words, clock } = this.view;
    const shown = { ...layers, theme, words, clock, columns: this.#columns(field) };
    pictureOf(shown, field, this.source.settings).toBlob((blob) => {
      if (blob === null) setText(this.#problem, "This browser could not make the picture; try a smaller window.");
      else this.#save(blob, fileName(field, "picture", "png"));
    }, "image/png");
  }

  /** A link that is clicked once; the browser has taken hold of the file when the click returns. */
  #save(file: Blob, name: string): void {
    const href = URL.createObjectURL(file);
    const link = h("a", { href, download: name });
    link.click();
    // Some browsers read the file only after this turn.
    setTimeout(() => URL.revokeObjectURL(href), 60_000);
    if (this.element.open) this.#close();
  }
}
