/** The save button: which files there are, and handing them to the browser. */

import type { Chart } from "./chart";
import { h, setText } from "./dom";
import { fileName, levelsCsv, pictureOf, selectionCsv } from "./export";
import type { Field } from "./field";
import type { Source } from "./settings";
import type { Theme } from "./theme";

/** The view that is saved. */
export interface Viewed {
  readonly chart: Chart | null;
  readonly theme: Theme;
  /** What is said of the data and of the marks over it. */
  readonly words: string[];
}

export class SaveMenu {
  readonly element: HTMLDetailsElement;
  readonly #selection: HTMLButtonElement;
  readonly #problem = h("div", { class: "liq-dim", role: "status" });

  constructor(
    private readonly source: Source,
    private readonly view: Viewed,
    private readonly signal: AbortSignal,
  ) {
    const summary = h("summary", { class: "liq-button", tabindex: 0 }, "save");
    this.#selection = this.#button("selection (CSV)", (field) => {
      const { selection } = source;
      if (selection !== null) this.#csv(field, "selection", [...selectionCsv(field, selection)]);
    });
    const menu = h(
      "div",
      { class: "liq-menu" },
      this.#button("picture (PNG)", (field) => this.#png(field)),
      this.#button("levels of the last candle in view (CSV)", (field) =>
        this.#csv(field, "levels", [levelsCsv(field, this.#columns(field)[1])]),
      ),
      this.#selection,
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
    const chosen = this.source.selection !== null;
    this.#selection.disabled = !chosen;
    setText(this.#selection, chosen ? "selection (CSV)" : "selection (CSV): shift-drag on the chart first");
    setText(this.#problem, "");
  }

  #close(): void {
    this.element.open = false;
    this.element.querySelector("summary")?.focus();
  }

  #button(text: string, make: (field: Field) => void): HTMLButtonElement {
    const element = h("button", { type: "button", class: "liq-button" }, text);
    element.addEventListener(
      "click",
      () => {
        const { field } = this.source;
        if (field === null) return;
        try {
          make(field);
        } catch (error) {
          setText(this.#problem, `This could not be saved: ${(error as Error).message}`);
        }
      },
      { signal: this.signal },
    );
    return element;
  }

  /** First and last candle in view. */
  #columns(field: Field): readonly [number, number] {
    return this.view.chart?.columnsInView ?? [0, field.ledger.columns - 1];
  }

  #csv(field: Field, what: string, parts: string[]): void {
    this.#save(new Blob(parts, { type: "text/csv;charset=utf-8" }), fileName(field, what, "csv"));
  }

  #png(field: Field): void {
    const layers = this.view.chart?.layers();
    if (!layers) return;
    const { theme, words } = this.view;
    const shown = { ...layers, theme, words, columns: this.#columns(field) };
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
    this.#close();
  }
}
