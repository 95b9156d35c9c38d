/** Decodes frames from Python. The format is documented in src/liqwidget/widget/wire.py only. */

import {
  checkBars,
  checkEvents,
  checkLedger,
  checkModel,
  checkPositions,
  integer,
  type Meta,
  shown,
  type Typed,
  VENUES,
  WireError,
} from "./frame_checks";

export { MAX_TIME, WireError } from "./frame_checks";

type Dim = "T" | "T+1" | "N" | "V" | 2;
type Kind = "bars" | "model" | "ledger" | "tail" | "events" | "positions";

const MAX_HEADER = 65_536;
const MAX_SECTION = 256 * 1024 * 1024;
const MAX_RATIO = 1032; // deflate's maximum ratio: a false size cannot cause a large allocation
const DTYPES = {
  u8: Uint8Array,
  u16: Uint16Array,
  u32: Uint32Array,
  i32: Int32Array,
  f32: Float32Array,
  f64: Float64Array,
} as const;

type Dtype = keyof typeof DTYPES;

interface Wanted {
  dtypes: Dtype[];
  shape: Dim[];
  required: boolean;
}
const want = (dtype: Dtype, shape: Dim[], required = true): Wanted => ({ dtypes: [dtype], shape, required });
const wantPrices = (required = true): Wanted => ({ dtypes: ["i32", "f64"], shape: ["T"], required });

const BARS: Record<string, Wanted> = {
  gap: want("f64", ["T"]),
  open: wantPrices(),
  high: wantPrices(),
  low: wantPrices(),
  close: wantPrices(),
  volume: want("f32", ["T"]),
  open_interest: want("f32", ["T"], false),
  open_interest_change: want("f32", ["T"], false),
  mark_low: wantPrices(false),
  mark_high: wantPrices(false),
  ...Object.fromEntries(VENUES.map((name) => [name, want("f32", ["V", "T"], false)])),
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
  model: {},
  ledger: LEDGER,
  tail: BARS,
  events: EVENTS,
  positions: POSITIONS,
};
/** The sections whose lengths define T and N. */
const COUNTED: Record<Kind, { T?: string; N?: string }> = {
  bars: { T: "gap" },
  model: {},
  ledger: { T: "hours", N: "row" },
  tail: { T: "gap" },
  events: { N: "time" },
  positions: { N: "row" },
};
/** A decoded frame: its kind, its metadata and its arrays by name, all checked. */
export interface Frame {
  kind: Kind;
  meta: Meta;
  arrays: Record<string, Typed>;
}

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
  if (kind === "model") checkModel(meta);
  if (kind === "ledger") checkLedger(meta, arrays);
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
  if (!wanted.dtypes.includes(dtype as Dtype)) {
    throw new WireError(`section ${name}: wanted dtype ${wanted.dtypes.join(" or ")}; found ${shown(dtype)}`);
  }
  if (!Array.isArray(shape) || shape.length !== wanted.shape.length || !shape.every(natural)) {
    throw new WireError(`section ${name}: wanted ${wanted.shape.length} dimensions; found ${shown(shape)}`);
  }
  const Type = DTYPES[dtype as Dtype];
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
    throw new WireError(`section ${name}: wanted ${size} bytes of ${dtype} [${shape}]; found ${raw.length}`);
  }
  if (codec === "deflate") raw = byValue(raw, Type.BYTES_PER_ELEMENT);
  return { name, array: new Type(raw.buffer as ArrayBuffer), shape: shape as number[], end: offset + bytes };
}

/** Undo the byte shuffle: from bytes grouped by significance to values of `size` bytes each. */
function byValue(raw: Uint8Array, size: number): Uint8Array {
  const turned = new Uint8Array(raw.length);
  for (let place = 0, from = 0; place < size; place++)
    for (let i = place; i < turned.length; i += size) turned[i] = raw[from++]!;
  return turned;
}

/** Inflate a zlib stream of exactly `size` bytes; a longer one is aborted, not buffered. */
async function inflate(packed: Uint8Array, size: number, name: string): Promise<Uint8Array> {
  if (size > packed.length * MAX_RATIO) {
    throw new WireError(`section ${name}: wanted ${size} bytes; found a zlib stream of ${packed.length}`);
  }
  const raw = new Uint8Array(size);
  let filled = 0;
  try {
    const stream = new DecompressionStream("deflate");
    const writer = stream.writable.getWriter();
    // Errors of the stream surface at its readable end.
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
  const sizes: Record<string, number> = { T, "T+1": T + 1, N, 2: 2, V: shapes[VENUES[0]]?.[0] ?? 0 };
  for (const [name, shape] of Object.entries(shapes)) {
    const wanted = KINDS[kind][name]!.shape.map((dim) => sizes[dim]!);
    if (shape.some((n, i) => n !== wanted[i])) {
      throw new WireError(`section ${name}: wanted shape [${wanted}]; found [${shape}]`);
    }
  }
}
