import { describe, expect, test } from "vitest";
import { NOTHING_NEAR, readNear } from "../../src/source/near";

const LEVEL = {
  side: "long",
  price_low: 100,
  price_high: 110,
  peak_price: 105,
  notional: 6e7,
  distance: -0.004,
  entered: 1.7e12,
};
const RULE = { distance: 0.005, notional: 5e7 };

describe("near clusters", () => {
  test("are read from what Python sends", () => {
    const { levels, rules } = readNear([LEVEL, { ...LEVEL, side: "short", distance: 0.01 }], [RULE]);
    const level = { side: "long", low: 100, high: 110, peak: 105, usd: 6e7, distance: -0.004, entered: 1.7e12 };
    expect(levels).toEqual([level, { ...level, side: "short", distance: 0.01 }]);
    expect(rules).toEqual([RULE]);
  });

  test.each([
    undefined,
    null,
    "near",
    7,
    {},
    [null],
    ["long"],
    [[LEVEL]],
    [{ ...LEVEL, side: "both" }],
    [{ ...LEVEL, notional: "6e7" }],
    [{ ...LEVEL, price_low: Number.NaN }],
    [{ ...LEVEL, distance: Number.POSITIVE_INFINITY }],
    [{ ...LEVEL, entered: undefined }],
  ])("anything else is omitted: %j", (raw) => {
    expect(readNear(raw, raw)).toEqual(
      Array.isArray(raw) && typeof raw[0] === "object" && raw[0] !== null && "notional" in raw[0]
        ? { levels: [], rules: readNear([], raw).rules }
        : NOTHING_NEAR,
    );
    expect(readNear([LEVEL, ...(Array.isArray(raw) ? raw : [])], raw).levels).toHaveLength(1);
  });
});
