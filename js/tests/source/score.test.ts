import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { scoreText } from "../../src/panels/score_line";
import { NO_SCORE, readScore } from "../../src/source/score";

const RAW = {
  state: "shown",
  reason: "",
  days: 7.02,
  until: Date.UTC(2026, 0, 14),
  every: "1h",
  rank: 0.8612,
  gain: 0.314,
  false_alarm: 0.238,
  range_rank: 0.552,
  better: true,
  priced: true,
  stale: false,
};
const textOf = (change: object, saved = false): string => scoreText(readScore({ ...RAW, ...change }), saved);

describe("the score as text", () => {
  test("says rank, gain and false alarms, beside range x volume", () => {
    expect(textOf({})).toBe(
      "Estimate against realised, last 7 d: rank 0.86 (range x volume 0.55), gain 0.31 over range x volume; false alarms 24 %",
    );
    expect(textOf({ gain: null, range_rank: null, false_alarm: null, days: 0.5 })).toBe(
      "Estimate against realised, last 12 h: rank 0.86",
    );
  });

  test.each([
    [{ better: false }, false, " · not better than range x volume"],
    [{ better: null }, false, " · not clearly better than range x volume"],
    [{ priced: false }, false, " · by time alone, no prices are known"],
    [{ stale: true }, false, " · with other settings; being computed anew"],
    [{ stale: true }, true, " · at 2026-01-14 00:00 UTC, with the settings saved"],
    [{}, true, " · at 2026-01-14 00:00 UTC, with the settings saved"],
  ])("says what limits it: %j", (change, saved, end) => expect(textOf(change, saved).endsWith(end)).toBe(true));

  test("gives a reason where there is none", () => {
    expect(textOf({ state: "hidden", reason: "no data" })).toBe("Not scored: no data");
    expect(textOf({ state: "pending" })).toBe("Comparing the estimate with realised liquidations …");
    expect(scoreText(NO_SCORE, false)).toBe("");
  });
});

describe("a score from anything", () => {
  test.each([undefined, null, 3, "shown", [], {}, { state: "great" }])("%j is none", (raw) =>
    expect(readScore(raw)).toEqual(NO_SCORE),
  );

  test.each(["days", "until", "rank"])("without %s it is none", (name) => {
    for (const bad of [undefined, null, "1", Number.NaN, Number.POSITIVE_INFINITY]) {
      expect(readScore({ ...RAW, [name]: bad })).toEqual(NO_SCORE);
    }
    expect(readScore({ ...RAW, until: 1e300 })).toEqual(NO_SCORE);
  });

  test("gives text, whatever it is", () => {
    const anything = fc.record(
      Object.fromEntries(Object.keys(RAW).map((name) => [name, fc.anything()])) as Record<
        string,
        fc.Arbitrary<unknown>
      >,
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(anything, fc.constantFrom("shown", "hidden", "pending", 1), fc.boolean(), (raw, state, saved) => {
        const text = scoreText(readScore({ ...RAW, ...raw, state }), saved);
        expect(typeof text).toBe("string");
        expect(text.length).toBeLessThan(1000);
        if (state !== "hidden") expect(text).not.toMatch(/NaN|undefined|null|Infinity/);
      }),
    );
  });
});
