/** A view as Python code that recreates it. */

import { utc } from "../base/units";
import { MAX_TIME } from "../frames/wire";
import type { Field } from "../model/field";
import type { Selection, Settings, Visible } from "../source/settings";

/** Default arguments of LiquidationHeatmap. */
const DEFAULTS = {
  maintenance_rate: 0.004,
  fee_rate: 0,
  turnover: "auto",
  span: 0.25,
  palette: "plasma",
  scale: "linear",
  contrast: "view",
  price_axis: "linear",
  threshold: [0, 0.5],
  opacity: 1,
  swept: false,
  layer: "estimate",
  bubbles: true,
  shock: null,
  theme: "auto",
  height: 560,
};
/** Number of candles in lw.load_sample(). */
const SAMPLE_CANDLES = 2016;

/**
 * A value as a Python literal. Text is untrusted: everything but letters, digits and plain ASCII signs is escaped, so
 * that it cannot break out of the literal. Numeric keys become numbers.
 */
export function literal(value: unknown): string {
  if (value === true) return "True";
  if (value === false) return "False";
  if (typeof value === "number") return Number.isFinite(value) ? String(value) : "None";
  if (typeof value === "string") {
    const code = (sign: string): string => `\\U${sign.codePointAt(0)!.toString(16).padStart(8, "0")}`;
    return `"${value.replace(/[^ !#-[\]-~\p{L}\p{N}]/gu, code)}"`;
  }
  if (Array.isArray(value)) return `(${value.map(literal).join(", ")})`;
  if (typeof value !== "object" || value === null) return "None";
  const items = Object.entries(value).map(([key, x]) => `${literal(Number(key) || key)}: ${literal(x)}`);
  return `{${items.join(", ")}}`;
}

/** A time as text that pandas can parse. */
const when = (ms: number): string => literal(Math.abs(ms) <= MAX_TIME ? utc(ms, true) : ms);

/** A line of Python that gets the market, or a comment that says what `market` has to be. */
function marketLine({ bars }: Field): string {
  const { symbol, exchange, contract, interval, origin, candles, last, intervalMs } = bars.about; // of all candles, also in a replay
  const first = when(bars.time[0]!);
  if (origin === "sample") {
    return `market = lw.load_sample()${candles < SAMPLE_CANDLES ? `.between(${first}, ${when(last)})` : ""}`;
  }
  const venues = [...bars.venues.keys()];
  const named = `${literal(symbol)}, exchange=${literal(venues.length > 0 ? venues : exchange)}`;
  return origin === "fetch"
    ? `market = lw.fetch(${named}, interval=${literal(interval)}, start=${first}, end=${when(last + intervalMs)})`
    : `# market: your candles, such as lw.Market.from_frame(df, symbol=${named}${contract && ', contract="inverse"'})`;
}

/** How to create the widget: the line that gets its data, its class and the name of its first argument. */
function widgetOf(field: Field): [line: string, type: string, first: string] {
  if (field.bars.about.part) return ["# history: what lw.history returned", "HistoryHeatmap", "history"];
  return [marketLine(field), "LiquidationHeatmap", "market"];
}

/** What is in view as users write it. */
function viewText({ range, time_from, time_to, price_low, price_high }: Visible): string {
  const time = range === undefined ? `(${when(time_from)}, ${when(time_to)})` : literal(range);
  return price_low === undefined ? time : `{"time": ${time}, "price": ${literal([price_low, price_high])}}`;
}

/** Settings that a history is built with and its widget does not take. */
const BUILT = ["bin_size", "maintenance_rate", "fee_rate", "turnover", "span"];

/**
 * Python code that recreates a view: the market or history, the widget with its mix, bin size and every setting that
 * differs from the default, the selection, and the times in view unless all are in view.
 */
export function pythonOf(
  field: Field,
  settings: Settings,
  selection: Selection | null,
  visible: Visible | null,
): string {
  const { leverageMix, decayRate, decayAuto } = settings;
  const { part } = field.bars.about;
  const [line, type, first] = widgetOf(field);
  const given = new Map([["leverage_mix", literal(leverageMix)]]);
  if (!settings.binAuto) given.set("bin_size", literal(field.grid.binSize));
  if (!decayAuto) given.set("decay_rate", literal(decayRate));
  const values: Record<string, unknown> = {
    ...DEFAULTS,
    ...field.settings,
    ...settings,
    price_axis: settings.priceAxis,
  };
  if (settings.venues.length < field.bars.venues.size) given.set("venues", literal(settings.venues));
  values.turnover = settings.turnover ?? field.settings.turnover ?? DEFAULTS.turnover;
  for (const [name, usual] of Object.entries(DEFAULTS)) {
    const value = literal(values[name]);
    if (value !== literal(usual)) given.set(name, value);
  }
  // Given to the constructor it leaves bin size and contrast as they are.
  if (visible && !part) given.set("visible", viewText(visible));
  if (part) for (const name of BUILT) given.delete(name);
  return `# Estimated liquidation levels: an estimate, not a forecast.
import liqwidget as lw

${line}
hm = lw.${type}(
    ${first},
    ${Array.from(given, ([name, value]) => `${name}=${value}`).join(",\n    ")},
)
${settings.asOf === null ? "" : `hm.as_of = ${when(settings.asOf)}\n`}${selection ? `hm.selection = ${literal(selection)}\n` : ""}${visible && part ? `hm.visible = ${literal(visible)}\n` : ""}hm
`;
}
