import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { edgesOf } from "../../src/export/files";
import { ledgerOf } from "../../src/frames/bars_and_ledger";
import { decodeFrame } from "../../src/frames/wire";
import { clustersOf } from "../../src/model/clusters";
import { bytesOf, expected } from "../golden";

describe.each(Object.entries(expected.clusters))("the clusters of %s", (name, wanted) => {
  test.each(wanted)("at column $at are Python's", async ({ at, close, rows }) => {
    const ledger = ledgerOf(await decodeFrame(bytesOf(name)));
    const values = Float32Array.from(expected.densities[name]![0]!.values);
    const edges = edgesOf(ledger);
    const found = clustersOf(values.subarray(at * ledger.rows, (at + 1) * ledger.rows), edges, close);
    const as = found.map(({ side, from, to, peak }) => [
      side,
      edges[from],
      edges[to],
      (edges[peak]! + edges[peak + 1]!) / 2,
    ]);
    expect(as).toEqual(rows.map((row) => row.slice(0, 4)));
    for (const [i, { usd, distance, toReach }] of found.entries()) {
      const [notional, far, before] = rows[i]!.slice(4) as [number, number, number];
      expect(Math.abs(usd - notional)).toBeLessThanOrEqual(1e-12 * notional);
      expect(Math.abs(distance - far)).toBeLessThanOrEqual(1e-15);
      expect(Math.abs(toReach - before)).toBeLessThanOrEqual(1e-12 * before);
    }
  });
});

test("there are golden columns with several clusters on either side", () => {
  const sides = Object.values(expected.clusters).flatMap((all) =>
    all.flatMap(({ rows }) => rows.map(([side]) => side)),
  );
  for (const side of ["long", "short"]) expect(sides.filter((x) => x === side).length).toBeGreaterThan(4);
});

test("clusters are disjoint bright runs on one side, largest first, whatever the column", () => {
  const column = fc.array(fc.oneof(fc.constant(0), fc.double({ min: 0, max: 100, noNaN: true })), {
    minLength: 1,
    maxLength: 40,
  });
  fc.assert(
    fc.property(column, fc.double({ min: 0, max: 45, noNaN: true }), (usd, close) => {
      const values = Float32Array.from(usd);
      const edges = Float64Array.from({ length: values.length + 1 }, (_, i) => i);
      const found = clustersOf(values, edges, close, values.length);
      const most = Math.max(...values);
      const bright = values.map((value) => (value > 0 && value >= 0.3 * most ? 1 : 0));
      const covered = new Float32Array(values.length);
      for (const { from, to, side, peak, usd: sum } of found) {
        covered.fill(1, from, to);
        for (let row = from; row < to; row++) expect(row + 0.5 < close).toBe(side === "long");
        expect(values[peak]).toBe(Math.max(...values.subarray(from, to)));
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
