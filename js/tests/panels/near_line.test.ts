import { describe, expect, test } from "vitest";
import { NearMarks } from "../../src/chart/near_marks";
import { enteredSince, lastEntered, levelText, noticeOf, rulesText } from "../../src/panels/near_line";
import type { NearLevel } from "../../src/source/near";

const LONG: NearLevel = { side: "long", low: 99, high: 101, peak: 100, usd: 6.13e7, distance: -0.0042, entered: 5 };
const SHORT: NearLevel = { ...LONG, side: "short", peak: 120, usd: 1.2e8, distance: 0.0031, entered: 9 };

describe("near clusters as text", () => {
  test("name side, size and distance, and never a direction", () => {
    expect(levelText(LONG)).toBe("longs $61.3M, 0.42 % below");
    expect(levelText(SHORT, "BTC")).toBe("shorts 120M BTC, 0.31 % above");
    const { title, body } = noticeOf([LONG, SHORT], "BTCUSDT");
    expect(title).toBe("BTCUSDT: price near estimated levels");
    expect(body).toBe(
      "longs $61.3M, 0.42 % below the price\nshorts $120M, 0.31 % above the price\nAn estimate, not a forecast.",
    );
    expect(noticeOf([LONG], "").title).toBe("Price near estimated levels");
    expect(`${title} ${body}`).not.toMatch(/\b(up|down|buy|sell|rise|fall|target|will)\b/i);
  });

  test("rules", () => {
    const rules = [
      { distance: 0.005, notional: 5e7 },
      { distance: 0.02, notional: 1e9 },
    ];
    expect(rulesText(rules)).toBe("$50M or more within 0.50 %, or $1B or more within 2.00 %");
  });

  test("only what entered later is news", () => {
    expect(lastEntered([])).toBe(0);
    expect(lastEntered([SHORT, LONG])).toBe(9);
    expect(enteredSince([LONG, SHORT], 5)).toEqual([SHORT]);
    expect(enteredSince([LONG, SHORT], 9)).toEqual([]);
  });
});

test("marks are replaced only when they differ", () => {
  const lines = new Set<object>();
  let made = 0;
  const marks = new NearMarks({
    createPriceLine: (mark) => {
      made++;
      lines.add(mark);
      return mark;
    },
    removePriceLine: (line) => void lines.delete(line),
  });
  marks.show([LONG, SHORT]);
  expect([...lines]).toEqual([
    { price: 100, color: "#5ad1ff", lineVisible: false, axisLabelVisible: true },
    { price: 120, color: "#ffb066", lineVisible: false, axisLabelVisible: true },
  ]);
  marks.show([{ ...LONG, usd: 1, distance: -0.1 }, SHORT]); // at the same prices
  expect(made).toBe(2);
  marks.show([SHORT]);
  expect(lines.size).toBe(1);
  marks.show([]);
  expect(lines.size).toBe(0);
});
