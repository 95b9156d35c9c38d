/** The state of a view as a short text for links, and back. Twin of widget/link.py. Links are hostile input. */

import { CONTRASTS, PALETTES, SCALES } from "../base/colour";
import { PRICE_AXES } from "../base/row_map";
import { extentOf, timesOf } from "../chart/ranges";
import { LAYERS } from "../model/realised_cells";
import type { Range, Settings, Source, Visible } from "../source/settings";

/** What a link sets. */
export interface Linked {
  settings: Partial<Settings>;
  /** null: all candles; undefined: the link does not say. */
  visible: Visible | null | undefined;
}

/** What a picture accepts. */
export interface Accepts {
  leverage: readonly number[];
  /** Venues of a combined market. */
  venues: readonly string[];
  binSizes: readonly number[];
  /** Decay rate per hour implied by open interest, or null without it. */
  autoDecayRate: number | null;
  /** Opening times of the candles, ms since 1970 UTC. */
  time: ArrayLike<number>;
  /** Times of a range. */
  timesOf(range: Range): { time_from: number; time_to: number };
}

/** Version of the text; a page that finds none of these in its address leaves the address alone. */
const VERSION = "1";
/** A longer text is refused before it is read. */
const MAX_LENGTH = 2000;
const MAX_TIERS = 32;
const FASTEST = 1e6;
const RANGES: readonly string[] = ["24h", "3d", "1w", "1m"];

/** What a source's picture accepts; null while it has none. */
function acceptedBy({ field, binSizes }: Source): Accepts | null {
  if (field === null) return null;
  const { bars, leverage } = field;
  const extent = extentOf(bars);
  return {
    leverage,
    venues: [...bars.venues.keys()],
    binSizes,
    autoDecayRate: bars.about.autoDecayRate,
    time: bars.time,
    timesOf: (range) => timesOf(range, extent),
  };
}

/**
 * Let a page's first view show what the address names, once it has a picture and whenever the fragment changes.
 *
 * @param go - moves the view
 * @param told - called with what is wrong with the address, as a sentence, or nothing
 * @returns shows it; to be called with the first picture
 */
export function watchAddress(
  source: Source,
  go: (visible: Visible | null) => void,
  told: (problem: string) => void,
  signal: AbortSignal,
): () => void {
  const { dataset } = document.documentElement;
  if ("liqAddress" in dataset) return () => undefined; // another view of the page has it
  dataset.liqAddress = "";
  signal.addEventListener("abort", () => delete dataset.liqAddress);
  const follow = (): void => told(followAddress(source, go, location));
  addEventListener("hashchange", follow, { signal });
  return follow;
}

/** Show the view that an address names, the fragment before the query; returns what is wrong with it, or nothing. */
function followAddress(
  source: Source,
  go: (visible: Visible | null) => void,
  { hash, search }: Pick<Location, "hash" | "search">,
): string {
  const accepts = acceptedBy(source);
  if (accepts === null) return "";
  try {
    const linked = readLink(hash, accepts) ?? readLink(search, accepts);
    if (linked === null) return "";
    source.set(linked.settings);
    if (linked.visible !== undefined) go(linked.visible);
    return "";
  } catch (error) {
    return `The link of this page cannot be shown: ${(error as Error).message}. These are the page's own settings.`;
  }
}

/** The text of a view. */
export function linkText(settings: Settings, visible: Visible | null): string {
  const { leverageMix, decayAuto, decayRate, binSize, asOf } = settings;
  const text = new Map([
    ["view", VERSION],
    [
      "mix",
      Object.entries(leverageMix)
        .map((pair) => pair.join(":"))
        .join(","),
    ],
    ["decay", decayAuto ? "auto" : String(decayRate)],
    ["bin", settings.binAuto ? "auto" : String(binSize)],
    ["palette", settings.palette],
    ["scale", settings.scale],
    ["threshold", settings.threshold.join(",")],
    ["opacity", String(settings.opacity)],
    ["layer", settings.layer],
    ["contrast", settings.contrast],
    ["axis", settings.priceAxis],
    ["swept", settings.swept ? "1" : "0"],
    ["bubbles", settings.bubbles ? "1" : "0"],
    ["theme", settings.theme],
  ]);
  if (settings.turnover !== null) text.set("turnover", String(settings.turnover));
  if (settings.venues.length > 0) text.set("venues", settings.venues.map(encodeURIComponent).join());
  if (settings.shock !== null) text.set("shock", String(settings.shock));
  if (asOf !== null) text.set("asof", timeText(asOf));
  if (visible === null) text.set("range", "all");
  else if (visible.range !== undefined) text.set("range", visible.range);
  else text.set("from", timeText(visible.time_from)).set("to", timeText(visible.time_to));
  if (visible?.price_low !== undefined && visible.price_high !== undefined)
    text.set("price", `${visible.price_low},${visible.price_high}`);
  return [...text].map((pair) => pair.join("=")).join("&");
}

/**
 * Read the text of a view.
 *
 * @param text - a query or fragment, with or without its "?" or "#"
 * @returns null: the text is not of a view
 * @throws Error with a sentence for the user: the first thing in it that this picture cannot show
 */
