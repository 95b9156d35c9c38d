import fc from "fast-check";
import { expect, test } from "vitest";
import { type Anchor, anchorOf, percentOf, withShare } from "../../src/panels/controls";

const TIERS = ["3", "5", "10", "20", "50"];
const share = fc.integer({ min: 0, max: 100 });
const mixes = fc
  .tuple(...TIERS.map(() => fc.integer({ min: 0, max: 60 })))
  .filter((weights) => weights.some((weight) => weight > 0))
  .map((weights) => Object.fromEntries(TIERS.map((tier, i) => [tier, weights[i]!])));

/** Set a tier to these shares one after the other, as drags or by typing. */
function set(mix: Record<string, number>, tier: string, shares: number[]): Record<string, number> {
  let anchor: Anchor | null = null;
  for (const to of shares) {
    anchor = anchorOf(anchor, tier, mix);
    mix = withShare(anchor.mix, tier, to);
  }
  return mix;
}

test("a tier that went anywhere, and to 100 %, and back, leaves the others as they were", () => {
  fc.assert(
    fc.property(mixes, fc.constantFrom(...TIERS), fc.array(share), (mix, tier, way) => {
      const before = percentOf(mix);
      const after = set(mix, tier, [...way, 100, ...way, 100, before[tier]!]);
      for (const other of TIERS) expect(after[other]!).toBeCloseTo(before[other]!, 5);
    }),
  );
});

test("a mix that came from elsewhere meanwhile is the one to return to", () => {
  const first = { 3: 50, 10: 30, 50: 20 };
  const anchor = anchorOf(null, "3", first);
  expect(anchorOf(anchor, "3", withShare(first, "3", 100))).toBe(anchor);
  expect(anchorOf(anchor, "3", { 3: 1, 10: 0, 50: 0 })).toBe(anchor); // the same shares in other units
  expect(anchorOf(anchor, "3", { 3: 50, 10: 20, 50: 30 })).toEqual({ tier: "3", mix: { 3: 50, 10: 20, 50: 30 } });
  expect(anchorOf(anchor, "10", first)).toEqual({ tier: "10", mix: first });
  expect(anchorOf(anchor, "3", { 3: 100 })).toEqual({ tier: "3", mix: { 3: 100 } });
});
