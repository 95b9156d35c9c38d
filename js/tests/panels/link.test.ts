import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { PALETTES, SCALES } from "../../src/base/colour";
import { LAYERS } from "../../src/model/realised_cells";
import { type Accepts, linkText, readLink } from "../../src/panels/link";
import { readSettings, type Settings, type Visible } from "../../src/source/settings";

const HOUR = 3_600_000;
const START = Date.UTC(2026, 0, 1);
const ACCEPTS: Accepts = {
  leverage: [3, 10, 12.5, 100],
  venues: ["one", "an other"],
  binSizes: [20, 40, 100],
  autoDecayRate: 0.03,
  time: Float64Array.from({ length: 200 }, (_, t) => START + t * HOUR),
  timesOf: () => ({ time_from: START, time_to: START + 199 * HOUR }),
};
const USUAL: Settings = {
  ...readSettings(() => undefined),
  leverageMix: { 3: 1, 12.5: 2 },
  decayRate: 0.05,
  binSize: 40,
};
const share = fc.double({ min: 0, max: 1, noNaN: true });
const moment = fc.integer({ min: 1, max: 199 * 3600 }).map((s) => START + s * 1000);
const anySettings: fc.Arbitrary<Settings> = fc
  .record({
    leverageMix: fc.record({ 3: fc.double({ min: 0.001, max: 1e9, noNaN: true }), 12.5: fc.nat(100) }),
    decay: fc.option(fc.double({ min: 0, max: 20, noNaN: true }), { nil: null }),
    binSize: fc.constantFrom(20, 40, 100),
    binAuto: fc.boolean(),
    turnover: fc.constantFrom(null, "auto" as const, 0.25),
    venues: fc.subarray(["one", "an other"], { minLength: 1 }),
    palette: fc.constantFrom(...PALETTES),
    scale: fc.constantFrom(...SCALES),
    threshold: fc.tuple(share, share).filter(([a, b]) => a < b),
    opacity: share,
    layer: fc.constantFrom(...LAYERS),
    contrast: fc.constantFrom("view", "whole"),
    priceAxis: fc.constantFrom("linear", "log"),
    swept: fc.boolean(),
    bubbles: fc.boolean(),
    theme: fc.constantFrom("auto", "light", "dark"),
    shock: fc.option(
      fc.double({ min: -0.99, max: 10, noNaN: true }).map((move) => move + 0),
      { nil: null },
    ),
    asOf: fc.option(moment, { nil: null }),
  })
  .map(
    ({ decay, ...rest }) => ({ ...USUAL, ...rest, decayAuto: decay === null, decayRate: decay ?? 0.03 }) as Settings,
  );
const anyVisible: fc.Arbitrary<Visible | null> = fc.option(
  fc
    .record({ from: moment, length: fc.integer({ min: 1, max: 1e6 }), priced: fc.boolean() })
    .map(({ from, length, priced }) => ({
      time_from: from,
      time_to: from + length * 1000,
      ...(priced ? { price_low: 0.5, price_high: 1e5 } : {}),
    })),
  { nil: null },
);

