/** Buttons and keys for undo, redo and the settings that the view started with. */

import { button, h } from "../base/dom";
import type { Settings, Source } from "../source/settings";
import { changesTo, History } from "./undo";

/** Elements with an undo of their own. */
const TEXT = "textarea, input:not([type=range], [type=checkbox])";

export class UndoButtons {
  readonly #undo = named("undo", "↶", "Take back the last change of a setting (Ctrl+Z)");
  readonly #redo = named("redo", "↷", "Change it again (Ctrl+Shift+Z)");
  readonly #reset = named("reset to defaults", "reset", "Go back to the settings that this view started with");
  readonly element = h(
    "div",
    { class: "liq-history", role: "group", "aria-label": "Changes of the settings" },
    this.#undo,
    this.#redo,
    this.#reset,
  );
  #history: History | null = null;
  #due = false;
  #busy = false;

  constructor(
    private readonly source: Source,
    private readonly signal: AbortSignal,
  ) {
    this.#undo.addEventListener("click", () => this.#go((history) => history.undo()), { signal });
    this.#redo.addEventListener("click", () => this.#go((history) => history.redo()), { signal });
    this.#reset.addEventListener("click", () => this.#go((history) => history.reset()), { signal });
    source.on("settings", () => this.#changed(), signal);
    this.#update();
  }

  /** The view has the settings that it starts with; follow what the user does in it. */
  start(root: HTMLElement): void {
    const history = new History(this.source.settings);
    this.#history = history;
    this.#update();
    const on = (target: EventTarget, name: string, act: (event: Event) => void): void =>
      target.addEventListener(name, act, { capture: true, signal: this.signal });
    on(root, "pointerdown", () => history.begin(true));
    on(root, "click", (event) => (event as MouseEvent).detail === 0 && history.begin());
    on(root, "keydown", (event) => this.#key(event as KeyboardEvent, history));
    for (const name of ["pointerup", "pointercancel", "keyup", "blur"]) on(window, name, () => history.end());
  }

  #key(event: KeyboardEvent, history: History): void {
    if ((event.target as Element).matches(TEXT)) return;
    if (!event.repeat) history.begin(true);
    const isUndo = event.key.toLowerCase() === "z" && (event.ctrlKey || event.metaKey) && !event.altKey;
    if (!isUndo) return;
    event.preventDefault();
    event.stopPropagation();
    this.#go(event.shiftKey ? () => history.redo() : () => history.undo());
  }

  /** Several settings may change at once, with an event for each: look at them together. */
  #changed(): void {
    if (this.#due || this.#busy || this.#history === null) return;
    this.#due = true;
    queueMicrotask(() => {
      this.#due = false;
      this.#history?.record(this.source.settings, Date.now());
      this.#update();
    });
  }

  #go(choose: (history: History) => Settings | null): void {
    const wanted = this.#history && choose(this.#history);
    if (wanted === null) return;
    const { source } = this;
    const changes = changesTo(source.settings, wanted);
    if (changes.binSize !== undefined && !source.binSizes.includes(changes.binSize)) delete changes.binSize;
    this.#busy = true;
    source.set(changes);
    this.#busy = false;
    this.#history?.arrived(source.settings);
    this.#update();
  }

  #update(): void {
    const can = (element: HTMLElement, possible = false): void =>
      element.setAttribute("aria-disabled", String(!possible)); // disabled buttons would lose the focus
    can(this.#undo, this.#history?.canUndo);
    can(this.#redo, this.#history?.canRedo);
    can(this.#reset, this.#history?.canReset);
  }
}

const named = (name: string, text: string, title: string): HTMLElement => button(text, { "aria-label": name, title });
