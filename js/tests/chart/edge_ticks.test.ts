import { expect, test } from "vitest";
import { EdgeTicks, isCut } from "../../src/chart/edge_ticks";

test("a label is cut where an end of the axis is nearer than half of it", () => {
  expect([-21, -19, 0, 19, 20, 300, 580, 581, 600, 619, 621].map((x) => isCut(x, 40, 600))).toEqual([
    false,
    true,
    true,
    true,
    false,
    false,
    false,
    true,
    true,
    true,
    false,
  ]);
});

test("texts are asked for again once, when one becomes cut or whole", () => {
  let moved = 0;
  let renewed = 0;
  const axis = {
    place: (ms: number) => (ms === 9 ? null : ms + moved),
    measure: (text: string) => text.length * 10,
    width: 600,
    renew: () => void renewed++,
  };
  const ticks = new EdgeTicks(axis);
  const ask = (): string[] => [10, 200, 400, 590, 9].map((ms) => ticks.textAt(ms, "12:00") ?? "");
  expect(ask()).toEqual(["", "12:00", "12:00", "", "12:00"]);
  ticks.follow();
  moved = 5;
  ticks.follow();
  expect(renewed).toBe(0);
  moved = 16; // the first is whole
  ticks.follow();
  ticks.follow(); // the chart has not asked again yet
  expect(renewed).toBe(1);
  expect(ask()).toEqual(["12:00", "12:00", "12:00", "", "12:00"]);
  moved = -180; // the second is cut, the first and the last are out of view or whole
  ticks.follow();
  expect(renewed).toBe(2);
  expect(ask()).toEqual(["12:00", "", "12:00", "12:00", "12:00"]);
});

test("the chart's own texts are left to it, as wide as they usually are", () => {
  const axis = { place: (ms: number) => ms, measure: (text: string) => text.length * 10, width: 600, renew: () => {} };
  const ticks = new EdgeTicks(axis);
  expect([ticks.textAt(12, null, 2), ticks.textAt(12, null, 3), ticks.textAt(30, null, 3)]).toEqual([null, "", null]);
});
