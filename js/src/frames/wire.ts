/** Frames from Python. The format is described in src/liqwidget/widget/wire.py and nowhere else. */

export class WireError extends Error {
  override name = "WireError";
}

type Typed = Uint8Array | Uint16Array | Uint32Array | Float32Array | Float64Array;
type Dim = "T" | "T+1" | "N" | 2;
type Kind = "bars" | "ledger" | "tail" | "events" | "positions";
type Meta = Record<string, unknown>;

/** Last millisecond of a JavaScript date. */
export const MAX_TIME = 8.64e15;
const MAX_HEADER = 65_536;
const MAX_SECTION = 256 * 1024 * 1024;
const MAX_RATIO = 1032; // deflate makes at most this many bytes of one: nothing is allocated for a lie
const DTYPES = {
  u8: Uint8Array,
  u16: Uint16Array,
  u32: Uint32Array,
  f32: Float32Array,
  f64: Float64Array,
} as const;

interface Wanted {
  dtype: keyof typeof DTYPES;
  shape: Dim[];
  required: boolean;
}
const want = (dtype: keyof typeof DTYPES, shape: Dim[], required = true): Wanted => ({ dtype, shape, required });

const BARS: Record<string, Wanted> = {
  gap: want("u32", ["T"]),
  open: want("f64", ["T"]),
  high: want("f64", ["T"]),
  low: want("f64", ["T"]),
  close: want("f64", ["T"]),
  volume: want("f32", ["T"]),
  open_interest: want("f32", ["T"], false),
  taker_buy_volume: want("f32", ["T"], false),
  funding_rate: want("f32", ["T"], false),
  long_short_ratio: want("f32", ["T"], false),
};
const LEDGER: Record<string, Wanted> = {
  start: want("u32", ["T+1"]),
  row: want("u16", ["N"]),
  tier: want("u8", ["N"]),
  notional: want("f32", ["N"]),
  sweep: want("u16", ["T", 2]),
  hours: want("f32", ["T"]),
  age: want("u8", ["N"], false),
};
const EVENTS: Record<string, Wanted> = {
  time: want("f64", ["N"]),
  until: want("f64", ["N"]),
  side: want("u8", ["N"]),
  price: want("f32", ["N"]),
  notional: want("f32", ["N"]),
  count: want("u32", ["N"]),
};
const POSITIONS: Record<string, Wanted> = {
  row: want("u16", ["N"]),
  long: want("f32", ["N"]),
  short: want("f32", ["N"]),
};
const KINDS: Record<Kind, Record<string, Wanted>> = {
  bars: BARS,
  ledger: LEDGER,
  tail: { ...BARS, ...LEDGER },
  events: EVENTS,
  positions: POSITIONS,
};
/** The sections whose lengths are T and N. */
const COUNTED: Record<Kind, { T?: string; N?: string }> = {
  bars: { T: "gap" },
  ledger: { T: "hours", N: "row" },
  tail: { T: "gap", N: "row" },
  events: { N: "time" },
  positions: { N: "row" },
};
const MAX_EVENTS = 10_000;

/** A decoded frame: its kind, its meta data and its arrays by name, all checked. */
export interface Frame {
  kind: Kind;
  meta: Meta;
  arrays: Record<string, Typed>;
}

/** A value for a message; nested ones are only named, because they may be too deep to print. */
const shown = (value: unknown): string => {
  if (Array.isArray(value))
    return `[${value.slice(0, 4).map((part) => (typeof part === "object" ? "…" : part))}]`.slice(0, 40);
  return (typeof value === "object" && value !== null ? "an object" : String(JSON.stringify(value))).slice(0, 40);
};
const natural = (value: unknown): value is number =>
  typeof value === "number" && Number.isInteger(value) && value >= 0 && value < 2 ** 32;

