import fc from "fast-check";
import { expect, test } from "vitest";
import { coins, decimalsOf, duration, halfLife, percent, price, usd, utc } from "../../src/base/units";
import { words } from "../golden";

test.each(words.usd)("usd(%d) is %s", (value, text) => expect(usd(value)).toBe(text));

test("usd keeps three figures", () => {
  fc.assert(
    fc.property(fc.double({ min: 1, max: 9.99e14, noNaN: true }), (value) => {
      const [, figures, unit] = /^\$([\d.]+)([KMBT]?)$/.exec(usd(value))!;
      const scale = { "": 1, K: 1e3, M: 1e6, B: 1e9, T: 1e12 }[unit!]!;
      expect(Math.abs((Number(figures) * scale) / value - 1)).toBeLessThan(0.00502);
    }),
  );
});

test.each([
  [0, "0"],
  [0.001234, "0.00123"],
  [0.5, "0.5"],
  [1, "1"],
  [950, "950"],
  [999.994, "999.99"],
  [999.999, "1K"],
  [12_345, "12.35K"],
  [98_350, "98.35K"],
  [999_994, "999.99K"],
  [999_999, "1M"],
  [1.2e9, "1.2B"],
  [4e12, "4T"],
])("coins(%d) is %s", (value, text) => expect(coins(value)).toBe(text));

test.each([
  [0.00001234, 8, "0.00001234"],
  [67_123.4, 1, "67,123.4"],
  [67_123, 0, "67,123"],
  [1_234_567.891, 2, "1,234,567.89"],
  [999, 0, "999"],
  [1000.12345, 5, "1,000.12345"],
  [-1234.5, 1, "−1,234.5"],
])("price(%d, %i) is %s", (value, decimals, words) => expect(price(value, decimals)).toBe(words));

test.each([
  [250, 0],
  [10, 0],
  [1, 0],
  [2.5, 1],
  [0.5, 1],
  [0.1, 1],
  [0.05, 2],
  [0.01, 2],
  [0.00001234, 8],
  [1e-12, 12],
  [1e-15, 12],
])("decimalsOf(%d) is %i", (step, decimals) => expect(decimalsOf(step)).toBe(decimals));

test("price with decimalsOf its value reads back equal, to eight figures", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 10 ** 8 }), fc.integer({ min: 0, max: 11 }), (digits, decimals) => {
      const value = Number(`${digits}e-${decimals}`);
      expect(Number(price(value, decimalsOf(value)).replaceAll(",", ""))).toBe(value);
    }),
  );
});

test.each([
  [0.0142, 2, "+1.42 %"],
  [-0.0142, 2, "−1.42 %"],
  [0, 1, "+0.0 %"],
  [1.5, 0, "+150 %"],
])("percent(%d, %i) is %s", (fraction, digits, words) => expect(percent(fraction, digits)).toBe(words));

test("utc", () => {
  const moment = Date.UTC(2026, 1, 5, 13, 35, 7);
  expect(utc(moment)).toBe("2026-02-05 13:35");
  expect(utc(moment, true)).toBe("2026-02-05 13:35:07");
});

test.each([
  [0, "0 s"],
  [30 / 3600, "30 s"],
  [59.4 / 3600, "59 s"],
  [59.7 / 3600, "1 min"],
  [35 / 60, "35 min"],
  [59.4 / 60, "59 min"],
  [59.7 / 60, "1.0 h"],
  [1, "1.0 h"],
  [2.45, "2.5 h"],
  [9.94, "9.9 h"],
  [9.96, "10 h"],
  [18, "18 h"],
  [47, "47 h"],
  [48, "2 d"],
  [57.6, "2.4 d"],
  [240, "10 d"],
])("duration(%d) is %s", (hours, words) => expect(duration(hours)).toBe(words));

test.each([
  [0, "nothing closes by itself"],
  [Math.LN2 / 24, "half closes within 24 h"],
  [Math.LN2 / 36, "half closes within 36 h"],
  [Math.LN2 * 2, "half closes within 0.5 h"],
  [Math.LN2 / 72, "half closes within 3 d"],
])("halfLife(%d) is %s", (rate, words) => expect(halfLife(rate)).toBe(words));

test("a currency other than USD is named", () => {
  expect(usd(1.24e9, "BTC")).toBe("1.24B BTC");
  expect(usd(-950, "EUR")).toBe("-950 EUR");
});
