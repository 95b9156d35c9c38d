/** One view, without Jupyter: chart, readout and controls around a source. */

import { Clock, clockSwitch } from "../base/clock";
import { h, setText, unique } from "../base/dom";
import { Speech } from "../base/live_region";
import { COLOURS, GROUND, hostTheme, type Theme, watchTheme } from "../base/theme";
import { Chart, type Hover } from "../chart/chart";
import { Cursor } from "../chart/cursor";
import { columnBefore, Outline } from "../chart/outline";
import { Push } from "../chart/shock_handle";
import { showColumns, timesInView } from "../chart/viewport";
import type { Bars } from "../frames/bars_and_ledger";
import { type Placed, placeMarks } from "../frames/marks";
import { startHeartbeat } from "../source/heartbeat";
import type { Source, Visible } from "../source/settings";
import { LookBar } from "./colour_controls";
import { Controls } from "./controls";
import { Header } from "./header";
import { Help } from "./help";
import { Banner } from "./kernel_banner";
import { Legend } from "./legend";
import { LevelTable } from "./level_table";
import { factsOf, Readout, sentenceOf } from "./readout";

/** Show a source inside `host` until the signal aborts. */
export function mount(source: Source, host: HTMLElement, signal: AbortSignal): void {
  new View(source, host, signal);
}