/** Read and check a frame; throws WireError naming the section, what was wanted and what was found. */
export async function decodeFrame(data: DataView | Uint8Array): Promise<Frame> {
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  if (bytes.length < 8 || String.fromCharCode(...bytes.subarray(0, 4)) !== "LIQ1") {
    throw new WireError(`magic: wanted LIQ1 in at least 8 bytes; found ${bytes.length} bytes of something else`);
  }
  const length = view.getUint32(4, true);
  const room = Math.min(MAX_HEADER, bytes.length - 8);
  if (length < 2 || length > room) {
    throw new WireError(`header: wanted 2 to ${room} bytes; found a length of ${length}`);
  }
  const header = parseHeader(bytes.subarray(8, 8 + length));
  const kind = header.kind;
  if (typeof kind !== "string" || !Object.hasOwn(KINDS, kind)) {
    throw new WireError(`kind: wanted one of ${Object.keys(KINDS).join(", ")}; found ${shown(kind)}`);
  }
  if (!Array.isArray(header.sections)) throw new WireError("sections: wanted a list");
  const known = KINDS[kind as Kind];
  const body = bytes.subarray(Math.min(8 + length + (-length & 7), bytes.length));
  const arrays: Record<string, Typed> = {};
  const shapes: Record<string, number[]> = {};
  let end = 0;
  for (const section of header.sections) {
    const read = await readSection(section, known, body, end);
    if (Object.hasOwn(arrays, read.name)) throw new WireError(`section ${read.name}: wanted once; found twice`);
    arrays[read.name] = read.array;
    shapes[read.name] = read.shape;
    end = read.end;
  }
  if (end !== body.length) throw new WireError(`body: wanted ${end} bytes; found ${body.length}`);
  checkShapes(kind as Kind, shapes);
  const meta = header.meta as Meta;
  if (kind === "bars" || kind === "tail") checkBars(meta, arrays);
  if (kind === "ledger" || kind === "tail") checkLedger(meta, arrays);
  if (kind === "tail") for (const name of ["from", "base", "revision"]) integer(meta, name, 0, 2 ** 32);
  if (kind === "events") checkEvents(meta, arrays);
  if (kind === "positions") checkPositions(meta, arrays);
  return { kind: kind as Kind, meta, arrays };
}

function parseHeader(bytes: Uint8Array): { kind?: unknown; meta: Meta; sections?: unknown } {
  let header: unknown;
  try {
    header = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (error) {
    throw new WireError(`header: wanted UTF-8 JSON; ${(error as Error).message}`);
  }
  const meta = (header as { meta?: unknown } | null)?.meta;
  if (typeof meta !== "object" || meta === null || Array.isArray(meta)) {
    throw new WireError("header: wanted an object with kind, meta and sections");
  }
  return header as { meta: Meta };
}

async function readSection(section: unknown, known: Record<string, Wanted>, body: Uint8Array, end: number) {
  const { name, dtype, shape, codec, offset, bytes } = (section ?? {}) as Record<string, unknown>;
  if (typeof name !== "string" || !Object.hasOwn(known, name)) {
    throw new WireError(`section: wanted one of ${Object.keys(known).join(", ")}; found ${shown(name)}`);
  }
  const wanted = known[name]!;
  if (dtype !== wanted.dtype) {
    throw new WireError(`section ${name}: wanted dtype ${wanted.dtype}; found ${shown(dtype)}`);
  }
  if (!Array.isArray(shape) || shape.length !== wanted.shape.length || !shape.every(natural)) {
    throw new WireError(`section ${name}: wanted ${wanted.shape.length} dimensions; found ${shown(shape)}`);
  }
  const Type = DTYPES[wanted.dtype];
  const size = shape.reduce((a: number, b: number) => a * b, 1) * Type.BYTES_PER_ELEMENT;
  const place = end + (-end & 7);
  if (!natural(offset) || !natural(bytes) || offset !== place || offset + bytes > body.length) {
    throw new WireError(
      `section ${name}: wanted ${shown(bytes)} bytes at ${place} inside a body of ${body.length}; found offset ${shown(offset)}`,
    );
  }
  if (size > MAX_SECTION) throw new WireError(`section ${name}: wanted at most ${MAX_SECTION} bytes; found ${size}`);
  const packed = body.subarray(offset, offset + bytes);
  let raw: Uint8Array;
  if (codec === "raw") raw = packed.slice();
  else if (codec === "deflate") raw = await inflate(packed, size, name);
  else throw new WireError(`section ${name}: wanted codec raw or deflate; found ${shown(codec)}`);
  if (raw.length !== size) {
    throw new WireError(`section ${name}: wanted ${size} bytes of ${wanted.dtype} [${shape}]; found ${raw.length}`);
  }
  return { name, array: new Type(raw.buffer as ArrayBuffer), shape: shape as number[], end: offset + bytes };
}

/** Inflate a zlib stream that must come out at exactly `size` bytes; what is longer is never held. */
async function inflate(packed: Uint8Array, size: number, name: string): Promise<Uint8Array> {
  if (size > packed.length * MAX_RATIO) {
    throw new WireError(`section ${name}: wanted ${size} bytes; found a zlib stream of ${packed.length}`);
  }
  const raw = new Uint8Array(size);
  let filled = 0;
  try {
    const stream = new DecompressionStream("deflate");
    const writer = stream.writable.getWriter();
    // What goes wrong with the stream is told by its other end.
    const written = writer.write(packed as Uint8Array<ArrayBuffer>).then(() => writer.close());
    written.catch(() => undefined);
    const reader = stream.readable.getReader();
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      if (filled + part.value.length > size) {
        await reader.cancel();
        throw new WireError(`section ${name}: wanted ${size} bytes; found more`);
      }
      raw.set(part.value, filled);
      filled += part.value.length;
    }
  } catch (error) {
    if (error instanceof WireError) throw error;
    throw new WireError(`section ${name}: wanted a whole zlib stream; ${(error as Error).message}`);
  }
  return raw.subarray(0, filled).length === size ? raw : raw.slice(0, filled);
}

