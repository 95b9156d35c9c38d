/** A checkbox for each venue of a combined market. Their estimates add up, so that no kernel is needed. */

import { h } from "../base/dom";
import type { Source } from "../source/settings";

export class VenueBoxes {
  readonly element = h("fieldset", { class: "liq-group liq-buttons liq-venues" });

  constructor(
    private readonly source: Source,
    signal: AbortSignal,
  ) {
    this.element.addEventListener(
      "change",
      () => {
        const venues = this.#boxes.filter((box) => box.checked).map((box) => box.value);
        if (venues.length > 0) source.set({ venues });
        else this.update(); // at least one is shown
      },
      { signal },
    );
  }

  get #boxes(): HTMLInputElement[] {
    return [...this.element.querySelectorAll("input")];
  }

  update(): void {
    const names = [...(this.source.field?.allBars.venues.keys() ?? [])];
    this.element.hidden = names.length === 0;
    if (names.join() !== this.#boxes.map(({ value }) => value).join()) {
      const box = (value: string): HTMLElement => h("label", {}, h("input", { type: "checkbox", value }), value);
      this.element.replaceChildren(h("legend", {}, "Venues"), ...names.map(box));
    }
    for (const box of this.#boxes) box.checked = this.source.settings.venues.includes(box.value);
  }
}
