/** A sheet of text over the page and the button that opens it; the browser closes it on Esc or a click outside. */

import { button, h } from "../base/dom";

export class Sheet {
  readonly button: HTMLButtonElement;
  readonly element: HTMLElement;
  /** What is below the heading. */
  readonly content = h("div");
  readonly #close = button("close");

  constructor(name: string, sign: string, heading: string, signal: AbortSignal) {
    const close = this.#close;
    this.button = button(sign, { "aria-label": name, title: name });
    this.element = h(
      "div",
      { class: "liq-help", popover: "auto", role: "dialog", "aria-label": name },
      h("div", { class: "liq-head" }, h("h2", {}, heading), close),
      this.content,
    );
    this.button.popoverTargetElement = this.element;
    close.addEventListener("click", () => this.element.hidePopover(), { signal });
    // Not by autofocus, which browsers block in frames of other sites, with an error in the console.
    this.element.addEventListener("toggle", () => this.element.matches(":popover-open") && close.focus(), { signal });
    // Keep keys pressed in the sheet from the notebook underneath.
    this.element.addEventListener("keydown", (event) => event.stopPropagation(), { signal });
  }

  open(): void {
    this.element.showPopover();
    this.#close.focus(); // at once, so that the next key is not one of the chart's
  }
}