function checkShapes(kind: Kind, shapes: Record<string, number[]>): void {
  for (const [name, wanted] of Object.entries(KINDS[kind])) {
    if (wanted.required && !Object.hasOwn(shapes, name)) {
      throw new WireError(`section ${name}: wanted in a ${kind} frame; found ${Object.keys(shapes).join(", ")}`);
    }
  }
  const counted = COUNTED[kind];
  const T = counted.T === undefined ? 1 : shapes[counted.T]![0]!;
  if (T < 1) throw new WireError("columns: wanted at least one; found none");
  const N = counted.N === undefined ? 0 : shapes[counted.N]![0]!;
  const sizes: Record<string, number> = { T, "T+1": T + 1, N, 2: 2 };
  for (const [name, shape] of Object.entries(shapes)) {
    const wanted = KINDS[kind][name]!.shape.map((dim) => sizes[dim]!);
    if (shape.some((n, i) => n !== wanted[i])) {
      throw new WireError(`section ${name}: wanted shape [${wanted}]; found [${shape}]`);
    }
  }
}

function checkBars(meta: Meta, arrays: Record<string, Typed>): void {
  number(meta, "time_base", -1e15, 1e15);
  number(meta, "step", 1, 1e13);
  if (arrays.gap!.some((n: number, i: number) => (i === 0 ? n !== 0 : n === 0))) {
    throw new WireError("section gap: wanted 0 for the first column and more for the others; found otherwise");
  }
  const steps = (arrays.gap as Uint32Array).reduce((sum, n) => sum + n, 0);
  if (Math.abs((meta.time_base as number) + steps * (meta.step as number)) > MAX_TIME) {
    throw new WireError("section gap: wanted times that a calendar has; found later ones");
  }
  for (const name of ["open", "high", "low", "close"]) {
    if (!arrays[name]!.every((x: number) => x > 0 && x < Infinity)) {
      throw new WireError(`section ${name}: wanted finite positive prices; found otherwise`);
    }
  }
  finite(arrays, "volume");
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

function checkLedger(meta: Meta, arrays: Record<string, Typed>): void {
  const rows = checkGrid(meta, arrays);
  number(meta, "age_unit", 0, 1e9);
  const leverage = meta.leverage;
  if (!Array.isArray(leverage) || leverage.length < 1 || leverage.length > 32) {
    throw new WireError(`meta leverage: wanted 1 to 32 tiers; found ${shown(leverage)}`);
  }
  for (const tier of leverage) number({ leverage: tier }, "leverage", 1, 1000);
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

function checkEvents(meta: Meta, arrays: Record<string, Typed>): void {
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

function checkPositions(meta: Meta, arrays: Record<string, Typed>): void {
  checkGrid(meta, arrays);
  if (typeof meta.label !== "string") throw new WireError(`meta label: wanted text; found ${shown(meta.label)}`);
  number(meta, "outside_usd", 0, 1e300);
  integer(meta, "outside_rows", 0, 2 ** 53);
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

function integer(meta: Meta, name: string, low: number, high: number): number {
  const value = number(meta, name, low, high);
  if (!Number.isInteger(value)) throw new WireError(`meta ${name}: wanted a whole number; found ${shown(value)}`);
  return value;
}
