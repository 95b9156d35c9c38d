/** Checks of the metadata and values of each kind of frame. */

export class WireError extends Error {
  override name = "WireError";
}

export type Typed = Uint8Array | Uint16Array | Uint32Array | Int32Array | Float32Array | Float64Array;
export type Meta = Record<string, unknown>;

/** Largest time of a JavaScript Date, ms. */
export const MAX_TIME = 8.64e15;
const MAX_EVENTS = 10_000;

/** A value as text for a message; nested values are abbreviated, because they may be too deep to print. */
export const shown = (value: unknown): string => {
  if (Array.isArray(value))
    return `[${value.slice(0, 4).map((part) => (typeof part === "object" ? "…" : part))}]`.slice(0, 40);
  return (typeof value === "object" && value !== null ? "an object" : String(JSON.stringify(value))).slice(0, 40);
};

export function checkBars(meta: Meta, arrays: Record<string, Typed>): void {
  number(meta, "time_base", -1e15, 1e15);
  number(meta, "step", 1, 1e13);
  const gap = arrays.gap as Float64Array;
  // NaN fails each of these comparisons.
  if (!gap.every((n, i) => (i === 0 ? n === 0 : n >= 1 && n <= MAX_TIME && Number.isInteger(n)))) {
    throw new WireError("section gap: wanted 0 for the first column and whole steps for the others; found otherwise");
  }
  const steps = gap.reduce((sum, n) => sum + n, 0);
  if (Math.abs((meta.time_base as number) + steps * (meta.step as number)) > MAX_TIME) {
    throw new WireError("section gap: wanted times that a calendar has; found later ones");
  }
  fromTicks(meta, arrays);
  for (const name of PRICES) {
    if (!arrays[name]!.every((x: number) => x > 0 && x < Infinity)) {
      throw new WireError(`section ${name}: wanted finite positive prices; found otherwise`);
    }
  }
  for (const name of MARKS) {
    if (arrays[name]?.some((x: number) => x <= 0 || x === Infinity)) {
      throw new WireError(`section ${name}: wanted finite positive prices or NaN; found otherwise`);
    }
  }
  for (const name of ["open_interest_change", VENUES[2]] as const) {
    if (arrays[name]?.some((x: number) => !Number.isFinite(x))) {
      throw new WireError(`section ${name}: wanted finite numbers; found otherwise`);
    }
  }
  finite(arrays, "volume");
  const { length } = VENUES.filter((name) => name in arrays);
  const names = meta.venues ?? [];
  const count = length === 0 ? 0 : (arrays[VENUES[0]]?.length ?? 0) / gap.length;
  if (length % 3 > 0 || !Array.isArray(names) || new Set(names).size !== count || count > 16)
    throw new WireError(`meta venues: wanted ${count} different names; found ${shown(names)}`);
  if (length > 0) finite(arrays, VENUES[0]);
}

/** What each venue of a combined market has. */
export const VENUES = ["venue_volume", "venue_open_interest", "venue_open_interest_change"] as const;

const PRICES = ["open", "high", "low", "close"] as const;
const MARKS = ["mark_low", "mark_high"] as const;
/** Marks an unknown price among tick differences. */
const UNKNOWN = -(2 ** 31);

/** Replace tick differences by prices. */
function fromTicks(meta: Meta, arrays: Record<string, Typed>): void {
  const inTicks = [...PRICES, ...MARKS].filter((name) => arrays[name] instanceof Int32Array);
  if (inTicks.length === 0) return;
  if (!PRICES.every((name) => inTicks.includes(name))) {
    throw new WireError(`section ${inTicks[0]}: wanted prices all in ticks or none; found ${inTicks.length} of them`);
  }
  const ticks = integer(meta, "ticks", 1, 1e12);
  let now = integer(meta, "first_tick", 0, 2 ** 53);
  const found = inTicks.map((name) => new Float64Array(arrays[name]!.length));
  const steps = inTicks.map((name) => arrays[name]!);
  const [open, high, low, close, ...marks] = steps as [Typed, Typed, Typed, Typed, ...Typed[]];
  for (let t = 0; t < open.length; t++) {
    const first = now + open[t]!;
    now = first + close[t]!;
    const ends = [Math.min(first, now) - low[t]!, Math.max(first, now) + high[t]!] as const;
    const prices = [first, ends[1], ends[0], now];
    for (const [i, mark] of marks.entries()) {
      const beside = ends[inTicks[4 + i] === "mark_low" ? 0 : 1];
      prices.push(mark[t] === UNKNOWN ? Number.NaN : beside + mark[t]!);
    }
    for (const [i, price] of prices.entries()) found[i]![t] = price / ticks;
  }
  for (const [i, name] of inTicks.entries()) arrays[name] = found[i]!;
  delete meta.ticks;
  delete meta.first_tick;
}

export function checkModel(meta: Meta): void {
  for (const name of ["revision", "bars"]) integer(meta, name, 0, 2 ** 32);
  number(meta, "row_size", 1e-300, 1e300);
  integer(meta, "first", -(2 ** 53), 2 ** 53);
  integer(meta, "rows", 1, 65_535);
  const contracts = meta.contracts ?? [0];
  if (!Array.isArray(contracts) || contracts.length < 1 || contracts.length > 16)
    throw new WireError(`meta contracts: wanted a number for each venue; found ${shown(contracts)}`);
  const kinds = 1 + Math.max(...contracts.map((kind) => integer({ contracts: kind }, "contracts", 0, 1)));
  const all = tiers(meta).length;
  for (const [name, low, high, length] of [
    ["k_long", 0, 1, all * kinds],
    ["k_short", 1, 1e9, all * kinds],
    ["beyond", 0, 1, all],
  ] as const) {
    const values = meta[name];
    if (!Array.isArray(values) || values.length !== length) {
      throw new WireError(`meta ${name}: wanted ${length} numbers, one a tier; found ${shown(values)}`);
    }
    for (const value of values) number({ [name]: value }, name, low, high);
  }
  for (const name of ["fee_rate", "span"]) number(meta, name, 0, 1);
  if (meta.turnover !== "auto") number(meta, "turnover", 1e-300, 1);
}

