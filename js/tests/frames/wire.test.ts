import { deflateSync } from "node:zlib";
import fc from "fast-check";
import { afterEach, describe, expect, test, vi } from "vitest";
import { decodeFrame, type Frame, WireError } from "../../src/frames/wire";
import { badNames, badWords, bytesOf, expected } from "../golden";

type Section = Record<string, unknown>;
interface Header {
  kind: unknown;
  meta: Record<string, unknown>;
  sections: Section[];
}

function split(frame: Uint8Array): { header: Header; body: Uint8Array } {
  const length = new DataView(frame.buffer).getUint32(4, true);
  const header = JSON.parse(new TextDecoder().decode(frame.subarray(8, 8 + length))) as Header;
  return { header, body: frame.slice(8 + length + (-length & 7)) };
}

function join(header: unknown, body: Uint8Array): Uint8Array {
  const raw = new TextEncoder().encode(typeof header === "string" ? header : JSON.stringify(header));
  const frame = new Uint8Array(8 + raw.length + (-raw.length & 7) + body.length);
  frame.set([76, 73, 81, 49]);
  new DataView(frame.buffer).setUint32(4, raw.length, true);
  frame.set(raw, 8);
  frame.set(body, frame.length - body.length);
  return frame;
}

/** The smallest valid ledger: two columns, two entries, four rows; every section raw. */
function tiny(changes: Record<string, ArrayLike<number>> = {}): { header: Header; body: Uint8Array } {
  const arrays: [string, string, Uint8Array | Uint16Array | Uint32Array | Float32Array, number[]][] = [
    ["start", "u32", Uint32Array.from(changes.start ?? [0, 1, 2]), [3]],
    ["row", "u16", Uint16Array.from(changes.row ?? [0, 3]), [2]],
    ["tier", "u8", Uint8Array.from(changes.tier ?? [0, 1]), [2]],
    ["notional", "f32", Float32Array.from(changes.notional ?? [1000, 250.5]), [2]],
    ["sweep", "u16", Uint16Array.from(changes.sweep ?? [1, 3, 0, 2]), [2, 2]],
    ["hours", "f32", Float32Array.from(changes.hours ?? [0, 1]), [2]],
  ];
  const body = new Uint8Array(56);
  let offset = 0;
  const sections = arrays.map(([name, dtype, array, shape]) => {
    const place = offset + (-offset & 7);
    body.set(new Uint8Array(array.buffer), place);
    offset = place + array.byteLength;
    return { name, dtype, shape, codec: "raw", offset: place, bytes: array.byteLength };
  });
  const meta = { bin_size: 0.5, first: 200, rows: 4, leverage: [5, 20], age_unit: 0 };
  return { header: { kind: "ledger", meta, sections }, body: body.slice(0, offset) };
}

/** The tiny ledger with its last section, `hours`, replaced by `count` f32 in a zlib stream. */
function packedLast(stream: Uint8Array, count: number): Uint8Array {
  const { header, body } = tiny();
  const last = header.sections.at(-1)!;
  Object.assign(last, { codec: "deflate", bytes: stream.length, shape: [count] });
  const joined = new Uint8Array((last.offset as number) + stream.length);
  joined.set(body.subarray(0, last.offset as number));
  joined.set(stream, last.offset as number);
  return join(header, joined);
}