export function readLink(text: string, accepts: Accepts): Linked | null {
  if (!/^[?#]?(?:.{0,2000}&)?view=/s.test(text.slice(0, MAX_LENGTH))) return null;
  if (text.length > MAX_LENGTH) throw new Error(`wanted at most ${MAX_LENGTH} characters; got ${text.length}`);
  const parameters = new URLSearchParams(text.replace(/^[?#]/, ""));
  const given = (name: string): string | null => {
    const values = parameters.getAll(name);
    if (values.length > 1) throw refused(name, "one value", values.join(" and "));
    return values[0] ?? null;
  };
  if (given("view") !== VERSION) throw refused("view", VERSION, given("view") ?? "");
  const settings: Partial<Settings> = { shock: null, asOf: null }; // a text that does not name them has none
  const take = <T>(name: string, read: (value: string) => T | null, wanted: string, put: (value: T) => void): void => {
    const value = given(name);
    if (value === null) return;
    const found = read(value);
    if (found === null) throw refused(name, wanted, value);
    put(found);
  };
  const number =
    (low: number, high: number) =>
    (value: string): number | null => {
      const found = NUMBER.test(value) ? Number(value) : Number.NaN;
      return found >= low && found <= high ? found : null;
    };
  const pair =
    (low: number, high: number) =>
    (value: string): [number, number] | null => {
      const [a, b, more] = value.split(",").map(number(low, high));
      return a != null && b != null && more === undefined && a < b ? [a, b] : null;
    };
  const oneOf =
    (names: readonly string[]) =>
    (value: string): string | null =>
      names.includes(value) ? value : null;
  const flag = (value: string): boolean | null => (value === "1" ? true : value === "0" ? false : null);
  take(
    "decay",
    (value) => (value === "auto" ? accepts.autoDecayRate : number(0, FASTEST)(value)),
    `a rate per hour from 0 to ${FASTEST}${accepts.autoDecayRate === null ? "" : ", or auto"}`,
    (rate) => Object.assign(settings, { decayRate: rate, decayAuto: given("decay") === "auto" }),
  );
  take(
    "bin",
    (value) =>
      value === "auto" ? value : (accepts.binSizes.find((size) => size === number(0, Infinity)(value)) ?? null),
    `auto or one of ${accepts.binSizes.join(", ")}`,
    (size) => Object.assign(settings, size === "auto" ? { binAuto: true } : { binSize: size, binAuto: false }),
  );
  const set = <T>(name: string, read: (value: string) => T | null, wanted: string, setting = name): void =>
    take(name, read, wanted, (value) => Object.assign(settings, { [setting]: value }));
  const choose = (name: string, names: readonly string[], setting = name): void =>
    set(name, oneOf(names), names.join(", "), setting);
  set(
    "mix",
    (value) => mixOf(value, accepts.leverage),
    `shares of the tiers ${accepts.leverage.join(", ")}`,
    "leverageMix",
  );
  set(
    "turnover",
    (value) => (value === "auto" ? value : number(Number.MIN_VALUE, 1)(value)),
    "auto, or a share of volume",
  );
  set(
    "venues",
    (value) => (value.split(",").every((name) => accepts.venues.includes(name)) ? value.split(",") : null),
    accepts.venues.join(", ") || "none",
  );
  choose("palette", PALETTES);
  choose("scale", SCALES);
  choose("layer", LAYERS);
  choose("contrast", CONTRASTS);
  choose("axis", PRICE_AXES, "priceAxis");
  set("threshold", pair(0, 1), "two shares 0 <= low < high <= 1");
  set("opacity", number(0, 1), "a share from 0 to 1");
  set("swept", flag, "0 or 1");
  set("bubbles", flag, "0 or 1");
  choose("theme", ["auto", "light", "dark"]);
  set("shock", number(-0.99, 10), "a move from -0.99 to 10");
  const { time } = accepts;
  set("asof", (value) => timeOf(value, time[0]!), "a time after the first candle", "asOf");
  let visible: Linked["visible"];
  take("range", oneOf([...RANGES, "all"]), `${RANGES.join(", ")} or all`, (range) => {
    visible = range === "all" ? null : { ...accepts.timesOf(range as Range), range: range as Range };
  });
  if (visible === undefined && (given("from") ?? given("to")) !== null) {
    const from = timeOf(given("from") ?? "", -Infinity);
    const to = timeOf(given("to") ?? "", time[0]!);
    if (from === null || to === null || from >= to || from > time[time.length - 1]!)
      throw refused("from, to", "two times with candles between them", `${given("from")} and ${given("to")}`);
    visible = { time_from: from, time_to: to };
  }
  take("price", pair(0, 1e15), "two prices 0 <= low < high", ([low, high]) => {
    const times = visible ?? { time_from: time[0]!, time_to: time[time.length - 1]! };
    visible = { ...times, price_low: low, price_high: high };
  });
  return { settings, visible };
}

const NUMBER = /^-?\d{1,30}(\.\d{0,30})?(e[+-]?\d{1,3})?$/i;
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,3})?)?Z$/;

/** A time as short as ISO 8601 allows: 2026-02-01T12:05Z. */
const timeText = (ms: number): string => new Date(ms).toISOString().replace(/(:00)?\.000Z$/, "Z");

/** A time as text in ms since 1970 UTC; null if it is none, or before `least`. */
function timeOf(text: string, least: number): number | null {
  const ms = TIME.test(text) ? Date.parse(text) : Number.NaN;
  return ms >= least ? ms : null;
}

/** Shares by tier, or null if a tier is not in the picture or no share is above 0. */
function mixOf(text: string, leverage: readonly number[]): Record<string, number> | null {
  const mix: Record<string, number> = {};
  const pairs = text.split(",");
  if (pairs.length > MAX_TIERS) return null;
  for (const one of pairs) {
    const [tier, share, more] = one.split(":");
    const known = leverage.find((known) => known === Number(tier));
    if (known === undefined || more !== undefined || share === undefined || !NUMBER.test(share)) return null;
    const weight = Number(share);
    if (!(weight >= 0 && weight < Infinity) || String(known) in mix) return null;
    mix[String(known)] = weight;
  }
  return Object.values(mix).some((weight) => weight > 0) ? mix : null;
}

const refused = (name: string, wanted: string, got: string): Error =>
  new Error(`${name}: wanted ${wanted}; got ${got.slice(0, 60)}`);
