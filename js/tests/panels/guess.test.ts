import { expect, test } from "vitest";
import { guessText } from "../../src/panels/guess";

test("a guess is compared with the close that came", () => {
  expect(guessText(100, 110, 105, 1)).toBe("The close was 105.0 (+5.00 %). Your guess of 110.0 was 4.76 % too high.");
  expect(guessText(100, 90, 95, 0)).toBe("The close was 95 (−5.00 %). Your guess of 90 was 5.26 % too low.");
  expect(guessText(100, 104, 104, 2)).toBe("The close was 104.00 (+4.00 %). Your guess of 104.00 was exactly right.");
});
