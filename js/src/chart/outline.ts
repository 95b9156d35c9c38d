/** The selection: its outline on the chart, the sums of its levels, and the button that lets any drag select. */

import { button, h, setText } from "../base/dom";
import { settled } from "../base/live_region";
import { usd } from "../base/units";
import { columnAt } from "../frames/bars_and_ledger";
import type { Field } from "../model/field";
import { type Level, levelSteps } from "../model/levels";
import type { Selection, Source } from "../source/settings";
import { attachBrush } from "./brush";
import type { Box, Chart } from "./chart";
import { revealPrices } from "./viewport";

/** Space that the sums need, CSS pixels. */
const [SUM_WIDTH, SUM_HEIGHT] = [250, 34];

/** Milliseconds for which the levels are added up at a time, so that a large box does not stop the page. */
const TURN = 8;

/** The sums of levels as text. */
function sumText(levels: Level[], currency: string): string {
  const sum = (side: "long" | "short"): number => levels.reduce((total, level) => total + level[side], 0);
  const parts = (["long", "short"] as const).filter((side) => sum(side) > 0);
  return `est. ${parts.map((side) => `${side} ${usd(sum(side), currency)}`).join(" · ") || "nothing here"}`;
}

export class Outline {
  readonly #sum = h("span");
  readonly #clear = button("×", { class: "liq-clear", "aria-label": "Clear the selection" });
  readonly element = h(
    "div",
    { class: "liq-outline", hidden: true, role: "group", "aria-label": "Selection" },
    h("div", { class: "liq-sum" }, this.#sum, this.#clear),
  );
  /** Pressed: the next drag selects, by finger too, and so do the arrow keys. */
  readonly button = button("", {
    class: "liq-button liq-dashed",
    title: "select a box",
    "aria-label": "select a box",
    "aria-pressed": "false",
  });
  #box: Box | null = null;
  /** The box in times and prices; the source may have it a little later. */
  #selection: Selection | null = null;
  #chart: Chart | null = null;
  /** Update the sums once the box and the settings rest. */
  readonly sum: () => void;
  #turn: ReturnType<typeof setTimeout> | undefined;

  /**
   * @param plot - gets the focus when the button is pressed
   * @param summed - called with the sums as text when they have changed
   */
  constructor(
    private readonly source: Source,
    plot: HTMLElement,
    private readonly summed: (words: string) => unknown,
    private readonly signal: AbortSignal,
  ) {
    source.on("selection", () => this.#point(), signal);
    this.#clear.addEventListener("click", () => this.choose(null), { signal });
    this.button.addEventListener(
      "click",
      () => {
        this.arm(!this.armed);
        if (this.armed) plot.focus({ preventScroll: true });
      },
      { signal },
    );
    this.sum = settled(() => this.#add(), signal);
    signal.addEventListener("abort", () => clearTimeout(this.#turn));
  }

  /** Whether drags and arrow keys select without Shift. */
  get armed(): boolean {
    return this.button.getAttribute("aria-pressed") === "true";
  }

  arm(on: boolean): void {
    this.button.setAttribute("aria-pressed", String(on));
    this.#chart?.element.classList.toggle("liq-selecting", on);
  }

  /** Enable selection by drags on a chart's price pane. */
  attach(chart: Chart): void {
    this.#chart = chart;
    const { pane } = chart;
    if (pane === null) return;
    const toBox = (rect: { x0: number; y0: number; x1: number; y1: number }): Box | null => {
      const { field } = this.source;
      return field && chart.boxAt(field, rect);
    };
    const armed = (): boolean => this.armed;
    attachBrush(
      pane,
      armed,
      toBox,
      (box) => this.choose(box),
      () => this.arm(false),
      this.signal,
    );
  }

  /** Select a box; null: clear the selection. */
  choose(box: Box | null): void {
    const time = this.source.field?.bars.time;
    this.#box = box;
    this.place();
    if (time === undefined) return;
    this.#selection = box && {
      time_from: time[box.columnFrom]!,
      time_to: time[box.columnTo]!,
      price_low: box.priceLow,
      price_high: box.priceHigh,
    };
    this.sum();
    this.source.select(this.#selection);
  }

  /** Show a selection that was made elsewhere, scrolling prices if it is out of view. */
  #point(): void {
    this.follow();
    if (this.#chart !== null && this.#box !== null) {
      revealPrices(this.#chart, this.#box.priceLow, this.#box.priceHigh);
    }
  }

  /** Update the box after the selection or the columns have changed. */
  follow(): void {
    const { selection, field } = this.source;
    if (field === null) return;
    this.#selection = selection;
    this.#box = selection && {
      columnFrom: columnAt(field.bars.time, selection.time_from),
      columnTo: columnAt(field.bars.time, selection.time_to),
      priceLow: selection.price_low,
      priceHigh: selection.price_high,
    };
    this.place();
    this.sum();
  }

  /** Update the outline's position. */
  place(): void {
    const { field } = this.source;
    const place = this.#box && field && placeOf(this.#chart, field, this.#box);
    this.element.hidden = !place;
    if (!place) return;
    put(this.element, place);
    // The sums stand above the box, or in it if there is no room; and never beyond the right edge.
    const { classList } = this.element;
    classList.toggle("liq-within", place.y < SUM_HEIGHT);
    classList.toggle(
      "liq-leftwards",
      place.x + SUM_WIDTH > this.#chart!.api.paneSize(0).width && place.x + place.width > SUM_WIDTH,
    );
  }

  /** Where the outline is, CSS pixels of the chart; null: nowhere in view. */
  get shown(): Place | null {
    const { field } = this.source;
    return this.#box && field && placeOf(this.#chart, field, this.#box);
  }

  /** The sums as text; "" without a selection. */
  get words(): string {
    return this.#box === null ? "" : this.#sum.textContent!;
  }

  /** Add the levels up, in turns. */
  #add(): void {
    clearTimeout(this.#turn);
    const { field } = this.source;
    if (field === null || this.#selection === null) {
      this.#write("");
      return;
    }
    const steps = levelSteps(field, this.#selection);
    const turn = (): void => {
      const end = performance.now() + TURN;
      let step = steps.next();
      while (!step.done && performance.now() < end) step = steps.next();
      if (step.done) this.#write(sumText(step.value, field.bars.about.currency));
      else this.#turn = setTimeout(turn);
    };
    turn();
  }

  #write(words: string): void {
    if (words === this.#sum.textContent) return;
    setText(this.#sum, words);
    if (words !== "") this.summed(words);
  }
}

/** A rectangle, CSS pixels. */
export interface Place {
  x: number;
  y: number;
  width: number;
  height: number;
}

/** The visible part of a box, with a minimum size; null if no part is in view. */
export function placeOf(chart: Chart | null, field: Field, box: Box, least = 0): Place | null {
  const rect = chart?.rectOf(field, box);
  if (!rect) return null;
  const pane = chart!.api.paneSize(0);
  const side = (from: number, to: number, size: number): [number, number] => {
    const room = Math.max(least - (to - from), 0) / 2;
    const start = Math.min(Math.max(from - room, 0), size);
    return [start, Math.min(Math.max(to + room, 0), size) - start];
  };
  const [x, width] = side(rect.x0, rect.x1, pane.width);
  const [y, height] = side(rect.y0, rect.y1, pane.height);
  return width > 0 && height > 0 ? { x, y, width, height } : null;
}

/** Move an element to a place. */
export function put({ style }: HTMLElement, { x, y, width, height }: Place): void {
  style.transform = `translate(${x}px, ${y}px)`;
  style.width = `${width}px`;
  style.height = `${height}px`;
}
