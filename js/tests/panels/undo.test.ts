import fc from "fast-check";
import { expect, test } from "vitest";
import { changedBy, changesTo, History } from "../../src/panels/undo";
import { readSettings, type Settings } from "../../src/source/settings";

const first: Settings = {
  ...readSettings(() => undefined),
  leverageMix: { 3: 50, 10: 50 },
  decayRate: 0.03,
  binSize: 50,
};
const change = fc.oneof(
  fc.record({ decayRate: fc.double({ min: 0, max: 1, noNaN: true }) }),
  fc.record({ leverageMix: fc.record({ 3: fc.nat(100), 10: fc.nat(100) }) }),
  fc.record({ binSize: fc.constantFrom(10, 20, 50, 100) }),
  fc.record({ priceAxis: fc.constantFrom("linear" as const, "log" as const) }),
  fc.record({ palette: fc.constantFrom("viridis" as const, "plasma" as const) }),
  fc.record({ threshold: fc.tuple(fc.constantFrom(0, 0.1), fc.constantFrom(0.5, 1)) }),
);

/** What undo and redo restore. */
const kept = (settings: Settings) => ({
  ...settings,
  autoBin: null,
  shock: null,
  asOf: null,
  theme: "auto",
  height: 0,
});

test("undo goes back through all steps, redo forward again, and reset to the first, which can be undone", () => {
  fc.assert(
    fc.property(fc.array(change, { minLength: 1, maxLength: 30 }), (changes) => {
      const history = new History(first);
      const states = [first];
      for (const one of changes) {
        history.begin();
        const next = { ...states.at(-1)!, ...one } as Settings;
        history.record(next, 0);
        if (changedBy(states.at(-1)!, next).length > 0) states.push(next);
      }
      const last = states.at(-1)!;
      for (const state of states.slice(0, -1).reverse()) expect(kept(history.undo()!)).toEqual(kept(state));
      expect([history.undo(), history.canUndo]).toEqual([null, false]);
      for (const state of states.slice(1)) expect(kept(history.redo()!)).toEqual(kept(state));
      expect([history.redo(), history.canRedo]).toEqual([null, false]);
      const back = history.reset();
      expect(back === null).toBe(changedBy(first, last).length === 0);
      if (back !== null) expect([back, history.undo()]).toEqual([first, last]);
    }),
  );
});

test("a drag is one step, however long it takes, and what follows is another one", () => {
  const history = new History(first);
  history.begin(true);
  for (let i = 1; i <= 50; i++) history.record({ ...first, decayAuto: false, decayRate: 0.03 + i / 100 }, i * 5000);
  history.end();
  history.begin(true);
  history.record({ ...first, decayRate: 0.9 }, 250_001); // the same slider again, at once
  history.end();
  expect(history.undo()?.decayRate).toBeCloseTo(0.53);
  expect(history.undo()).toEqual(first);
  expect(history.canUndo).toBe(false);
});

test("changes of one setting that come without a gesture are one step while they come quickly", () => {
  const history = new History(first);
  for (const [at, opacity] of [
    [0, 0.9],
    [300, 0.8],
    [600, 0.7],
    [2000, 0.6],
  ] as const)
    history.record({ ...first, opacity }, at);
  history.record({ ...first, opacity: 0.6, swept: true }, 2001);
  expect([history.undo()?.swept, history.undo()?.opacity, history.undo()?.opacity]).toEqual([false, 0.7, 1]);
  expect(history.canUndo).toBe(false);
});

test("a drag away and back leaves nothing to undo, and a new change ends what could be redone", () => {
  const history = new History(first);
  history.begin(true);
  for (const opacity of [0.5, 0.2, 1]) history.record({ ...first, opacity }, 0);
  expect([history.canUndo, history.canReset]).toEqual([false, false]);
  history.begin();
  history.record({ ...first, swept: true }, 0);
  history.undo();
  expect(history.canRedo).toBe(true);
  history.record({ ...first, opacity: 0.5 }, 0);
  expect(history.canRedo).toBe(false);
});

test("what changes by itself is no step, and is not undone", () => {
  const auto: Settings = { ...first, decayAuto: true, binAuto: true };
  const history = new History(auto);
  const later: Settings = { ...auto, decayRate: 0.04, binSize: 20, autoBin: 20, asOf: 5, shock: -0.1, height: 300 };
  history.record(later, 0);
  expect(history.canUndo).toBe(false);
  history.record({ ...later, palette: "viridis" }, 1);
  const back = history.undo()!;
  expect(changesTo({ ...later, palette: "viridis" }, back)).toEqual({ palette: "plasma" });
  // Leaving the automatic size is a step; undoing it leaves the size to the view.
  history.arrived(later);
  const own: Settings = { ...later, binAuto: false, binSize: 100 };
  history.record(own, 5000);
  expect(changesTo(own, history.undo()!)).toEqual({ binAuto: true });
});