class View {
  readonly #root: HTMLElement;
  readonly clock = new Clock();
  readonly #hint = h("div", { id: unique(), hidden: true }, "Arrow keys move over the cells. Question mark: all keys.");
  readonly #plot = h("div", {
    class: "liq-plot",
    tabindex: 0,
    role: "application",
    "aria-roledescription": "heatmap",
    "aria-describedby": this.#hint.id,
  });
  readonly #wait = h("div", { class: "liq-wait" }, "Preparing the picture …");
  readonly #labels = [
    h("div", { class: "liq-label" }, "volume, coins"),
    h("div", { class: "liq-label" }, "open interest, coins"),
  ];
  readonly #readout = new Readout(this.clock);
  readonly #controls: Controls;
  readonly #look: LookBar;
  readonly #legend = new Legend();
  readonly #header: Header;
  readonly #push: Push;
  readonly #outline: Outline;
  readonly #cursor: Cursor;
  readonly #speech: Speech;
  readonly #table: LevelTable;
  readonly #switch: HTMLElement;
  readonly #still = matchMedia("(prefers-reduced-motion: reduce)");
  #chart: Chart | null = null;
  #hover: Hover | null = null;
  /** Size of the widget's letters, CSS pixels. */
  #letters = 12;
  #onScreen = true;
  #stale = false;
  #isFirst = true;
  #painted = 0;
  #bubbles = true;
  /** Where the marks stand, and of which bars. */
  #placed: { placed: Placed; bars: Bars } | null = null;

  constructor(
    private readonly source: Source,
    host: HTMLElement,
    private readonly signal: AbortSignal,
  ) {
    this.#controls = new Controls(source, signal);
    this.#look = new LookBar(source, signal);
    const help = new Help(signal);
    this.#push = new Push(source, this.#legend, signal);
    this.#header = new Header(source, this.#legend, this, help, this.#push, signal);
    this.#outline = new Outline(source, signal);
    this.#speech = new Speech(signal);
    const keyed = (at: Hover | null): void => this.#keyed(at);
    this.#cursor = new Cursor(source, this.#plot, this.#outline, keyed, () => help.open(), signal);
    this.#table = new LevelTable(
      () => ({ field: source.field, column: this.#column, rows: this.#chart?.rowsInView ?? null }),
      this.clock,
      signal,
    );
    this.#switch = clockSwitch(this.clock, () => this.#retime(), signal);
    this.#controls.element.append(this.#look.element);
    const over = [
      this.#readout.element,
      this.#legend.element,
      ...this.#labels,
      this.#outline.element,
      this.#push.element,
    ];
    const frame = h("div", { class: "liq-frame" }, this.#plot, ...over, this.#cursor.element, this.#switch, this.#wait);
    const banner = new Banner(source, signal).element;
    const parts = [this.#header.element, banner, frame, this.#controls.element, this.#table.element];
    this.#root = h("div", { class: "liq" }, ...parts, this.#speech.element, help.element, this.#hint);
    Object.assign(this.#root, { liqwidget: this });
    host.append(this.#root);
    signal.addEventListener("abort", () => this.#remove());
    this.#observe(frame);
    this.#wheel();
    source.on("picture", () => this.#picture(0), signal);
    source.on("tail", () => this.#picture(source.tailFrom), signal);
    source.on("settings", () => this.#settings(), signal);
    source.on("status", () => this.#status(), signal);
    source.on("marks", () => this.#marks(), signal);
    source.on("visible", () => this.#follow(source.visible), signal);
    source.on("positions", () => this.#chart?.drawProfile(), signal);
    startHeartbeat(source, signal);
    watchTheme(() => this.#theme(), signal);
    this.#settings();
    this.#status();
  }

  /** The heatmap's own bitmap, one pixel a pooled cell, for tests and export. */
  get bitmap(): HTMLCanvasElement | null {
    return this.#chart?.heatmap.bitmap.canvas ?? null;
  }

  get chart(): Chart | null {
    return this.#chart;
  }

  /** What is said of the data and of the marks over it. */
  get words(): string[] {
    return this.#header.words;
  }

  /** Names of the lower panes, kept at their tops. */
  #placeLabels(): void {
    let top = 0;
    const panes = this.#chart?.api.panes() ?? [];
    for (const [i, pane] of panes.entries()) {
      const label = this.#labels[i - 1];
      if (label) label.style.top = `${top + 3}px`;
      top += pane.getHeight() + 1;
    }
    for (const [i, label] of this.#labels.entries()) label.hidden = i + 1 >= panes.length;
    const bottom = this.source.settings.height - (panes[0]?.getHeight() ?? 0) + 5;
    this.#legend.element.style.bottom = `${bottom}px`;
    if (this.#chart === null) return;
    const { api, clear } = this.#chart;
    this.#readout.fit(clear, api.paneSize(0).width, this.#letters);
    const axis = api.timeScale().height();
    const { style } = this.#switch;
    style.width = `${api.priceScale("right").width()}px`;
    style.height = `${axis}px`;
    style.top = `${this.source.settings.height - axis}px`;
  }

  #observe(frame: HTMLElement): void {
    const resize = new ResizeObserver(() => {
      const { width, height } = this.#plot.getBoundingClientRect();
      if (width < 2 || height < 2) return; // not laid out, or scrolled out of JupyterLab's window
      if (this.#chart === null) this.#start();
      else this.#chart.resize(width, height);
      this.#adapt();
    });
    resize.observe(this.#plot);
    resize.observe(this.#header.element); // which changes with the size of letters
    this.#still.addEventListener("change", () => this.#adapt(), { signal: this.signal });
    const sight = new IntersectionObserver(([entry]) => {
      this.#onScreen = entry?.isIntersecting ?? true;
      if (this.#onScreen && this.#stale) this.#invalidate();
    });
    sight.observe(frame);
    this.signal.addEventListener("abort", () => {
      resize.disconnect();
      sight.disconnect();
    });
  }

  /** The page keeps the wheel until the chart has focus or Ctrl is held. */
  #wheel(): void {
    const { signal } = this;
    this.#plot.addEventListener(
      "pointerdown",
      () => {
        this.#plot.focus({ preventScroll: true });
        this.#chart?.release();
      },
      { signal },
    );
    this.#plot.addEventListener("focus", () => this.#chart?.takeWheel(true), { signal });
    this.#plot.addEventListener("blur", () => this.#chart?.takeWheel(false), { signal });
    this.#plot.addEventListener(
      "wheel",
      (event) => {
        const focused = this.#plot.matches(":focus");
        if (focused || event.ctrlKey) this.#chart?.release();
        this.#chart?.takeWheel(focused || event.ctrlKey);
        if (event.ctrlKey && !focused)
          requestAnimationFrame(() => this.#chart?.takeWheel(this.#plot.matches(":focus")));
      },
      { capture: true, passive: true, signal },
    );
  }

  #start(): void {
    const { source } = this;
    const field = () => source.field;
    this.#chart = new Chart(
      this.#plot,
      {
        heatmap: () => {
          const { palette, scale, threshold, swept, opacity } = source.settings;
          return { field: field(), look: { palette, scale, threshold, swept }, opacity, ground: GROUND };
        },
        // A push begins at the last close.
        profileColumn: () => (source.settings.shock === null ? this.#column : field()!.ledger.columns - 1),
        placed: () => this.#placedMarks(),
        positions: () => source.positions,
        outlined: (scale) => this.#legend.showPositions(source.positions, scale),
        profiled: (canvas, size, y) => this.#push.draw(canvas, size, y),
        ranged: () => this.#point(this.#hover),
        painted: (changed) => this.#afterPaint(changed),
        hovered: (hover, byHand) => {
          // The last hand wins; what the chart does by itself moves no cursor.
          if (this.#cursor.shown && !byHand) return;
          this.#cursor.hide();
          this.#point(hover);
        },
        scrolled: () => this.#scrolled(),
        logo: source.saved !== true,
        clock: this.clock,
      },
      COLOURS[this.theme],
    );
    this.#picture(0);
    this.#outline.attach(this.#chart);
    this.#cursor.attach(this.#chart);
  }

  #picture(from: number): void {
    const { field } = this.source;
    if (field === null || this.#chart === null) return;
    const { bars } = field;
    const { about } = bars;
    this.#wait.hidden = true;
    // Another window of a history keeps the times in view, unless it was cut for others.
    const visible = this.#isFirst ? this.source.visible : (about.view ?? this.#view());
    if (this.#chart.show(bars, from)) this.#follow(visible);
    this.#isFirst = false;
    this.#header.showTitle();
    this.#plot.setAttribute("aria-label", `Estimated liquidation heatmap of ${about.symbol}, ${about.candles} candles`);
    this.#marks();
    this.#outline.follow();
    this.#settings();
  }

  #settings(): void {
    const { height, bubbles } = this.source.settings;
    this.#plot.style.height = `${height}px`;
    this.#theme();
    this.#controls.update();
    if (bubbles !== this.#bubbles) this.#marks();
    this.#bubbles = bubbles;
    this.#invalidate();
  }

  #status(): void {
    const { state, message } = this.source.status;
    this.#root.dataset.state = state;
    this.#header.showStatus();
    if (this.source.field === null && message !== "") setText(this.#wait, message);
    this.#controls.update();
  }

  get theme(): Theme {
    const { theme } = this.source.settings;
    return theme === "auto" ? hostTheme(this.#root.parentElement ?? this.#root) : theme;
  }

  #theme(): void {
    const name = this.theme;
    if (this.#root.dataset.theme === name) return;
    this.#root.dataset.theme = name;
    this.#chart?.recolour(COLOURS[name]);
  }

  /** Column whose levels are shown beside the chart. */
  get #column(): number {
    return Math.min(this.#hover?.column ?? Infinity, (this.source.field?.ledger.columns ?? 0) - 1);
  }

  /** A pointer or the cursor is over a cell, or over none. */
  #point(hover: Hover | null): void {
    this.#hover = hover;
    this.#showReadout();
    this.#chart?.drawProfile();
    this.#table.update();
  }

  /** The keys have moved the cursor: what a pointer would show is said as well. */
  #keyed(at: Hover | null): void {
    this.#point(at);
    const { field } = this.source;
    const facts = at?.price == null || field === null ? null : factsOf(field, at.column, at.price, this.clock);
    this.#speech.say(facts === null ? "" : sentenceOf(facts));
  }

  #retime(): void {
    this.#chart?.retime();
    this.#showReadout();
    this.#table.update();
  }

  /** Follow the size of the page's letters and the wish for stillness. */
  #adapt(): void {
    this.#letters = Number.parseFloat(getComputedStyle(this.#root).fontSize);
    this.#root.classList.toggle("liq-narrow", this.#plot.clientWidth < 60 * this.#letters);
    this.#chart?.adapt((this.#letters * 11) / 12, this.#still.matches);
  }

  /** Ask for one repaint in the coming frame; out of sight, remember that one is due. */
  #invalidate(): void {
    this.#stale = !this.#onScreen;
    if (this.#onScreen) this.#chart?.redraw();
  }

  #afterPaint(changed: boolean): void {
    this.#outline.place();
    this.#cursor.place();
    this.#placeLabels();
    this.#table.update();
    if (!changed) return;
    this.#look.update();
    this.#header.showBadges();
    this.#root.dataset.rev = String(++this.#painted);
    this.#showReadout();
  }

  #showReadout(): void {
    const near = this.#hover && this.#chart?.realisedNear(this.#hover);
    const band = this.source.settings.shock === null ? this.#chart?.profile.band : null; // else of another candle
    this.#readout.update(this.source.field, this.#hover, near ?? null, band);
  }

  /** The marks to draw, put into the present columns; null where none are there or wanted. */
  #placedMarks(): Placed | null {
    const { marks, field, settings } = this.source;
    if (marks === null || field === null || !settings.bubbles) return null;
    if (this.#placed?.placed.marks !== marks || this.#placed.bars !== field.bars) {
      this.#placed = { placed: placeMarks(marks, field.bars), bars: field.bars };
    }
    return this.#placed.placed;
  }

  /** Realised liquidations have come, or are switched on or off. */
  #marks(): void {
    const { marks, field, settings } = this.source;
    this.#legend.showMarks(settings.bubbles ? marks : null, field?.bars.about.simulated === true);
    this.#look.updateMarks();
    this.#chart?.drawBubbles();
    this.#header.showBadges();
    this.#showReadout();
  }

  #scrolled(): void {
    this.#cursor.follow();
    this.source.show(this.#view());
  }

  #view(): Visible | null {
    return this.#chart && timesInView(this.#chart);
  }

  #follow(visible: Visible | null): void {
    const { field } = this.source;
    if (field === null || this.#chart === null) return;
    if (visible === null) this.#chart.fitCandles();
    else {
      const { time } = field.bars;
      showColumns(this.#chart, field, columnBefore(time, visible.time_from), columnBefore(time, visible.time_to));
    }
  }

  #remove(): void {
    this.#chart?.remove();
    this.#chart = null;
    this.#root.remove();
  }
}
