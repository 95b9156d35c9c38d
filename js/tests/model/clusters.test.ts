import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { edgesOf } from "../../src/base/grid";
import { barsOf, ledgerOf } from "../../src/frames/bars_and_ledger";
import { modelOf } from "../../src/frames/model";
import { decodeFrame } from "../../src/frames/wire";
import { CandleField } from "../../src/model/candle_field";
import { type Cells, cellsOf } from "../../src/model/cells";
import { type Cluster, clustersOf } from "../../src/model/clusters";
import { bytesOf, expected, type GoldenClusters, markets, unpacked } from "../golden";

/** Rows as cells, each on the side of its centre. */
const cellsBy = (usd: ArrayLike<number>, edges: Float64Array, close: number): Cells => ({
  edges,
  usd: Float64Array.from(usd),
  longs: edges.subarray(1).filter((edge, row) => (edge + edges[row]!) / 2 < close).length,
});

/** Whether clusters are Python's: prices to `near` of the price, USD to `share` of the largest. */
function expectClusters(all: Cluster[], wanted: GoldenClusters["rows"], near: number, share: number): void {
  // Sorted by price, since equal amounts may come in either order.
  const found = all.toSorted((a, b) => a.low - b.low);
  const rows = wanted.toSorted((a, b) => a[1] - b[1]);
  expect(found.map(({ side }) => side)).toEqual(rows.map(([side]) => side));
  const most = Math.max(0, ...rows.map((row) => row[4] + row[6]));
  for (const [i, { low, high, peak, usd, distance, toReach }] of found.entries()) {
    const [, ...numbers] = rows[i]!;
    for (const [k, value] of [low, high, peak].entries())
      expect(Math.abs(value - numbers[k]!)).toBeLessThanOrEqual(near * numbers[k]!);
    expect(Math.abs(distance - numbers[4]!)).toBeLessThanOrEqual(1e-14);
    expect(Math.abs(usd - numbers[3]!)).toBeLessThanOrEqual(share * most);
    expect(Math.abs(toReach - numbers[5]!)).toBeLessThanOrEqual(share * most);
  }
}

describe.each(Object.entries(expected.clusters))("the clusters of %s", (name, wanted) => {
  test.each(wanted)("at column $at are Python's", async ({ at, close, rows }) => {
    const ledger = ledgerOf(await decodeFrame(bytesOf(name)));
    const values = Float32Array.from(expected.densities[name]![0]!.values);
    const column = values.subarray(at * ledger.rows, (at + 1) * ledger.rows);
    expectClusters(clustersOf(cellsBy(column, edgesOf(ledger), close), close), rows, 0, 1e-12);
  });
});

test.each(Object.entries(markets))(
  "the clusters of a market with %s end where Python cuts a bin",
  async (_, market) => {
    const bars = barsOf(await decodeFrame(unpacked(market.bars)));
    const model = modelOf(await decodeFrame(unpacked(market.model)));
    for (const { weights, decay_rate, bins } of market.planes) {
      const leverageMix = Object.fromEntries(model.leverage.map((tier, i) => [tier, weights[i]!]));
      for (const { factor, columns, clusters } of bins) {
        const tune = { leverageMix, decayRate: decay_rate, binSize: model.rows.binSize * factor, turnover: null };
        const field = new CandleField(bars, model, tune);
        for (const [i, t] of columns.entries()) {
          expectClusters(clustersOf(cellsOf(field, t), bars.close[t]!, 1000), clusters[i]!, 1e-15, 1e-5);
        }
      }
    }
  },
);

test("there are golden columns with several clusters on either side", () => {
  const sides = Object.values(expected.clusters).flatMap((all) =>
    all.flatMap(({ rows }) => rows.map(([side]) => side)),
  );
  for (const side of ["long", "short"]) expect(sides.filter((x) => x === side).length).toBeGreaterThan(4);
});

test("clusters are disjoint bright runs on one side, largest first, in any column", () => {
  const column = fc.array(fc.oneof(fc.constant(0), fc.double({ min: 0, max: 100, noNaN: true })), {
    minLength: 1,
    maxLength: 40,
  });
  fc.assert(
    fc.property(column, fc.double({ min: 0, max: 45, noNaN: true }), (usd, close) => {
      const values = Float32Array.from(usd);
      const edges = Float64Array.from({ length: values.length + 1 }, (_, i) => i);
      const found = clustersOf(cellsBy(values, edges, close), close, values.length);
      const most = Math.max(...values);
      const bright = values.map((value) => (value > 0 && value >= 0.3 * most ? 1 : 0));
      const covered = new Float32Array(values.length);
      for (const { low: from, high: to, side, peak, usd: sum } of found) {
        covered.fill(1, from, to);
        for (let row = from; row < to; row++) expect(row + 0.5 < close).toBe(side === "long");
        expect(values[peak - 0.5]).toBe(Math.max(...values.subarray(from, to)));
        expect(sum).toBeCloseTo(
          values.subarray(from, to).reduce((a, b) => a + b, 0),
          3,
        );
      }
      expect(covered).toEqual(bright);
      expect(found.map((x) => x.usd)).toEqual(found.map((x) => x.usd).sort((a, b) => b - a));
    }),
  );
});

test("longs and shorts of the bin around the close are separate clusters", () => {
  const cells = { edges: Float64Array.of(0, 1, 2, 2.4, 3, 4, 5), usd: Float64Array.of(1, 9, 8, 7, 0, 6), longs: 3 };
  const found = clustersOf(cells, 2.4);
  expect(found.map(({ side, low, high, usd, toReach }) => [side, low, high, usd, toReach])).toEqual([
    ["long", 1, 2.4, 17, 0],
    ["short", 2.4, 3, 7, 0],
    ["short", 4, 5, 6, 7],
  ]);
});
