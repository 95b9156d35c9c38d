import fc from "fast-check";
import { describe, expect, test } from "vitest";

/** The module of the course's exercises, which is plain JavaScript beside the notebooks. */
const address = new URL("../../../notebooks/teaching/exercise.js", import.meta.url).href;
const { codeOf, fileOf, judge, missing, quantity, readNumber, readProgress, variantOf } = await import(
  /* @vite-ignore */ address
);

describe("a typed number", () => {
  test.each([
    ["57,228.92", "USD", 57228.92],
    ["57228.92", "USD", 57228.92],
    ["57.228,92", "USD", 57228.92],
    ["57228,92", "USD", 57228.92],
    ["57 228.92 USD", "USD", 57228.92],
    ["57’228", "USD", 57228],
    ["$57.2k", "USD", 57200],
    ["57,228", "USD", 57228],
    ["1,234,567", "USD", 1234567],
    ["1.234.567", "USD", 1234567],
    ["1.5m", "USD", 1.5e6],
    ["4.62 %", "%", 4.62],
    ["4,62%", "%", 4.62],
    ["0,004", "%", 0.004],
    ["-4.62 percent", "%", -4.62],
    ["−4.62", "%", -4.62],
    [".5", "%", 0.5],
    ["+5", "", 5],
    ["20x", "x", 20],
  ])("%s in %s is %d", (text, unit, value) => expect(readNumber(text, unit)).toBe(value));

  test.each([
    ["", "USD"],
    ["about 5", "USD"],
    ["5 %", "USD"],
    ["$5", "%"],
    ["1,2,3", "USD"],
    ["1.2.3", "USD"],
    ["12,34.5", "USD"],
    ["1e9", "USD"],
    ["Infinity", "USD"],
    ["5-3", "USD"],
    ["<b>5</b>", "USD"],
  ])("%s in %s is none", (text, unit) => expect(readNumber(text, unit)).toBeNaN());

  test("any number is read back as printed", () => {
    fc.assert(
      fc.property(fc.double({ min: -1e9, max: 1e9, noNaN: true }), (value) => {
        const text = value.toFixed(2);
        expect(readNumber(text, "USD")).toBe(Number(text));
        expect(readNumber(Number(text).toLocaleString("en", { minimumFractionDigits: 2 }), "USD")).toBe(Number(text));
      }),
    );
  });

  test("any text is a number or none", () => {
    fc.assert(fc.property(fc.string(), (text) => typeof readNumber(text, "%") === "number"));
  });
});

test("a number is judged by tolerance and sign, and a mistake by its own tolerance", () => {
  const wrong = [{ value: 0.05, hint: "a fraction", tolerance: 0.001 }];
  const question = { right: 5, why: "because", wrong };
  const data = { tolerance: 0.1, signed: false, otherwise: "no" };
  expect(judge(question, 5.1, data)).toEqual({ right: true, say: "because" });
  expect(judge(question, -5, data).right).toBe(true);
  expect(judge(question, -5, { ...data, signed: true }).right).toBe(false);
  expect(judge(question, 5.11, data)).toEqual({ right: false, say: "no" });
  expect(judge(question, 0.0505, data).say).toBe("a fraction");
  expect(judge(question, 0.06, data).say).toBe("no");
});

describe("a class code", () => {
  test.each([
    ["7b", "7B"],
    [" Spring_24 ", "SPRING_24"],
    ["", null],
    ["a".repeat(17), null],
    ["<img>", null],
    ["ä", null],
    ["7 B", null],
  ])("%s is kept as %s", (text, code) => expect(codeOf(text)).toBe(code));

  test("no code gets the first variant, and codes get all of them about equally often", () => {
    expect(variantOf("", "1-level", 16)).toBe(0);
    const counts = new Array(16).fill(0);
    for (let k = 0; k < 1600; k++) counts[variantOf(`C${k}`, "1-level", 16)]++;
    expect(Math.min(...counts)).toBeGreaterThan(60);
    expect(Math.max(...counts)).toBeLessThan(140);
  });

  test("exercises of a class do not all get the same variant", () => {
    const names = ["1-level", "2-row", "3-after", "4-rate", "5-push", "6-false", "7-hours"];
    expect(new Set(names.map((name) => variantOf("7B", name, 16))).size).toBeGreaterThan(3);
  });
});

