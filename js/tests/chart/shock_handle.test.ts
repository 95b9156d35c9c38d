import fc from "fast-check";
import { expect, test } from "vitest";
import { labelsAt } from "../../src/chart/shock_handle";

test("labels stand at their prices where there is room", () => {
  expect(labelsAt(200, 260, 400)).toEqual({ grip: 200, said: 260 });
  expect(labelsAt(200, 140, 400)).toEqual({ grip: 200, said: 140 });
  expect(labelsAt(200, 205, 400)).toEqual({ grip: 200, said: 232 });
  expect(labelsAt(200, 200, 400)).toEqual({ grip: 200, said: 200 }); // nothing follows: the grip says it
});

test("no end of the pane cuts a label, and neither covers the other", () => {
  const y = fc.integer({ min: -500, max: 900 });
  fc.assert(
    fc.property(y, y, fc.integer({ min: 100, max: 800 }), (push, rest, height) => {
      const { grip, said } = labelsAt(push, rest, height);
      for (const at of [grip, said]) {
        expect(at).toBeGreaterThanOrEqual(12);
        expect(at).toBeLessThanOrEqual(height - 12);
      }
      if (push !== rest) expect(Math.abs(grip - said)).toBeGreaterThanOrEqual(26);
    }),
  );
});