describe("a link", () => {
  test("gives the same settings and the same view again", () => {
    fc.assert(
      fc.property(anySettings, anyVisible, fc.constantFrom("", "#", "?"), (settings, visible, sign) => {
        const linked = readLink(`${sign}${linkText(settings, visible)}`, ACCEPTS);
        // The height is not in it, nor is the size of an automatic bin: it depends on the screen.
        const { height: _, autoBin: __, turnover, binSize, ...rest } = settings;
        const given = { ...(turnover !== null && { turnover }), ...(!settings.binAuto && { binSize }) };
        expect(linked).toEqual({ settings: { ...rest, ...given }, visible });
      }),
      { numRuns: 1000 },
    );
    const range = { ...ACCEPTS.timesOf("3d"), range: "3d" as const, price_low: 1, price_high: 2 };
    expect(readLink(linkText(USUAL, range), ACCEPTS)?.visible).toEqual(range);
  });

  test.each([
    ["#view=2", "view: wanted 1; got 2"],
    ["#view=1&view=1", "view: wanted one value; got 1 and 1"],
    ["#view=1&mix=3:1,7:2", "mix: wanted shares of the tiers 3, 10, 12.5, 100; got 3:1,7:2"],
    ["#view=1&mix=3:0", "mix: wanted shares of"],
    ["#view=1&decay=-1", "decay: wanted a rate per hour from 0 to 1000000, or auto; got -1"],
    ["#view=1&bin=30", "bin: wanted auto or one of 20, 40, 100; got 30"],
    ["#view=1&palette=jet", "palette: wanted plasma, viridis, cividis, inferno; got jet"],
    ["#view=1&threshold=0.5,0.2", "threshold: wanted two shares 0 <= low < high <= 1; got 0.5,0.2"],
    ["#view=1&theme=<img src=x>", "theme: wanted auto, light, dark; got <img src=x>"],
    ["#view=1&asof=1999-01-01T00:00Z", "asof: wanted a time after the first candle; got 1999-01-01T00:00Z"],
    [
      "#view=1&from=2026-01-02T00:00Z",
      "from, to: wanted two times with candles between them; got 2026-01-02T00:00Z and",
    ],
    ["#view=1&range=2y", "range: wanted 24h, 3d, 1w, 1m or all; got 2y"],
    [`#view=1&${"x".repeat(3000)}`, "wanted at most 2000 characters; got 3008"],
  ])("that cannot be shown is refused with a sentence: %s", (text, wanted) => {
    expect(() => readLink(text, ACCEPTS)).toThrow(wanted);
  });

  test.each(["", "#", "#section", "?reset&token=abc", "?preview=1", "#review=1"])("is none: %s", (text) => {
    expect(readLink(text, ACCEPTS)).toBeNull();
  });

  test("of any text is a valid view, a sentence, or none", () => {
    const names = [
      "mix",
      "decay",
      "bin",
      "turnover",
      "palette",
      "scale",
      "threshold",
      "opacity",
      "layer",
      "axis",
      "swept",
      "theme",
    ];
    const name = fc.constantFrom(...names, "shock", "asof", "range", "from", "to", "price", "__proto__", "x");
    const value = fc.oneof(
      fc.string({ maxLength: 12 }),
      fc.constantFrom(
        "1",
        "0",
        "auto",
        "-1",
        "1e400",
        "NaN",
        "3:1",
        "3:1,10:x",
        "0,1",
        "1,0",
        "all",
        "3d",
        "log",
        "<script>",
        "%",
      ),
      fc.constantFrom(
        "2026-01-02T00:00Z",
        "9999-99-99T99:99Z",
        "__proto__:1",
        "3:1".repeat(40),
        "0x10",
        "1_000",
        " 1 ",
      ),
    );
    const hostile = fc
      .array(fc.tuple(name, value), { maxLength: 8 })
      .map((pairs) => `#view=1&${pairs.map(([a, b]) => `${a}=${b}`).join("&")}`);
    fc.assert(
      fc.property(
        fc.oneof(
          hostile,
          fc.string({ maxLength: 60 }),
          fc.string().map((s) => `#view=1&${s}`),
        ),
        (text) => {
          let linked: ReturnType<typeof readLink>;
          try {
            linked = readLink(text, ACCEPTS);
          } catch (error) {
            expect((error as Error).message).toMatch(/wanted .* got /s);
            expect((error as Error).message.length).toBeLessThan(300);
            return;
          }
          if (linked === null) return;
          const { settings, visible } = linked;
          // What the settings' own check would replace was let through.
          const checked = readSettings((name) => ({ ...USUAL, ...settings })[name]);
          expect(checked).toEqual({ ...USUAL, ...settings });
          for (const weight of Object.values(checked.leverageMix)) expect(weight).toBeGreaterThanOrEqual(0);
          if (visible) expect(visible.time_from).toBeLessThan(visible.time_to);
        },
      ),
      { numRuns: 10_000 },
    );
  });
});
