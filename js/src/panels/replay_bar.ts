/** Replay: the chart as it was at an earlier close, stepped by hand or played. Nothing later is shown or said. */

import type { Clock } from "../base/clock";
import { button, h, setText, unique } from "../base/dom";
import { price } from "../base/units";
import type { Chart, Hover } from "../chart/chart";
import { type Bars, closeTime } from "../frames/bars_and_ledger";
import type { Source } from "../source/settings";
import { guessText } from "./guess";

/** Candles per second; the first is the only one under reduced motion. */
const SPEEDS = [1, 2, 5, 10, 20];
/** Candles from the guess to the answer, as offered first. */
const AHEAD = 12;

/** A replay starts after this share of the candles. */
const START = 0.5;

export interface Replayed {
  readonly chart: Chart | null;
  readonly clock: Clock;
  /** Announce to screen readers. */
  say(words: string): void;
}

interface Guess {
  /** Column of the close before the guess, and of the answer. */
  from: number;
  to: number;
  price: number;
}

export class ReplayBar {
  readonly button = button("replay", { "aria-pressed": "false" });
  readonly element: HTMLElement;
  readonly #play = button("play", { title: "Play (space)" });
  readonly #back = button("◀", { title: "One candle back (,)" });
  readonly #next = button("▶", { title: "One candle on (.)" });
  readonly #speed = h("select", { class: "liq-select", "aria-label": "Candles per second" });
  readonly #scrub = h("input", {
    type: "range",
    min: 0,
    step: 1,
    class: "liq-slider",
    "aria-label": "Time of the replay",
  });
  readonly #time = h("output", { class: "liq-value" });
  readonly #ask = button("what happens next?", { title: "Mark where you expect the close, then reveal it" });
  readonly #now = button("now", { title: "End the replay" });
  readonly #price = h("input", { type: "number", step: "any", class: "liq-box liq-guess-price" });
  readonly #ahead = h("input", { type: "number", min: 1, max: 1000, step: 1, value: AHEAD, class: "liq-box" });
  readonly #mark = button("mark", { title: "Draw a line at your guess" });
  readonly #reveal = button("reveal", { title: "Play to the answer" });
  readonly #words = h("span", { role: "status", class: "liq-dim" });
  readonly #form: HTMLElement;
  readonly #still = matchMedia("(prefers-reduced-motion: reduce)");
  #timer = 0;
  #guess: Guess | null = null;
  /** Shows again what the view followed when the replay was started. */
  #resume = (): void => {};

  constructor(
    private readonly source: Source,
    private readonly view: Replayed,
    signal: AbortSignal,
  ) {
    const [priced, ahead] = [unique(), unique()];
    this.#price.id = priced;
    this.#ahead.id = ahead;
    for (const speed of SPEEDS) this.#speed.append(h("option", { value: speed }, `${speed} a second`));
    this.#speed.value = "5";
    this.#form = h(
      "div",
      { class: "liq-guess", hidden: true },
      h("label", { for: priced }, "Your guess of the close"),
      this.#price,
      h("label", { for: ahead }, "after so many candles"),
      this.#ahead,
      this.#mark,
      this.#reveal,
      this.#words,
    );
    this.element = h(
      "div",
      { class: "liq-replay", role: "group", "aria-label": "Replay", hidden: true },
      h(
        "div",
        { class: "liq-replay-line" },
        ...[this.#back, this.#play, this.#next, this.#speed, this.#scrub, this.#time, this.#ask, this.#now],
      ),
      this.#form,
    );
    const on = (element: HTMLElement, event: string, act: () => void): void =>
      element.addEventListener(event, act, { signal });
    on(this.button, "click", () => (this.isOn ? this.stop() : this.#start()));
    on(this.#play, "click", () => this.toggle());
    on(this.#back, "click", () => this.step(-1));
    on(this.#next, "click", () => this.step(1));
    on(this.#now, "click", () => this.stop());
    on(this.#speed, "change", () => this.#timer !== 0 && this.#run());
    on(this.#scrub, "input", () => this.#go(this.#scrub.valueAsNumber));
    on(this.#ask, "click", () => this.#open(this.#form.hidden === true));
    on(this.#mark, "click", () => this.#marked());
    on(this.#reveal, "click", () => this.#run());
    signal.addEventListener("abort", () => this.pause());
  }

  /** Whether a replay is shown; false too where there is nothing to replay. */
  get isOn(): boolean {
    return this.source.settings.asOf !== null && this.#bars !== null;
  }

  /** Show the state of the replay. */
  update(): void {
    const bars = this.#bars;
    this.button.hidden = bars === null;
    const { isOn } = this;
    this.element.hidden = !isOn;
    this.button.setAttribute("aria-pressed", String(isOn));
    if (!isOn) {
      this.pause();
      if (!this.#form.hidden) this.#open(false);
      this.#resume();
      this.#resume = () => {};
      return;
    }
    const at = this.#at;
    const time = this.view.clock.stamp(closeTime(bars!, at));
    this.#scrub.max = String(bars!.time.length - 1);
    this.#scrub.value = String(at);
    this.#scrub.setAttribute("aria-valuetext", time);
    setText(this.#time, time);
    this.#next.disabled = this.#isLast;
    this.#back.disabled = at === 0;
    setText(this.#play, this.#timer === 0 ? "play" : "pause");
    this.#speed.disabled = this.#still.matches;
    this.#answer(at);
  }

  /** Play, or pause. */
  toggle(): void {
    if (this.#timer === 0) this.#run();
    else this.pause();
    this.update();
  }

  step(candles: number): void {
    this.pause();
    this.#go(this.#at + candles);
  }

  pause(): void {
    clearInterval(this.#timer);
    this.#timer = 0;
  }

  stop(): void {
    this.pause();
    this.source.set({ asOf: null });
  }

  /** Take a price on the chart as the guess; returns whether one was asked for. */
  take({ price: at }: Hover): boolean {
    if (this.#form.hidden || at === null) return false;
    this.#price.value = this.#exact(at);
    return true;
  }

  /** The candles to replay, in a replay also the later ones; null: too few, or a window of a history. */
  get #bars(): Bars | null {
    const bars = this.source.field?.allBars ?? null;
    return bars === null || bars.time.length < 2 || bars.about.part ? null : bars;
  }

  /** The last column shown. */
  get #at(): number {
    return (this.source.field?.columns ?? 1) - 1;
  }

  get #isLast(): boolean {
    return this.#at >= (this.#bars?.time.length ?? 0) - 1;
  }

  /** Start in the middle of what is in view. */
  #start(): void {
    const bars = this.#bars;
    if (bars === null) return;
    const { chart } = this.view;
    const [first, last] = chart?.columnsInView ?? [0, bars.time.length - 1];
    const { follows, spansLevels } = chart?.fit ?? { follows: null, spansLevels: false };
    this.source.set({ shock: null }); // it starts from the last close
    if (follows !== null) this.#resume = () => chart!.fit.follow(follows, spansLevels);
    this.#go(Math.round(first + (last - first) * START));
    this.#play.focus({ preventScroll: true });
  }

  #go(column: number): void {
    const bars = this.#bars;
    if (bars === null) return;
    const at = Math.min(Math.max(column, 0), bars.time.length - 1);
    this.source.set({ asOf: closeTime(bars, at) });
  }

  #run(): void {
    this.pause();
    const speed = this.#still.matches ? SPEEDS[0]! : Number(this.#speed.value);
    this.#timer = window.setInterval(() => this.#tick(), 1000 / speed);
    this.update();
  }

  #tick(): void {
    if (this.#isLast || this.#at === this.#guess?.to) this.pause();
    else this.#go(this.#at + 1);
    if (this.#isLast || this.#at === this.#guess?.to) {
      this.pause();
      this.update();
    }
  }

  #open(open: boolean): void {
    this.pause();
    this.#form.hidden = !open;
    this.#ask.setAttribute("aria-pressed", String(open));
    this.#guess = null;
    this.view.chart?.expect(null);
    this.#reveal.disabled = true;
    const bars = this.#bars;
    if (!open || bars === null) return;
    this.#price.value = this.#exact(bars.close[this.#at]!);
    setText(this.#words, "A class exercise, not a forecast: the estimate has no direction.");
    this.#price.focus({ preventScroll: true });
  }

  #marked(): void {
    const bars = this.#bars;
    const [guess, ahead] = [this.#price.valueAsNumber, this.#ahead.valueAsNumber];
    if (bars === null) return;
    const most = bars.time.length - 1 - this.#at;
    const wrong = !(guess > 0 && guess < Infinity)
      ? "Enter a price above 0, or click on the chart."
      : most < 1
        ? "This is the last candle; go back first."
        : Number.isInteger(ahead) && ahead >= 1 && ahead <= most
          ? ""
          : `Enter 1 to ${most} candles.`;
    if (wrong !== "") {
      setText(this.#words, wrong);
      return;
    }
    this.#guess = { from: this.#at, to: this.#at + ahead, price: guess };
    this.view.chart?.expect(guess);
    this.#reveal.disabled = false;
    setText(this.#words, `Marked ${price(guess, bars.about.decimals)}. Reveal plays ${ahead} candles.`);
  }

  /** Compare the guess with the close that it was made for, once that is shown. */
  #answer(at: number): void {
    const bars = this.source.field?.bars;
    const guess = this.#guess;
    if (bars === undefined || guess === null || at < guess.to) return;
    const words = guessText(bars.close[guess.from]!, guess.price, bars.close[guess.to]!, bars.about.decimals);
    if (this.#words.textContent === words) return;
    this.#reveal.disabled = true;
    setText(this.#words, words);
    this.view.say(words);
  }

  #exact(at: number): string {
    return at.toFixed(this.#bars?.about.decimals ?? 2);
  }
}
