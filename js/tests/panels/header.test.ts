import { expect, test } from "vitest";
import { beyondText } from "../../src/panels/header";

test("what the picture does not show is said, unless it is next to nothing", () => {
  expect(beyondText(0.0049)).toBe("");
  expect(beyondText(0.2)).toBe("20 % of the estimate is too far from the price to be shown");
});
