import fc from "fast-check";
import { expect, test } from "vitest";
import { edgeOf } from "../../src/base/grid";
import { barsOf, ledgerOf } from "../../src/frames/bars_and_ledger";
import { decodeFrame } from "../../src/frames/wire";
import { cellsOf } from "../../src/model/cells";
import { clustersOf } from "../../src/model/clusters";
import { sidesOf } from "../../src/model/field";
import { LedgerField } from "../../src/model/ledger_field";
import { gapsOf, gapText, levelsOf, nearestText, rangeText } from "../../src/panels/level_table";
import { bytesOf } from "../golden";

const field = new LedgerField(
  barsOf(await decodeFrame(bytesOf("bars"))),
  ledgerOf(await decodeFrame(bytesOf("ledger"))),
  { 3: 40, 10: 30, 25: 20, 100: 10 },
  0.03,
);
const { ledger, bars } = field;
const all = { from: 0, to: ledger.rows };

test("all levels of a candle are its non-empty rows from the top, with sums from the close outwards", () => {
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

test("the largest of each side among the given rows are shown", () => {
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

test("edges have as many decimals as their bins need", () => {
  expect(rangeText({ ...ledger, binSize: 1e-8, first: 1234 }, 0)).toBe("0.00001234 – 0.00001235");
  expect(rangeText({ ...ledger, binSize: 0.5, first: 20_000 }, 1)).toBe("10,000.5 – 10,001.0");
  expect(rangeText({ ...ledger, binSize: 250, first: 400 }, 0)).toBe("100,000 – 100,250");
});

test("every row in view is listed, or counted among those left out", () => {
  for (let column = 0; column < ledger.columns; column++) {
    const [longs, shorts] = sidesOf(field, column);
    const row = fc.integer({ min: 0, max: ledger.rows });
    fc.assert(
      fc.property(row, row, fc.integer({ min: 1, max: 8 }), (a, b, most) => {
        const rows = { from: Math.min(a, b), to: Math.max(a, b) };
        const { levels } = levelsOf(field, column, rows, most);
        const gaps = gapsOf(field, column, rows, levels);
        const { bin, long, short } = field.sides(column);
        for (const [side, values] of [
          ["long", longs],
          ["short", shorts],
        ] as const) {
          const own = levels.filter((level) => level.side === side);
          expect(gaps[side].length).toBe(own.length + 1);
          const there = Array.from(values.keys()).filter(
            (r) =>
              r >= rows.from &&
              r < rows.to &&
              (side === "long" ? r < bin || (r === bin && long > 0) : r > bin || (r === bin && short > 0)),
          );
          expect(gaps[side].reduce((sum, gap) => sum + gap.rows, own.length)).toBe(there.length);
          const total = there.reduce((sum, r) => sum + values[r]!, 0);
          const listed = own.reduce((sum, { usd }) => sum + usd, 0);
          expect(gaps[side].reduce((sum, gap) => sum + gap.usd, listed)).toBeCloseTo(total, 0);
          // Between two levels lie as many rows as their prices say.
          const apart = own.slice(1).map((level, i) => own[i]!.row - level.row - 1);
          expect(gaps[side].slice(1, -1).map((gap) => gap.rows)).toEqual(own.length > 1 ? apart : []);
        }
      }),
      { numRuns: 20 },
    );
  }
});

test("what is left out is said", () => {
  expect(gapText({ rows: 0, usd: 0 })).toBe("");
  expect(gapText({ rows: 1, usd: 0 })).toBe("1 empty row");
  expect(gapText({ rows: 1200, usd: 0 })).toBe("1,200 empty rows");
  expect(gapText({ rows: 1, usd: 3.2e6 })).toBe("1 row left out: $3.2M");
  expect(gapText({ rows: 12, usd: 3.2e6 }, "BTC")).toBe("12 rows left out: 3.2M BTC in all");
});

test("the nearest cluster of each side is named, but not in a window, whose last close is not the market's", () => {
  const column = field.columns - 1;
  const clusters = clustersOf(cellsOf(field, column), bars.close[column]!, Infinity);
  const away = (side: string): number =>
    Math.min(...clusters.filter((one) => one.side === side).map(({ distance }) => Math.abs(distance)));
  const sides = ["short", "long"].filter((side) => away(side) < Infinity);
  expect(sides.length).toBeGreaterThan(0);
  const words = nearestText(field);
  for (const side of sides) {
    const share = (100 * away(side)).toFixed(2);
    expect(words).toMatch(new RegExp(`${side}s \\S+, ${share} % ${side === "short" ? "above" : "below"}, at `));
  }
  const part = Object.create(field, { bars: { value: { ...bars, about: { ...bars.about, part: true } } } });
  expect(nearestText(part)).toBe("");
});