function tiers(meta: Meta): number[] {
  const { leverage } = meta;
  if (!Array.isArray(leverage) || leverage.length < 1 || leverage.length > 32) {
    throw new WireError(`meta leverage: wanted 1 to 32 tiers; found ${shown(leverage)}`);
  }
  for (const tier of leverage) number({ leverage: tier }, "leverage", 1, 1000);
  return leverage;
}

function checkGrid(meta: Meta, arrays: Record<string, Typed>): number {
  number(meta, "bin_size", 1e-300, 1e300);
  integer(meta, "first", -(2 ** 53), 2 ** 53);
  const rows = integer(meta, "rows", 1, 65_535);
  if (arrays.row!.some((r: number) => r >= rows)) {
    throw new WireError(`section row: wanted rows below ${rows}; found more`);
  }
  return rows;
}

export function checkLedger(meta: Meta, arrays: Record<string, Typed>): void {
  const rows = checkGrid(meta, arrays);
  number(meta, "age_unit", 0, 1e9);
  const leverage = tiers(meta);
  const { start, row, tier, sweep } = arrays as { [name: string]: Typed };
  const n = row!.length;
  if (
    start![0] !== 0 ||
    start![start!.length - 1] !== n ||
    start!.some((s: number, i: number) => i > 0 && s < start![i - 1]!)
  ) {
    throw new WireError(`section start: wanted rising from 0 to ${n}; found otherwise`);
  }
  if (tier!.some((t: number) => t >= leverage.length)) {
    throw new WireError(`section tier: wanted tiers below ${leverage.length}; found more`);
  }
  for (let i = 0; i < sweep!.length; i += 2) {
    if (sweep![i]! > sweep![i + 1]! || sweep![i + 1]! > rows) {
      throw new WireError(`section sweep: wanted 0 <= a <= b <= ${rows}; found otherwise`);
    }
  }
  finite(arrays, "notional");
  finite(arrays, "hours");
}

export function checkEvents(meta: Meta, arrays: Record<string, Typed>): void {
  for (const name of ["base", "revision"]) integer(meta, name, 0, 2 ** 32);
  for (const name of ["placed", "outside"]) integer(meta, name, 0, 2 ** 53);
  for (const name of ["long_usd", "short_usd", "outside_usd"]) number(meta, name, 0, 1e300);
  const { time, until, side, price, count } = arrays as { [name: string]: Typed };
  if (time!.length > MAX_EVENTS) {
    throw new WireError(`section time: wanted at most ${MAX_EVENTS} marks; found ${time!.length}`);
  }
  // NaN fails each of these comparisons.
  if (!time!.every((t: number, i: number) => Math.abs(t) <= MAX_TIME && (i === 0 || t >= time![i - 1]!))) {
    throw new WireError("section time: wanted times that a calendar has, none before the last; found otherwise");
  }
  if (!until!.every((t: number, i: number) => t > time![i]! && t <= MAX_TIME)) {
    throw new WireError("section until: wanted times after those of section time; found otherwise");
  }
  if (side!.some((s: number) => s > 1)) throw new WireError("section side: wanted 0 or 1; found more");
  if (!price!.every((x: number) => Number.isNaN(x) || (x > 0 && x < Infinity))) {
    throw new WireError("section price: wanted finite positive prices or NaN; found otherwise");
  }
  if (count!.some((n: number) => n < 1)) throw new WireError("section count: wanted at least 1; found 0");
  finite(arrays, "notional");
}

export function checkPositions(meta: Meta, arrays: Record<string, Typed>): void {
  checkGrid(meta, arrays);
  if (typeof meta.label !== "string") throw new WireError(`meta label: wanted text; found ${shown(meta.label)}`);
  number(meta, "outside_usd", 0, 1e300);
  integer(meta, "outside_rows", 0, 2 ** 53);
  if ("time" in meta) number(meta, "time", -MAX_TIME, MAX_TIME);
  const { row } = arrays;
  if (row!.some((r: number, i: number) => i > 0 && r <= row![i - 1]!)) {
    throw new WireError("section row: wanted rising rows; found otherwise");
  }
  finite(arrays, "long");
  finite(arrays, "short");
}

function finite(arrays: Record<string, Typed>, name: string): void {
  if (!arrays[name]!.every((x: number) => x >= 0 && x < Infinity)) {
    throw new WireError(`section ${name}: wanted finite numbers >= 0; found otherwise`);
  }
}

function number(meta: Meta, name: string, low: number, high: number): number {
  const value = meta[name];
  if (typeof value !== "number" || !(value >= low && value <= high)) {
    throw new WireError(`meta ${name}: wanted a number from ${low} to ${high}; found ${shown(value)}`);
  }
  return value;
}

export function integer(meta: Meta, name: string, low: number, high: number): number {
  const value = number(meta, name, low, high);
  if (!Number.isInteger(value)) throw new WireError(`meta ${name}: wanted a whole number; found ${shown(value)}`);
  return value;
}
