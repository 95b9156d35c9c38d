/** A view as the Python that makes it again. The names in it are Python's. */

import { utc } from "../base/units";
import type { Field } from "../model/field";
import type { Selection, Settings, Visible } from "../source/settings";

/** What LiquidationHeatmap has where nothing is said. */
const DEFAULTS = {
  maintenance_rate: 0.004,
  fee_rate: 0,
  turnover: 1,
  span: 0.25,
  palette: "plasma",
  scale: "linear",
  threshold: [0, 0.5],
  opacity: 1,
  swept: false,
  bubbles: true,
  shock: null,
  theme: "auto",
  height: 560,
};
/** Of lw.load_sample(). */
const SAMPLE_CANDLES = 2016;

/**
 * A value as a Python literal. Text may be anything: of it only letters, digits and the plain signs stay as they are,
 * so that it ends where it should, on its own line. Keys that are numbers become numbers.
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

/** Time as text that pandas reads. */
const when = (ms: number): string => literal(utc(ms, true));

/** How the market comes into being: a line that makes it, or one that says what has to be there. */
function marketLine({ bars }: Field): string {
  const { symbol, exchange, interval, origin, candles, last, intervalMs } = bars.about;
  const first = when(bars.time[0]!);
  if (origin === "sample") {
    return `market = lw.load_sample()${candles < SAMPLE_CANDLES ? `.between(${first}, ${when(last)})` : ""}`;
  }
  const named = `${literal(symbol)}, exchange=${literal(exchange)}`;
  return origin === "fetch"
    ? `market = lw.fetch(${named}, interval=${literal(interval)}, start=${first}, end=${when(last + intervalMs)})`
    : `# market: your candles, such as lw.Market.from_frame(df, symbol=${named})`;
}

/**
 * Python that makes a view again: the market, the widget with its mix and bin size and with whatever else is not what
 * it has by itself, the selection, and the times in view where those are not all.
 */
export function pythonOf(
  field: Field,
  settings: Settings,
  selection: Selection | null,
  visible: Visible | null,
): string {
  const { leverageMix, binSize, decayRate } = settings;
  const auto = field.bars.about.autoDecayRate ?? Math.LN2 / 24;
  const given = [`leverage_mix=${literal(leverageMix)}`, `bin_size=${literal(binSize)}`];
  if (decayRate !== auto) given.push(`decay_rate=${literal(decayRate)}`);
  const values: Record<string, unknown> = { ...DEFAULTS, ...field.ledger.settings, ...settings };
  for (const [name, usual] of Object.entries(DEFAULTS)) {
    const value = literal(values[name]);
    if (value !== literal(usual)) given.push(`${name}=${value}`);
  }
  return `# Estimated liquidation levels: an estimate, not a forecast.
import liqwidget as lw

${marketLine(field)}
hm = lw.LiquidationHeatmap(
    market,
    ${given.join(",\n    ")},
)
${selection ? `hm.selection = ${literal(selection)}\n` : ""}${visible ? `hm.visible = ${literal(visible)}\n` : ""}hm
`;
}
