/** One view, independent of Jupyter: chart, readout and controls on a source. */

import { Clock } from "../base/clock";
import { h, NO_FORMULAS, setText, unique } from "../base/dom";
import { Speech } from "../base/live_region";
import { COLOURS, type Colours, GROUND, hostTheme, type Theme, watchTheme, withPaleCandles } from "../base/theme";
import { Chart, type Hover } from "../chart/chart";
import { Cursor } from "../chart/cursor";
import { takeHold } from "../chart/hold";
import { LinkedCrosshair } from "../chart/linked_crosshair";
import { Outline } from "../chart/outline";
import { RealisedLayer } from "../chart/realised_layer";
import { Push } from "../chart/shock_handle";
import { startHeartbeat } from "../source/heartbeat";
import type { Source } from "../source/settings";
import { AxisSwitches } from "./axis_switches";
import { LookBar } from "./colour_controls";
import { Controls } from "./controls";
import { Header } from "./header";
import { Help } from "./help";
import { Banner } from "./kernel_banner";
import { Legend } from "./legend";
import { LevelTable } from "./level_table";
import { linkText, watchAddress } from "./link";
import { NearLine } from "./near_line";
import { PaneNames } from "./pane_names";
import { attachPrintSheet } from "./print_sheet";
import { factsOf, Readout, sentenceOf } from "./readout";
import { ReplayBar } from "./replay_bar";
import { ScoreLine } from "./score_line";
import { Sight } from "./sight";
import { hidePictures } from "./static_picture";
import { UndoButtons } from "./undo_buttons";
import { WheelHint } from "./wheel_hint";

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
  readonly #names = new PaneNames();
  readonly #readout: Readout;
  readonly #controls: Controls;
  readonly #look: LookBar;
  readonly #legend = new Legend();
  readonly #header: Header;
  readonly #sight: Sight;
  readonly #push: Push;
  readonly #outline: Outline;
  readonly #cursor: Cursor;
  readonly #replay: ReplayBar;
  readonly #followAddress: () => void;
  readonly #speech: Speech;
  readonly #table: LevelTable;
  readonly #undo: UndoButtons;
  readonly #switches: AxisSwitches;
  readonly #still = matchMedia("(prefers-reduced-motion: reduce)");
  #chart: Chart | null = null;
  hover: Hover | null = null;
  /** The widget's font size, CSS pixels. */
  #letters = 12;
  #onScreen = true;
  #stale = false;
  #isFirst = true;
  #painted = 0;
  #marksShown = "";
  readonly #realised: RealisedLayer;
  readonly #linked: LinkedCrosshair;

  constructor(
    private readonly source: Source,
    host: HTMLElement,
    private readonly signal: AbortSignal,
  ) {
    this.#look = new LookBar(source, () => this.#chart?.brightest ?? 0, signal);
    this.#undo = new UndoButtons(source, signal);
    this.#controls = new Controls(source, this.#undo.element, this.#look.element, signal);
    this.#realised = new RealisedLayer(source);
    this.#linked = new LinkedCrosshair(source, (at) => this.#cursor.shown || this.#point(at, true), signal);
    const help = new Help(signal);
    this.#readout = new Readout(this.clock, this.#plot, () => this.#chart, signal);
    this.#push = new Push(source, (words) => this.#legend.showPush(words), signal);
    this.#replay = new ReplayBar(source, this, signal);
    this.#sight = new Sight(source, () => this.#chart, signal);
    const tools = [this.#sight.element, this.#replay.button, this.#push.button];
    this.#speech = new Speech(signal);
    const say = (words: string): unknown => this.#cursor.shown && this.#speech.say(words);
    this.#outline = new Outline(source, this.#plot, say, signal);
    this.#header = new Header(source, this.#legend, this, help, this.#outline, tools, signal);
    const acts = { help: () => help.open(), more: () => this.#readout.toggle(), replay: this.#replay };
    this.#cursor = new Cursor(source, this.#plot, this.#outline, (at) => this.#keyed(at), acts, signal);
    this.#table = new LevelTable(
      () => ({ field: source.field, column: this.#column, rows: this.#chart?.rowsInView ?? null }),
      this.clock,
      signal,
    );
    this.#switches = new AxisSwitches(source, this.clock, () => this.#retime(), signal);
    const over = [
      this.#readout.element,
      this.#readout.tip,
      this.#legend.element,
      ...this.#names.elements,
      this.#outline.element,
      this.#push.element,
      new WheelHint(this.#plot, signal).element,
    ];
    const last = [this.#cursor.element, ...this.#switches.elements, this.#look.bar.element, this.#wait];
    const frame = h("div", { class: "liq-frame" }, this.#plot, ...over, ...last);
    const parts = [
      this.#header.element,
      new Banner(source, signal).element,
      frame,
      this.#replay.element,
      new ScoreLine(source, signal).element,
      new NearLine(source, signal).element,
      this.#controls.element,
      this.#table.element,
    ];
    this.#root = h("div", { class: `liq ${NO_FORMULAS}` }, ...parts, this.#speech.element, help.element, this.#hint);
    Object.assign(this.#root, { liqwidget: this, liqLink: () => linkText(source.settings, source.visible) });
    host.append(this.#root);
    attachPrintSheet(this.#root, this, this.#outline, source, signal);
    const told = (problem: string): void => {
      this.#header.note = problem;
      this.#header.showStatus();
    };
    this.#followAddress = watchAddress(source, (visible) => this.#sight.follow(visible), told, signal);
    signal.addEventListener("abort", () => this.#remove());
    this.#observe(frame);
    takeHold(this.#plot, () => this.#chart, signal);
    this.#plot.addEventListener("click", () => this.hover !== null && this.#replay.take(this.hover), { signal });
    source.on("picture", () => this.#picture(0), signal);
    source.on("tail", () => this.#picture(source.tailFrom), signal);
    source.on("settings", () => this.#settings(), signal);
    source.on("status", () => this.#status(), signal);
    source.on("marks", () => this.#marks(), signal);
    source.on("near", () => this.#chart?.near.show(source.near.levels), signal);
    source.on("positions", () => this.#chart?.drawProfile(), signal);
    startHeartbeat(source, signal);
    watchTheme(() => this.#theme(), signal);
    this.#settings();
    this.#status();
  }

  /** The heatmap's bitmap, one pixel per pooled cell, for tests and export. */
  get bitmap(): HTMLCanvasElement | null {
    return this.#chart?.heatmap.bitmap.canvas ?? null;
  }

  get chart(): Chart | null {
    return this.#chart;
  }

  say(words: string): void {
    this.#speech.say(words);
  }

  /** What is said of the numbers, and the legend. */
  get words(): string[] {
    return this.#header.words;
  }

  /** Place everything that depends on the layout. */
  #placeLabels(): void {
    if (this.#chart === null) return;
    this.#names.place(this.#chart, this.#letters);
    this.#readout.place();
    this.#switches.place(this.#chart);
  }

  #observe(frame: HTMLElement): void {
    const resize = new ResizeObserver(() => {
      const { width, height } = this.#plot.getBoundingClientRect();
      if (width < 2 || height < 2) return; // not laid out, or scrolled out of JupyterLab's window
      if (this.#chart === null) this.#start();
      this.#adapt();
      this.#chart!.resize();
    });
    resize.observe(this.#plot);
    resize.observe(this.#header.element); // its size changes with the font size
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

  #start(): void {
    const { source } = this;
    this.#chart = new Chart(
      this.#plot,
      {
        heatmap: () => {
          const { palette, scale, threshold, swept, opacity, layer, contrast } = source.settings;
          const look = { palette, scale, threshold, swept, contrast };
          const scaled = (perUsd: number): boolean => this.#sight.auto.adapt(perUsd);
          return { field: source.field, layer, realised: this.#realised.cells, look, opacity, scaled, ground: GROUND };
        },
        // The what-if starts from the last close.
        profileColumn: () => (source.settings.shock === null ? this.#column : source.field!.columns - 1),
        placed: () => this.#realised.bubbles,
        positions: () => source.positions,
        outlined: (scale) =>
          this.#legend.showPositions(source.positions, scale, source.field?.bars.about.currency ?? ""),
        profiled: (canvas, size, rows) => this.#push.draw(canvas, size, rows),
        ranged: () => this.#point(this.hover),
        painted: (changed) => this.#afterPaint(changed),
        hovered: (hover, byHand) => {
          // The pointer takes over from the keyboard only if the user moved it, not if the chart moved under it.
          if (this.#cursor.shown && !byHand) return;
          this.#cursor.hide();
          this.#point(hover);
          if (byHand || hover === null) this.#linked.tell(hover);
        },
        scrolled: () => this.#scrolled(),
        logo: source.saved !== true,
        clock: this.clock,
      },
      this.#colours,
    );
    this.#chart.axis.use(source.settings.priceAxis);
    this.#picture(0);
    this.#outline.attach(this.#chart);
    this.#cursor.attach(this.#chart);
  }

  #picture(from: number): void {
    const { field } = this.source;
    if (field === null || this.#chart === null) return;
    const { about } = field.bars;
    this.#wait.hidden = true;
    const visible = this.#sight.wanted(this.#isFirst);
    if (this.#chart.show(field.bars, from)) this.#sight.follow(visible);
    if (this.#isFirst) {
      this.#followAddress();
      this.#undo.start(this.#root);
    }
    this.#isFirst = false;
    this.#header.showTitle();
    const candles = this.source.settings.asOf === null ? about.candles : field.columns;
    const name = about.symbol ? ` of ${about.symbol}` : "";
    this.#plot.setAttribute("aria-label", `Estimated liquidation heatmap${name}, ${candles} candles`);
    this.#chart.near.show(this.source.near.levels);
    this.#marks();
    this.#outline.follow();
    this.#sight.update();
    this.#settings();
  }

  #settings(): void {
    const { height, bubbles, layer, priceAxis } = this.source.settings;
    this.#plot.style.height = `${height}px`;
    this.#theme();
    this.#chart?.axis.use(priceAxis);
    this.#controls.update();
    const { field } = this.source;
    const replayed = field !== null && this.#chart !== null && field.bars !== this.#chart.bars;
    if (replayed) this.#chart!.replay(field.bars); // which redraws the heat
    this.#replay.update();
    const shown = `${layer} ${bubbles}`;
    if (shown !== this.#marksShown) this.#marks();
    this.#marksShown = shown;
    if (!replayed && !this.#sight.auto.busy) this.#invalidate();
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

  /** Realised liquidations lie where the candles are. */
  get #colours(): Colours {
    const colours = COLOURS[this.theme];
    return this.source.settings.layer === "estimate" ? colours : withPaleCandles(colours);
  }

  #theme(): void {
    const name = this.theme;
    const { layer } = this.source.settings;
    const { dataset } = this.#root;
    if (dataset.theme === name && dataset.layer === layer) return;
    dataset.theme = name;
    dataset.layer = layer;
    this.#chart?.recolour(this.#colours);
  }

  /** Column whose levels are shown beside the chart. */
  get #column(): number {
    return Math.min(this.hover?.column ?? Infinity, (this.source.field?.columns ?? 0) - 1);
  }

  /** The pointer or cursor, or that of a linked view, is over a cell; null: over none. */
  #point(hover: Hover | null, byLink = false): void {
    if (byLink) this.#chart?.point(hover);
    this.hover = hover;
    this.#showReadout();
    this.#chart?.drawProfile();
    this.#table.update();
  }

  /** The user has moved the cursor by keyboard: show its cell and announce it to screen readers. */
  #keyed(at: Hover | null): void {
    this.#point(at);
    this.#linked.tell(at);
    const { field } = this.source;
    const facts = at?.price == null || field === null ? null : factsOf(field, at.column, at.price, this.clock);
    this.#speech.say(facts === null ? "" : sentenceOf(facts));
  }

  #retime(): void {
    this.#chart?.retime();
    this.#replay.update();
    this.#header.showBadge();
    this.#showReadout();
    this.#table.update();
  }

  /** Adopt the page's font size and the user's preference for reduced motion. */
  #adapt(): void {
    this.#letters = Number.parseFloat(getComputedStyle(this.#root).fontSize);
    this.#root.classList.toggle("liq-narrow", this.#root.clientWidth < 60 * this.#letters);
    this.#look.bar.update();
    this.#chart?.adapt((this.#letters * 11) / 12, this.#still.matches);
  }

  /** Request a repaint; off screen, postpone it until the view is visible. */
  #invalidate(): void {
    this.#stale = !this.#onScreen;
    if (this.#onScreen) this.#chart?.redraw();
  }

  #afterPaint(changed: boolean): void {
    this.#outline.place();
    this.#cursor.place();
    this.#placeLabels();
    this.#sight.painted();
    this.#table.update();
    if (!changed) return;
    this.#look.update();
    this.#outline.sum();
    this.#header.showBadge();
    if (this.#painted === 0) hidePictures(this.#root, this.source.pictureId, this.signal);
    this.#root.dataset.rev = String(++this.#painted);
    this.#showReadout();
  }

  #showReadout(): void {
    const near = this.hover && (this.#realised.at(this.hover) ?? this.#chart?.realisedNear(this.hover));
    const band = this.source.settings.shock === null ? this.#chart?.profile.band : null; // not of this candle
    this.#readout.update(this.source.field, this.hover, near ?? null, band);
  }

  /** Realised liquidations have changed, or how they are shown. */
  #marks(): void {
    const { marks, field, settings } = this.source;
    const { bubbles, layer } = settings;
    this.#legend.showMarks(bubbles && layer === "estimate" ? marks : null, field?.bars.about ?? null);
    this.#legend.showLayer(layer, marks, field?.bars.about ?? null);
    this.#look.updateMarks();
    this.#chart?.drawBubbles();
    this.#header.showBadge();
    this.#showReadout();
  }

  #scrolled(): void {
    this.#cursor.follow();
    this.#sight.report();
  }

  #remove(): void {
    this.#chart?.remove();
    this.#chart = null;
    this.#root.remove();
  }
}