describe("the heatmap", () => {
  const time = [0, 3.6e6, 7.2e6];
  const settings = { leverageMix: { 10: 30, 20: 30, 50: 60 }, decayRate: Math.LN2 / 6, asOf: 3.6e6 };
  const selection = { time_from: 0, time_to: 3.6e6, price_low: 100, price_high: 140 };
  const state = { settings, selection, field: { bars: { time } } };

  test.each([
    ["share:20", 25],
    ["share:7", undefined],
    ["others:20:10=1,50=2", 0],
    ["others:20:10=1,50=1", 100 / 6],
    ["decay", 6],
    ["asof:7200000", -1],
    ["part:120:160", 50],
    ["part:200:210", 0],
    ["height", 40],
    ["age", 1],
    ["nonsense", undefined],
  ])("%s is %d", (name, value) => {
    const found = quantity(name, state);
    if (value === undefined) expect(found).toBeUndefined();
    else expect(found).toBeCloseTo(value, 9);
  });

  test("without a selection, decay or replay there is none of theirs", () => {
    const bare = { ...state, selection: null, settings: { ...settings, asOf: null, decayRate: 0 } };
    for (const name of ["part:1:2", "height", "age", "asof:5"]) expect(quantity(name, bare)).toBeUndefined();
    expect(quantity("decay", bare)).toBe(Infinity);
  });

  test("mistakes are told before what is missing, with the value", () => {
    const wanted = [{ of: "height", least: 10, most: 50, say: "{value} USD high" }];
    expect(missing({ mistakes: [], wanted }, state)).toBe("");
    expect(missing({ mistakes: [], wanted }, { ...state, selection: null })).toBe("none USD high");
    const mistakes = [{ of: "share:20", most: 30, say: "{value} %" }];
    expect(missing({ mistakes, wanted }, state)).toBe("25 %");
    expect(missing({ mistakes: [{ ...mistakes[0], most: 20 }], wanted }, state)).toBe("");
  });
});

describe("progress", () => {
  const record = { tries: 3, hints: 2, solved: true, code: "7B", day: "2026-11-30" };

  test("comes back as it was kept", () => {
    const kept = { code: "7B", records: { "1-level": record, "1-lowest": { ...record, guess: 20 } } };
    expect(readProgress(JSON.stringify({ version: 1, ...kept }))).toEqual(kept);
  });

  test.each(["", "{", "null", "7", "[]", '{"version":2}', '{"version":1,"records":7}', '{"version":1,"code":"<b>"}'])(
    "%s is none",
    (text) => expect(readProgress(text)).toEqual({ code: "", records: {} }),
  );

  test("what is not usable is dropped", () => {
    const bad = { tries: -1, hints: "x", solved: "yes", code: "<i>", day: "now", guess: "9", more: 1 };
    const records = { "1-level": bad, "<script>": record, x: 5, "2-row": null };
    const found = readProgress(JSON.stringify({ version: 1, code: "7B", records }));
    expect(found.records).toEqual({ "1-level": { tries: 0, hints: 0, solved: false, code: "", day: "" } });
  });

  test("the largest file is below 4 kB, and has no guesses", () => {
    const most = { tries: 1e9, hints: 1e9, solved: false, code: "X".repeat(16), day: "2026-11-30", guess: 1.5 };
    const names = Array.from({ length: 99 }, (_, k) => `exercise-number-1-${String(k).padStart(2, "0")}`);
    const records = Object.fromEntries(names.map((name) => [name, most]));
    const text = fileOf(readProgress(JSON.stringify({ version: 1, code: "X".repeat(16), records })), "2026-11-30");
    expect(text.length).toBeLessThan(4096);
    const file = JSON.parse(text);
    expect(Object.keys(file.exercises)).toHaveLength(32);
    expect(file.exercises[names[0]!]).toEqual({
      tries: 999,
      hints: 999,
      solved: false,
      class: "X".repeat(16),
      day: "2026-11-30",
    });
    expect(file).toMatchObject({ format: "liqwidget-course", version: 1, class: "X".repeat(16), day: "2026-11-30" });
  });
});
