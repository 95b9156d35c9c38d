import { describe, expect, test } from "vitest";
import type { Marks } from "../../src/frames/marks";
import { layerText } from "../../src/panels/legend";

const about = { simulated: false, currency: "" };
const marks = (...price: number[]): Marks =>
  ({
    time: new Float64Array(price.length),
    price: Float32Array.from(price),
    notional: new Float32Array(price.length).fill(2e6),
    unknown: price.filter(Number.isNaN).length,
    most: 2e6,
  }) as Marks;

describe("the legend of what the heat shows", () => {
  test("is empty for the estimate alone", () => expect(layerText("estimate", marks(1), about)).toBe(""));

  test("says which colours are which, and that sums are lower bounds", () => {
    const bound = "as reported by the venue: a lower bound";
    expect(layerText("realised", marks(1), about)).toBe(`realised per bin and candle · largest $2M · ${bound}`);
    const both = layerText("both", marks(1), { simulated: true, currency: "BTC" });
    expect(both).toBe("colour: realised per bin and candle, grey: estimate · largest 2M BTC · simulated");
  });

  test("says what has no price, and where nothing has one", () => {
    expect(layerText("realised", marks(1, Number.NaN, Number.NaN), about)).toMatch(
      / · \$4M without a price not drawn$/,
    );
    const none = "no realised liquidation has a price: none can be drawn in bins";
    expect(layerText("both", marks(Number.NaN), about)).toBe(none);
    expect(layerText("realised", null, about)).toBe(none);
  });
});
