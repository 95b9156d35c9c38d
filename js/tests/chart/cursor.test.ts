import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Clock } from "../../src/base/clock";
import { edgeOf, rowOf } from "../../src/base/grid";
import type { Chart } from "../../src/chart/chart";
import { type Place, placeAfter, placeAt } from "../../src/chart/cursor";
import { scaled, timesInView, wayTo } from "../../src/chart/viewport";
import { barsOf, ledgerOf } from "../../src/frames/bars_and_ledger";
import { decodeFrame } from "../../src/frames/wire";
import { cellsOf } from "../../src/model/cells";
import { clustersOf } from "../../src/model/clusters";
import { LedgerField } from "../../src/model/ledger_field";
import { factsOf, sentenceOf } from "../../src/panels/readout";
import { bytesOf } from "../golden";

const field = new LedgerField(
  barsOf(await decodeFrame(bytesOf("bars"))),
  ledgerOf(await decodeFrame(bytesOf("ledger"))),
  { 3: 40, 10: 30, 25: 20, 100: 10 },
  0.03,
);
const { ledger, bars } = field;
const cell = (column: number, row: number): Place => ({ column, price: edgeOf(ledger, row + 0.5) });
const rowAt = (at: Place | null): number => rowOf(ledger, at!.price);
const anyCell = fc.record({
  column: fc.integer({ min: 0, max: ledger.columns - 1 }),
  row: fc.integer({ min: 0, max: ledger.rows - 1 }),
});

describe("the cell cursor", () => {
  test.each([
    ["ArrowLeft", false, 4, 12],
    ["ArrowRight", false, 6, 12],
    ["ArrowUp", false, 5, 13],
    ["ArrowDown", false, 5, 11],
    ["ArrowUp", true, 5, 22],
    ["PageUp", false, 5, 22],
    ["PageDown", false, 5, 2],
    ["Home", false, 0, 12],
    ["End", false, ledger.columns - 1, 12],
  ])("%s (Ctrl: %s) leads to column %i, row %i", (key, far, column, row) => {
    expect(placeAfter(cell(5, 12), key, far, field)).toEqual(cell(column, row));
  });

  test("c moves to the close, and other keys do nothing", () => {
    expect(rowAt(placeAfter(cell(7, 3), "c", false, field))).toBe(rowOf(ledger, bars.close[7]!));
    for (const key of ["Tab", "Enter", "d", "x", "toString", "constructor"]) {
      expect(placeAfter(cell(7, 3), key, false, field)).toBeNull();
    }
  });

  test("stays on the grid, in the middle of a row, for any keys", () => {
    const keys = [
      "ArrowLeft",
      "ArrowRight",
      "ArrowUp",
      "ArrowDown",
      "PageUp",
      "PageDown",
      "Home",
      "End",
      "a",
      "b",
      "c",
    ];
    fc.assert(
      fc.property(anyCell, fc.array(fc.tuple(fc.constantFrom(...keys), fc.boolean())), ({ column, row }, presses) => {
        let at = cell(column, row);
        for (const [key, far] of presses) at = placeAfter(at, key, far, field)!;
        expect(at.column).toBeGreaterThanOrEqual(0);
        expect(at.column).toBeLessThan(ledger.columns);
        expect(rowAt(at)).toBeGreaterThanOrEqual(0);
        expect(rowAt(at)).toBeLessThan(ledger.rows);
        expect(at.price).toBe(edgeOf(ledger, rowAt(at) + 0.5));
      }),
    );
  });

  test("a and b move to the peak of the next cluster above and below", () => {
    fc.assert(
      fc.property(anyCell, fc.constantFrom(1, -1), ({ column, row }, step) => {
        const clusters = clustersOf(cellsOf(field, column), bars.close[column]!, 99);
        const peaks = clusters.map(({ peak }) => rowOf(ledger, peak)).sort((a, b) => a - b);
        const next = step > 0 ? peaks.find((peak) => peak > row) : peaks.findLast((peak) => peak < row);
        expect(rowAt(placeAfter(cell(column, row), step > 0 ? "a" : "b", false, field))).toBe(next ?? row);
      }),
    );
  });

  test("keeps its price when the bins change", () => {
    expect(placeAt(field, 99, bars.close[3]!)).toEqual(cell(ledger.columns - 1, rowOf(ledger, bars.close[3]!)));
    expect(rowAt(placeAt(field, -5, 0))).toBe(0);
  });

  test("is described in one sentence", () => {
    const values = field.column(5);
    const row = values.findIndex((value) => value > 0);
    const facts = factsOf(field, 5, edgeOf(ledger, row + 0.5), new Clock())!;
    expect(sentenceOf(facts)).toBe(
      `${facts.time}, ${facts.bin.replace("–", "to")}, estimate ${facts.estimate} ${facts.side}, ${facts.distance} from the close`,
    );
    expect(facts.time).toMatch(/^\d{4}-\d\d-\d\d \d\d:\d\d UTC$/);
    expect(sentenceOf({ ...facts, sums: [] })).toContain(", nothing is estimated here, ");
  });
});

const range = fc
  .tuple(fc.double({ min: -1e4, max: 1e4, noNaN: true }), fc.double({ min: 1, max: 1e4, noNaN: true }))
  .map(([from, size]) => ({ from, to: from + size }));

describe("the lens", () => {
  test("moves no further than needed to show the cell", () => {
    fc.assert(
      fc.property(range, fc.double({ min: -3e4, max: 3e4, noNaN: true }), (view, at) => {
        const half = Math.min(0.5, (view.to - view.from) / 4);
        const way = wayTo(view, at - half, at + half);
        const inside = at - half >= view.from && at + half <= view.to;
        expect(way === 0).toBe(inside);
        expect(at - half).toBeGreaterThanOrEqual(view.from + way - 1e-6);
        expect(at + half).toBeLessThanOrEqual(view.to + way + 1e-6);
      }),
    );
  });

  test("zooms around a fixed point, within limits", () => {
    expect(scaled({ from: 0, to: 100 }, 0.5, 20, 8, 1000)).toEqual({ from: 10, to: 60 });
    expect(scaled({ from: 0, to: 100 }, 0.01, 50, 8, 1000)).toEqual({ from: 46, to: 54 });
    expect(scaled({ from: 0, to: 100 }, 20, 0, 8, 1000)).toEqual({ from: 0, to: 1000 });
    expect(scaled({ from: 0, to: 100 }, 0.5, 900, 8, 1000)).toEqual({ from: 50, to: 100 });
  });
});

test("times in view continue after the last column in whole columns, which may hold several candles", () => {
  const of = (width: number) => {
    const api = { timeScale: () => ({ getVisibleLogicalRange: () => ({ from: 0, to: 19 }) }) };
    const bars = { time: [0, 1, 2, 3].map((t) => t * width * 60_000), about: { intervalMs: 60_000, width } };
    return timesInView({ fitted: false, columnsInView: [0, 3], api, bars } as unknown as Chart);
  };
  expect(of(1)).toEqual({ time_from: 0, time_to: 19 * 60_000 });
  expect(of(4)).toEqual({ time_from: 0, time_to: 19 * 4 * 60_000 });
});
