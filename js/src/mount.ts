/** One view, without Jupyter: chart, readout and controls around a source. */

import { attachBrush } from "./brush";
import { type Box, Chart, type Hover } from "./chart";
import { Controls } from "./controls";
import { h, setText } from "./dom";
import { type Placed, placeMarks } from "./events";
import { startHeartbeat } from "./heartbeat";
import type { Bars } from "./ledger";
import { Legend, outsideText } from "./legend";
import { LookBar } from "./look";
import { Pill } from "./pill";
import { Readout } from "./readout";
import { SaveMenu } from "./save";
import type { Source } from "./settings";
import { COLOURS, GROUND, hostTheme, type Theme, watchTheme } from "./theme";

/** Show a source inside `host` until the signal aborts. */
export function mount(source: Source, host: HTMLElement, signal: AbortSignal): void {
  new View(source, host, signal);
}

class View {
  readonly #root: HTMLElement;
  readonly #plot = h("div", { class: "liq-plot", tabindex: 0, role: "img" });
  readonly #outline = h("div", { class: "liq-outline", hidden: true, "aria-hidden": "true" });
  readonly #title = h("div", { class: "liq-title" });
  readonly #badges = h("div", { class: "liq-badges" });
  readonly #message = h("div", { class: "liq-message", role: "status" });
  readonly #wait = h("div", { class: "liq-wait" }, "Preparing the picture …");
  readonly #labels = [
    h("div", { class: "liq-label" }, "volume, coins"),
    h("div", { class: "liq-label" }, "open interest, coins"),
  ];
  readonly #readout = new Readout();
  readonly #controls: Controls;
  readonly #look: LookBar;
  readonly #legend = new Legend();
  readonly #pill: Pill;
  #chart: Chart | null = null;
  #hover: Hover | null = null;
  #box: Box | null = null;
  #onScreen = true;
  #stale = false;
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
    this.#pill = new Pill(() => source.live, signal);
    this.#controls.element.append(this.#look.element);
    const over = [this.#readout.element, this.#legend.element, ...this.#labels, this.#outline, this.#wait];
    const frame = h("div", { class: "liq-frame" }, this.#plot, ...over);
    const head = h(
      "div",
      { class: "liq-header" },
      this.#title,
      this.#pill.element,
      this.#badges,
      this.#message,
      this.#fitButtons(),
    );
    this.#root = h("div", { class: "liq" }, head, frame, this.#controls.element);
    Object.assign(this.#root, { liqwidget: this });
    host.append(this.#root);
    signal.addEventListener("abort", () => this.#remove());
    this.#observe(frame);
    this.#wheel();
    source.on("picture", () => this.#picture(0), signal);
    source.on("tail", () => this.#picture(source.tailFrom), signal);
    source.on("settings", () => this.#settings(), signal);
    source.on("status", () => this.#status(), signal);
    source.on("selection", () => this.#selection(), signal);
    source.on("marks", () => this.#marks(), signal);
    source.on("positions", () => this.#chart?.drawProfile(), signal);
    source.on("live", () => this.#pill.update(), signal);
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
    return [...Array.from(this.#badges.children, (badge) => badge.textContent ?? ""), ...this.#legend.words];
  }

  #fitButtons(): HTMLElement {
    const button = (text: string, fit: () => void): HTMLElement => {
      const element = h("button", { type: "button", class: "liq-button" }, text);
      element.addEventListener("click", fit, { signal: this.signal });
      return element;
    };
    return h(
      "div",
      { class: "liq-fit" },
      button("fit candles", () => this.#chart?.fitCandles()),
      button("fit levels", () => this.#chart?.fitLevels()),
      new SaveMenu(this.source, this, this.signal).element,
    );
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
  }

  #observe(frame: HTMLElement): void {
    const resize = new ResizeObserver(() => {
      const { width, height } = this.#plot.getBoundingClientRect();
      if (width < 2 || height < 2) return; // not laid out, or scrolled out of JupyterLab's window
      this.#root.classList.toggle("liq-narrow", width < 720);
      if (this.#chart === null) this.#start();
      else this.#chart.resize(width, height);
    });
    resize.observe(this.#plot);
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
    this.#plot.addEventListener("keydown", (event) => event.key === "Escape" && this.#plot.blur(), { signal });
    this.#plot.addEventListener(
      "wheel",
      (event) => {
        const focused = document.activeElement === this.#plot;
        if (focused || event.ctrlKey) this.#chart?.release();
        this.#chart?.takeWheel(focused || event.ctrlKey);
        if (event.ctrlKey && !focused)
          requestAnimationFrame(() => this.#chart?.takeWheel(document.activeElement === this.#plot));
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
        profileColumn: () => Math.min(this.#hover?.column ?? Infinity, (field()?.ledger.columns ?? 0) - 1),
        placed: () => this.#placedMarks(),
        positions: () => source.positions,
        outlined: (scale) => this.#legend.showPositions(source.positions, scale),
        painted: (changed) => this.#afterPaint(changed),
        hovered: (hover) => {
          this.#hover = hover;
          this.#showReadout();
          this.#chart?.drawProfile();
        },
        scrolled: () => this.#scrolled(),
        logo: source.saved !== true,
      },
      COLOURS[this.theme],
    );
    this.#picture(0);
    const pane = this.#chart.pane;
    if (pane !== null) {
      const toBox = (rect: { x0: number; y0: number; x1: number; y1: number }): Box | null => {
        const now = field();
        return now === null ? null : (this.#chart?.boxAt(now, rect) ?? null);
      };
      attachBrush(pane, toBox, (box) => this.#brushed(box), this.signal);
    }
  }

  #picture(from: number): void {
    const { field } = this.source;
    if (field === null || this.#chart === null) return;
    const { bars } = field;
    const { about } = bars;
    this.#wait.hidden = true;
    this.#chart.show(bars, from);
    setText(this.#title, [about.symbol, about.exchange, about.interval].filter(Boolean).join(" · "));
    this.#plot.setAttribute("aria-label", `Estimated liquidation heatmap of ${about.symbol}, ${about.candles} candles`);
    this.#marks();
    this.#selection();
    this.#settings();
  }

  /** What a reader has to know about the numbers; part of it depends on the mix. */
  #showBadges(): void {
    const { field } = this.source;
    if (field === null) return;
    const { about } = field.bars;
    const beyond = field.weights.reduce((sum, weight, i) => sum + weight * (field.ledger.beyond[i] ?? 0), 0);
    const texts = ["estimate, not a forecast", ...about.notices];
    if (beyond >= 0.005) texts.push(`${Math.round(beyond * 100)} % of the notional has levels beyond these rows`);
    const badges = texts.map((text) => h("span", { class: "liq-badge" }, text));
    const outside = this.source.marks === null ? "" : outsideText(this.source.marks);
    if (outside !== "") badges.push(h("span", { class: "liq-badge" }, outside));
    if (this.source.saved) badges.push(h("span", { class: "liq-badge" }, "saved page: nothing is live"));
    if (about.simulated) badges.unshift(h("span", { class: "liq-badge liq-loud" }, "simulated market"));
    if (this.#badges.textContent !== badges.map((badge) => badge.textContent).join(""))
      this.#badges.replaceChildren(...badges);
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
    setText(this.#message, message);
    this.#message.hidden = message === "";
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

  /** Ask for one repaint in the coming frame; out of sight, remember that one is due. */
  #invalidate(): void {
    this.#stale = !this.#onScreen;
    if (this.#onScreen) this.#chart?.redraw();
  }

  #afterPaint(changed: boolean): void {
    this.#outlineAt();
    this.#placeLabels();
    if (!changed) return;
    this.#look.update();
    this.#showBadges();
    this.#root.dataset.rev = String(++this.#painted);
    this.#showReadout();
  }

  #showReadout(): void {
    const near = this.#hover && this.#chart?.realisedNear(this.#hover);
    this.#readout.update(this.source.field, this.#hover, near ?? null);
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
    this.#showBadges();
    this.#showReadout();
  }

  #scrolled(): void {
    const view = this.#chart?.columnsInView;
    const time = this.source.field?.bars.time;
    if (view && time) this.source.show({ time_from: time[view[0]]!, time_to: time[view[1]]! });
  }

  #brushed(box: Box | null): void {
    const time = this.source.field?.bars.time;
    this.#box = box;
    this.#outlineAt();
    if (time === undefined) return;
    this.source.select(
      box && {
        time_from: time[box.columnFrom]!,
        time_to: time[box.columnTo]!,
        price_low: box.priceLow,
        price_high: box.priceHigh,
      },
    );
  }

  /** Follow a selection that was set elsewhere. */
  #selection(): void {
    const { selection, field } = this.source;
    if (field === null) return;
    const { time } = field.bars;
    const before = (ms: number): number => {
      let low = 0;
      for (let high = time.length; low < high; ) {
        const middle = (low + high) >> 1;
        if (time[middle]! <= ms) low = middle + 1;
        else high = middle;
      }
      return low - 1;
    };
    this.#box = selection && {
      columnFrom: Math.max(before(selection.time_from), 0),
      columnTo: Math.max(before(selection.time_to), 0),
      priceLow: selection.price_low,
      priceHigh: selection.price_high,
    };
    this.#outlineAt();
  }

  #outlineAt(): void {
    const { field } = this.source;
    const pane = this.#chart?.pane;
    const rect = this.#box && field && this.#chart?.rectOf(field, this.#box);
    this.#outline.hidden = !rect;
    if (!rect || !pane) return;
    const { width, height } = this.#chart!.api.paneSize(0);
    const x0 = Math.min(Math.max(rect.x0, 0), width);
    const x1 = Math.min(Math.max(rect.x1, 0), width);
    const y0 = Math.min(Math.max(rect.y0, 0), height);
    const y1 = Math.min(Math.max(rect.y1, 0), height);
    this.#outline.style.transform = `translate(${x0}px, ${y0}px)`;
    this.#outline.style.width = `${x1 - x0}px`;
    this.#outline.style.height = `${y1 - y0}px`;
  }

  #remove(): void {
    this.#chart?.remove();
    this.#chart = null;
    this.#root.remove();
  }
}
