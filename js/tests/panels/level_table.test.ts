import fc from "fast-check";
import { expect, test } from "vitest";
import { barsOf, edgeOf, ledgerOf } from "../../src/frames/bars_and_ledger";
import { decodeFrame } from "../../src/frames/wire";
import { Field } from "../../src/model/field";
import { levelsOf, rangeText } from "../../src/panels/level_table";
import { bytesOf } from "../golden";

const field = new Field(
  barsOf(await decodeFrame(bytesOf("bars"))),
  ledgerOf(await decodeFrame(bytesOf("ledger"))),
  { 3: 40, 10: 30, 25: 20, 100: 10 },
  0.03,
);
const { ledger, bars } = field;
const all = { from: 0, to: ledger.rows };

test("all levels of a candle are its rows that are not empty, from the top, with sums from the close on", () => {
  for (let column = 0; column < ledger.columns; column++) {
    const values = field.column(column);
    const close = bars.close[column]!;
    const { levels, of } = levelsOf(field, column, all, ledger.rows);
    const filled = Array.from(values.keys()).filter((row) => values[row]! > 0);
    expect(levels.map(({ row }) => row)).toEqual(filled.reverse());
    expect(of.long + of.short).toBe(filled.length);
    for (const { row, side, usd, sum, distance, tier } of levels) {
      const centre = edgeOf(ledger, row + 0.5);
      expect(side).toBe(centre < close ? "long" : "short");
      expect(usd).toBe(values[row]);
      let wanted = 0;
      for (const [r, value] of values.entries()) {
        const level = edgeOf(ledger, r + 0.5);
        if (side === "long" ? r >= row && level < close : r <= row && level >= close) wanted += value;
      }
      expect(sum).toBeCloseTo(wanted, 3);
      expect(distance).toBeCloseTo(centre / close - 1, 12);
      const { byTier } = field.cell(column, row);
      expect(byTier[ledger.leverage.indexOf(tier)]).toBe(Math.max(...byTier));
    }
  }
});

test("the largest of each side are shown, of the rows that are asked for", () => {
  const column = ledger.columns - 1;
  const row = fc.integer({ min: 0, max: ledger.rows });
  fc.assert(
    fc.property(row, row, fc.integer({ min: 1, max: 8 }), (a, b, most) => {
      const rows = { from: Math.min(a, b), to: Math.max(a, b) };
      const every = levelsOf(field, column, all, ledger.rows).levels.filter(
        (l) => l.row >= rows.from && l.row < rows.to,
      );
      const { levels, of } = levelsOf(field, column, rows, most);
      for (const side of ["long", "short"] as const) {
        const there = every.filter((level) => level.side === side);
        expect(of[side]).toBe(there.length);
        const best = there.map(({ usd }) => usd).sort((x, y) => y - x);
        const shown = levels.filter((level) => level.side === side).map(({ usd }) => usd);
        expect([...shown].sort((x, y) => y - x)).toEqual(best.slice(0, most));
      }
    }),
  );
});

test("edges have the decimals that their bins need", () => {
  expect(rangeText({ ...ledger, binSize: 1e-8, first: 1234 }, 0)).toBe("0.00001234 – 0.00001235");
  expect(rangeText({ ...ledger, binSize: 0.5, first: 20_000 }, 1)).toBe("10,000.5 – 10,001.0");
  expect(rangeText({ ...ledger, binSize: 250, first: 400 }, 0)).toBe("100,000 – 100,250");
});
