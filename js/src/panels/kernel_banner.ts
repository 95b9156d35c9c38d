/** The banner that reports problems with the kernel. */

import { h, setText } from "../base/dom";
import { isOver, kernelWords } from "../source/kernel";
import type { Source } from "../source/settings";

export class Banner {
  readonly element = h("div", { class: "liq-banner", role: "status", hidden: true });

  constructor(
    private readonly source: Source,
    signal: AbortSignal,
  ) {
    source.on("kernel", () => this.#update(), signal);
    this.#update();
  }

  #update(): void {
    const { kernel } = this.source;
    const again = document.body.dataset.voila === undefined ? "run its cell again" : "reload the page";
    const words = kernelWords(kernel, again);
    this.element.dataset.kernel = kernel;
    this.element.classList.toggle("liq-over", isOver(kernel));
    setText(this.element, words);
    this.element.hidden = words === "";
  }
}
