import { expect, test } from "vitest";
import { Turns } from "../../src/panels/wheel_hint";

/** Whether each of these moves of the wheel is one too many. */
const told = (moves: [at: number, delta: number][]): boolean[] => {
  const turns = new Turns();
  return moves.map(([at, delta]) => turns.turn(at, delta));
};

test("a page that is scrolled past is one turn", () => {
  expect(told(Array.from({ length: 100 }, (_, i) => [i * 30, 20])).some(Boolean)).toBe(false);
});

test("the fourth turn tells, after pauses or to and fro", () => {
  expect(told([0, 500, 1000, 1500].map((at) => [at, 100]))).toEqual([false, false, false, true]);
  expect(told([1, -1, 1, -1].map((way, i) => [i * 50, way * 100]))).toEqual([false, false, false, true]);
});

test("turns that are long ago do not count", () => {
  expect(told([0, 2000, 4000, 6000, 8000].map((at) => [at, 100])).some(Boolean)).toBe(false);
});