async function refused(data: Uint8Array, words: string | RegExp): Promise<void> {
  const error = await decodeFrame(data).then(
    () => null,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(WireError);
  expect((error as WireError).message).toMatch(words);
}

const goldenNames = Object.keys(expected.frames);

afterEach(() => {
  vi.unstubAllGlobals();
});

describe("golden frames", () => {
  test.each(goldenNames)("%s is decoded as in Python", async (name) => {
    const frame = await decodeFrame(bytesOf(name));
    const wanted = expected.frames[name]!;
    expect(frame.kind).toBe(wanted.kind);
    expect(frame.meta).toEqual(wanted.meta);
    expect(Object.keys(frame.arrays)).toEqual(Object.keys(wanted.sections));
    const dtypes = { u1: Uint8Array, u2: Uint16Array, u4: Uint32Array, f4: Float32Array, f8: Float64Array };
    for (const [section, { dtype, shape, sum, ends }] of Object.entries(wanted.sections)) {
      const array = frame.arrays[section]!;
      expect(array).toBeInstanceOf(dtypes[dtype as keyof typeof dtypes]);
      expect(array.length).toBe(shape.reduce((a, b) => a * b));
      const numbers = Array.from(array as Float64Array, (x) => (Number.isNaN(x) ? null : x));
      expect([numbers[0], numbers.at(-1)]).toEqual(ends);
      expect(numbers.reduce((a: number, b) => a + (b ?? 0), 0)).toBeCloseTo(sum, 6);
    }
  });

  test("a view into a larger buffer is read at its offset", async () => {
    const frame = bytesOf("tail");
    const buffer = new Uint8Array(frame.length + 13);
    buffer.set(frame, 5);
    for (const view of [new DataView(buffer.buffer, 5, frame.length), buffer.subarray(5, 5 + frame.length)]) {
      expect((await decodeFrame(view)).meta).toEqual(expected.frames.tail!.meta);
    }
  });

  test("arrays are copies: the message's buffer may be reused", async () => {
    const bytes = join(...(Object.values(tiny()) as [Header, Uint8Array]));
    const { arrays } = await decodeFrame(bytes);
    bytes.fill(0);
    expect([...arrays.notional!]).toEqual([1000, 250.5]);
  });
});

describe("malformed frames", () => {
  test("each bad fixture has its message", () => expect(badNames.sort()).toEqual(Object.keys(badWords).sort()));
  test.each(Object.entries(badWords))("bad/%s names %s", (name, word) =>
    refused(bytesOf(`bad/${name}`), new RegExp(`^${word}`)),
  );

  test.each(["bars", "ledger_merged", "tail", "events", "positions"])("every beginning of %s", async (name) => {
    const frame = bytesOf(name);
    for (let length = 0; length < frame.length; length++) await refused(frame.slice(0, length), /wanted/);
  });

  test.each([1, 8, 1000])("%i bytes after the frame", async (extra) => {
    for (const name of goldenNames) {
      const frame = bytesOf(name);
      const longer = new Uint8Array(frame.length + extra);
      longer.set(frame);
      await refused(longer, /^body: wanted/);
    }
  });

  test("the tiny frame is good", async () => {
    const { header, body } = tiny();
    expect([...(await decodeFrame(join(header, body))).arrays.notional!]).toEqual([1000, 250.5]);
  });

  test.each([0, 1, 100_000, 2 ** 32 - 1])("a header length of %i", async (length) => {
    const frame = bytesOf("ledger");
    new DataView(frame.buffer).setUint32(4, length, true);
    await refused(frame, /^header: wanted 2 to/);
  });

  test.each([
    "no json",
    "null",
    "12",
    "[]",
    "{}",
    '{"meta":[]}',
    '{"meta":{"a":NaN}}',
    "[".repeat(30_000),
    "[".repeat(30_000) + "]".repeat(30_000),
  ])("header %#", (header) => refused(join(header, new Uint8Array()), /^header: wanted/));

  test("a header that is no UTF-8", async () => {
    const { header, body } = tiny();
    const frame = join(header, body);
    frame[10] = 0xff;
    await refused(frame, /^header: wanted UTF-8 JSON/);
  });

  test.each(["candles", "", null, 3, ["bars"], "toString", "__proto__"])("kind %j", (kind) => {
    const { header, body } = tiny();
    return refused(
      join({ ...header, kind }, body),
      /^kind: wanted one of bars, model, ledger, tail, events, positions/,
    );
  });

  test.each([null, {}, "start", 5])("sections %j", (sections) => {
    const { header, body } = tiny();
    return refused(join({ ...header, sections }, body), /^sections: wanted a list/);
  });

  test.each([
    null,
    1,
    "start",
    [],
    {},
    { name: "open" },
    { name: ["row"] },
    { name: "__proto__" },
    { name: "toString" },
  ])("section %j", (section) => {
    const { header, body } = tiny();
    header.sections[1] = section as Section;
    return refused(join(header, body), /^section: wanted one of start, row/);
  });

  test("a section twice", async () => {
    const { header, body } = tiny();
    const last = header.sections.at(-1)!;
    const longer = new Uint8Array(body.length + 8);
    longer.set(body);
    header.sections.push({ ...last, offset: body.length });
    await refused(join(header, longer), /^section hours: wanted once/);
  });

  test.each(["bars", "ledger", "tail", "events", "positions"])("a required section missing in %s", async (name) => {
    const { header, body } = split(bytesOf(name));
    const optional = ["open_interest", "open_interest_change", "mark_low", "mark_high", "age"];
    for (const missing of header.sections) {
      if (optional.includes(missing.name as string)) continue;
      // Move the other sections up, without gaps.
      let end = 0;
      const parts: [Uint8Array, number][] = [];
      const sections = header.sections
        .filter((section) => section !== missing)
        .map((section) => {
          const place = end + (-end & 7);
          const from = section.offset as number;
          parts.push([body.subarray(from, from + (section.bytes as number)), place]);
          end = place + (section.bytes as number);
          return { ...section, offset: place };
        });
      const moved = new Uint8Array(end);
      for (const [part, place] of parts) moved.set(part, place);
      await refused(
        join({ ...header, sections }, moved),
        new RegExp(`^section ${missing.name}: wanted in a ${name} frame`),
      );
    }
  });

  const notCounts = [-1, 1.5, true, null, "2", [2], 2 ** 32, 1e300];
  const lies: [string, unknown, string][] = [
    ...["u8", "f32", "<u2", null, 2, ["u16"]].map((v): [string, unknown, string] => ["dtype", v, "wanted dtype u16"]),
    ...notCounts.map((v): [string, unknown, string] => ["shape", [v], "wanted 1 dimensions"]),
    ...[[], [1, 2], 2, null, "2", {}].map((v): [string, unknown, string] => ["shape", v, "wanted 1 dimensions"]),
    ...[0, 1, 3].map((v): [string, unknown, string] => ["shape", [v], "wanted \\d+ bytes of u16"]),
    ...[2 ** 27 + 1, 2 ** 32 - 1].map((v): [string, unknown, string] => ["shape", [v], "wanted at most 268435456"]),
    ...[...notCounts, 0, 8, 15, 17, 24, 1e6].map((v): [string, unknown, string] => ["offset", v, ".*found offset"]),
    ...[...notCounts, 1000].map((v): [string, unknown, string] => ["bytes", v, "wanted .* bytes at 16"]),
    ...[0, 3, 5, 8].map((v): [string, unknown, string] => ["bytes", v, "wanted 4 bytes of u16"]),
    ...["gzip", "", null, 1, ["raw"]].map((v): [string, unknown, string] => [
      "codec",
      v,
      "wanted codec raw or deflate",
    ]),
    ["codec", "deflate", "wanted a whole zlib stream"],
  ];
  test.each(lies)("a section with %s %j", (field, value, words) => {
    const { header, body } = tiny();
    header.sections[1]![field] = value;
    return refused(join(header, body), new RegExp(`^section row: ${words}`));
  });

  test.each(["shape", "codec", "dtype", "name"])("a %s too deep to print", async (field) => {
    const { header, body } = tiny();
    header.sections[0]![field] = "DEEP";
    const deep = "[".repeat(20_000) + "]".repeat(20_000);
    await refused(join(JSON.stringify(header).replace('"DEEP"', deep), body), /^section.*: wanted/);
    await refused(join(JSON.stringify(header).replace('"DEEP"', `[${deep}]`), body), /^section.*: wanted/);
  });

  const huge = "1e999";
  test.each([
    ["ledger", "bin_size", [0, -1, null, "1", true, [1], huge]],
    ["ledger", "first", [1.5, 2 ** 54, null, "1", huge]],
    ["ledger", "rows", [0, -1, 65_536, 4.5, null, huge]],
    ["ledger", "leverage", [[], new Array(33).fill(5), [0.5, 5], [5, 1001], [5, true], ["5"], 5, null, {}]],
    ["ledger", "age_unit", [-1, 1.1e9, null, huge]],
    ["bars", "time_base", [1.1e15, -1.1e15, null, "0", huge]],
    ["bars", "step", [0, -1, 1.1e13, null, huge]],
    ["model", "row_size", [0, -1, null, "1", huge]],
    ["model", "first", [1.5, 2 ** 54, null, huge]],
    ["model", "rows", [0, 65_536, 4.5, null, huge]],
    ["model", "leverage", [[], [0.5], ["5"], 5, null]],
    ["model", "k_long", [[0.5], [0.5, 0.5, 0.5, 1.5], "x", null]],
    ["model", "k_short", [[1.5], [1.5, 1.5, 1.5, 0.5], "x", null]],
    ["model", "beyond", [[0], [0, 0, 0, -1], null]],
    ["model", "turnover", [0, -1, 2, "all", null, huge]],
    ["model", "span", [-1, 2, null]],
    ["tail", "from", [-1, 1.5, 2 ** 32 + 1, null, huge]],
    ["tail", "base", [-1, 1.5, 2 ** 32 + 1, null]],
    ["tail", "revision", [-1, 1.5, 2 ** 32 + 1, null]],
    ["events", "base", [-1, 1.5, 2 ** 32 + 1, null, huge]],
    ["events", "revision", [-1, 1.5, 2 ** 32 + 1, null, huge]],
    ["events", "placed", [-1, 1.5, null, "1", huge]],
    ["events", "outside", [-1, 1.5, null, true, huge]],
    ["events", "long_usd", [-1, null, "1", huge]],
    ["events", "short_usd", [-1, null, "1", huge]],
    ["events", "outside_usd", [-1, null, "1", huge]],
    ["positions", "bin_size", [0, -1, null, huge]],
    ["positions", "first", [1.5, null, huge]],
    ["positions", "rows", [0, 65_536, null, huge]],
    ["positions", "label", [null, 5, ["a"], {}]],
    ["positions", "outside_usd", [-1, null, huge]],
    ["positions", "outside_rows", [-1, 0.5, null, huge]],
  ] as [string, string, unknown[]][])("%s frame, meta %s out of range", async (name, key, values) => {
    const { header, body } = split(bytesOf(name));
    for (const value of [...values, undefined]) {
      const text = JSON.stringify({ ...header, meta: { ...header.meta, [key]: value } }).replace(`"${huge}"`, huge);
      await refused(join(text, body), new RegExp(`^meta ${key}: wanted`));
    }
  });

  test("positions of a time that is none", async () => {
    const { header, body } = split(bytesOf("positions"));
    for (const time of [null, "now", true, 1e17, -1e17]) {
      await refused(join(JSON.stringify({ ...header, meta: { ...header.meta, time } }), body), /^meta time: wanted/);
    }
    const known = await decodeFrame(join(JSON.stringify({ ...header, meta: { ...header.meta, time: 5.5 } }), body));
    expect(known.meta.time).toBe(5.5);
  });

  test.each([
    ["start", [1, 1, 2]],
    ["start", [0, 1, 1]],
    ["start", [0, 3, 2]],
    ["start", [0, 2 ** 32 - 1, 2]],
    ["row", [0, 4]],
    ["tier", [2, 0]],
    ["notional", [1, -1]],
    ["notional", [Number.NaN, 1]],
    ["notional", [1, Infinity]],
    ["sweep", [1, 3, 2, 0]],
    ["sweep", [0, 5, 0, 0]],
    ["hours", [Number.NaN, 1]],
    ["hours", [0, -1]],
    ["hours", [0, Infinity]],
  ] as [string, number[]][])("%s of %j", (name, values) => {
    const { header, body } = tiny({ [name]: values });
    return refused(join(header, body), new RegExp(`^section ${name}: wanted`));
  });

  test("a header of more than 64 KiB", async () => {
    const { header, body } = tiny();
    header.meta.note = "x".repeat(65_536 - JSON.stringify({ ...header, meta: { ...header.meta, note: "" } }).length);
    expect((await decodeFrame(join(header, body))).kind).toBe("ledger");
    header.meta.note += "x";
    await refused(join(header, body), /^header: wanted 2 to 65536/);
  });

  test("no columns", async () => {
    const { header } = tiny();
    let offset = 0;
    const empty = header.sections.map((section) => {
      const shape = section.name === "start" ? [1] : (section.shape as number[]).map((_, i) => (i === 0 ? 0 : 2));
      const place = offset + (-offset & 7);
      const bytes = section.name === "start" ? 4 : 0;
      offset = place + bytes;
      return { ...section, shape, offset: place, bytes };
    });
    await refused(join({ ...header, sections: empty }, new Uint8Array(offset)), /^columns: wanted at least one/);
  });

  test.each([
    ["gap", 0, 1],
    ["gap", 1, 0],
    ["gap", 1, 0.5],
    ["gap", 1, Infinity],
    ["open", 0, 0],
    ["high", 1, -1],
    ["low", 0, Number.NaN],
    ["close", 1, Infinity],
    ["volume", 0, -1],
    ["volume", 1, Number.NaN],
    ["volume", 1, Infinity],
  ])("bars with %s[%i] of %d", async (name, at, value) => {
    const values = (key: string): number[] => {
      const numbers = key === "gap" ? [0, 1] : [2, 3];
      if (key === name) numbers[at] = value;
      return numbers;
    };
    const arrays: (Float64Array | Float32Array)[] = [Float64Array.from(values("gap"))];
    for (const key of ["open", "high", "low", "close"]) arrays.push(Float64Array.from(values(key)));
    arrays.push(Float32Array.from(values("volume")));
    const body = new Uint8Array(5 * 16 + 8);
    let offset = 0;
    const sections = ["gap", "open", "high", "low", "close", "volume"].map((key, i) => {
      const array = arrays[i]!;
      const dtype = key === "volume" ? "f32" : "f64";
      const place = offset;
      body.set(new Uint8Array(array.buffer), place);
      offset += array.byteLength;
      return { name: key, dtype, shape: [2], codec: "raw", offset: place, bytes: array.byteLength };
    });
    const frame = join({ kind: "bars", meta: { time_base: 0, step: 1000 }, sections }, body);
    await refused(frame, new RegExp(`^section ${name}: wanted`));
  });
});

describe("zlib streams", () => {
  test("a stream of the right length is read", async () => {
    const frame = await decodeFrame(packedLast(deflateSync(new Uint8Array(8)), 2));
    expect([...frame.arrays.hours!]).toEqual([0, 0]);
  });

  test("every beginning of a stream", async () => {
    const whole = deflateSync(new Uint8Array(8));
    for (let length = 0; length < whole.length; length++) {
      await refused(
        packedLast(whole.subarray(0, length), 2),
        /^section hours: wanted a whole zlib stream|^section hours: wanted 8 bytes/,
      );
    }
  });

  test.each([0, 1, 2, -1])("a corrupted byte at %i", async (place) => {
    const stream = Uint8Array.from(deflateSync(new Uint8Array(new Float32Array([0, 1]).buffer)));
    stream[place < 0 ? stream.length + place : place]! ^= 0x5a;
    await refused(packedLast(stream, 2), /^section hours: wanted/);
  });

  test.each([0, 4, 7, 9, 100])("a stream of %i bytes instead of 8", (size) =>
    refused(packedLast(deflateSync(new Uint8Array(size)), 2), /^section hours: wanted 8 bytes/),
  );

  test("a zip bomb is not unpacked", async () => {
    const Real = DecompressionStream;
    let unpacked = 0;
    vi.stubGlobal(
      "DecompressionStream",
      class {
        writable: WritableStream;
        readable: ReadableStream;
        constructor(format: CompressionFormat) {
          const real = new Real(format);
          const count = new TransformStream<Uint8Array, Uint8Array>({
            transform(part, controller) {
              unpacked += part.length;
              controller.enqueue(part);
            },
          });
          this.writable = real.writable;
          this.readable = real.readable.pipeThrough(count as never);
        }
      },
    );
    await refused(packedLast(deflateSync(new Uint8Array(64_000_000)), 2), /^section hours: wanted 8 bytes; found more/);
    expect(unpacked).toBeGreaterThan(8);
    expect(unpacked).toBeLessThan(1_000_000);
  });

  test("nothing is allocated for a stream too short for its shape", async () => {
    const allocated: number[] = [];
    const Real = Uint8Array;
    class Counted extends Real {
      constructor(...args: unknown[]) {
        super(...(args as [number]));
        if (typeof args[0] === "number") allocated.push(args[0]);
      }
    }
    const frame = packedLast(deflateSync(new Uint8Array(1000)), 2 ** 26);
    vi.stubGlobal("Uint8Array", Counted);
    await refused(frame, /^section hours: wanted 268435456 bytes; found a zlib stream of/);
    expect(Math.max(0, ...allocated)).toBeLessThan(100_000);
  });

  test("the densest stream there is passes", async () => {
    const zeros = deflateSync(new Uint8Array(4_000_000), { level: 9 });
    expect(4_000_000 / zeros.length).toBeGreaterThan(1000);
    await refused(packedLast(zeros, 1_000_000), /^section start: wanted shape/); // fully read, then compared
  });
});

function assertValid({ kind, meta, arrays }: Frame): void {
  if (kind === "events" || kind === "positions") {
    const { row, time, until, side } = arrays as Record<string, Float64Array | undefined>;
    expect(new Set(Object.values(arrays).map((array) => array.length)).size).toBe(1);
    for (const name of ["notional", "long", "short"]) {
      expect(arrays[name]?.every((x: number) => x >= 0 && x < Infinity) ?? true).toBe(true);
    }
    expect(time?.every((t, i) => t < until![i]! && (i === 0 || t >= time[i - 1]!)) ?? true).toBe(true);
    expect(side?.every((s) => s <= 1) ?? true).toBe(true);
    expect(row?.every((r, i) => r < (meta.rows as number) && (i === 0 || r > row[i - 1]!)) ?? true).toBe(true);
  }
  if (kind === "bars" || kind === "tail") {
    expect(arrays.open!.length).toBe(arrays.gap!.length);
    expect(arrays.close!.every((x: number) => x > 0 && x < Infinity)).toBe(true);
  }
  if (kind === "ledger") {
    const { start, row, tier, sweep, notional, hours } = arrays as Record<string, Uint32Array>;
    expect(start!.length).toBe(hours!.length + 1);
    expect(start!.at(-1)).toBe(row!.length);
    expect(tier!.length).toBe(row!.length);
    expect(row!.every((r) => r < (meta.rows as number))).toBe(true);
    expect(tier!.every((t) => t < (meta.leverage as number[]).length)).toBe(true);
    expect(sweep!.every((r) => r <= (meta.rows as number))).toBe(true);
    expect(notional!.every((x) => x >= 0 && x < Infinity)).toBe(true);
  }
}

describe("noise", () => {
  test("flipped bytes are refused or make another valid frame", async () => {
    const { header, body } = tiny();
    const frames = [...goldenNames.map(bytesOf), join(header, body)];
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...frames),
        fc.array(fc.tuple(fc.nat(), fc.integer({ min: 1, max: 255 })), { minLength: 1, maxLength: 6 }),
        async (frame, flips) => {
          const data = frame.slice();
          for (const [place, bits] of flips) data[place % data.length]! ^= bits;
          try {
            assertValid(await decodeFrame(data));
          } catch (error) {
            if (!(error instanceof WireError)) throw error;
          }
        },
      ),
      { numRuns: 500 },
    );
  });

  test("any JSON in the place of a field", async () => {
    const places = ["kind", "meta", "sections", ...Object.keys(tiny().header.meta).map((key) => `meta.${key}`)];
    for (let i = 0; i < 6; i++) for (const key of Object.keys(tiny().header.sections[0]!)) places.push(`${i}.${key}`);
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...places), fc.jsonValue({ maxDepth: 2 }), async (place, value) => {
        const { header, body } = tiny();
        const [holder, key] = place.split(".") as [string, string?];
        if (key === undefined) (header as unknown as Section)[holder] = value;
        else if (holder === "meta") header.meta[key] = value;
        else header.sections[Number(holder)]![key] = value;
        try {
          assertValid(await decodeFrame(join(header, body)));
        } catch (error) {
          if (!(error instanceof WireError)) throw error;
        }
      }),
      { numRuns: 500 },
    );
  });
});
