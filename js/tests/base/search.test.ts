import fc from "fast-check";
import { expect, test } from "vitest";
import { lastAtMost } from "../../src/base/search";

test("finds the last element at most a value, like a linear search", () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 50 })), fc.integer({ min: -5, max: 55 }), (values, value) => {
      values.sort((a, b) => a - b);
      expect(lastAtMost(values, value)).toBe(values.filter((v) => v <= value).length - 1);
    }),
  );
});
