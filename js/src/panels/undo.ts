/** Undo and redo of settings: the states that a view has been in, one step for each thing the user did. */

import type { Settings } from "../source/settings";

type Name = keyof Settings;

/** Not undone: what belongs to a moment or to the page, and what the view chooses by itself. */
const LEFT_OUT: readonly Name[] = ["autoBin", "shock", "asOf", "theme", "height"];

/** Settings that change by themselves while another one is on. */
const FOLLOWS: Partial<Record<Name, Name>> = { decayRate: "decayAuto", binSize: "binAuto" };

/** Changes of the same setting that are less than this apart are one step, ms. */
const PAUSE_MS = 1000;

/** Most steps that are kept. */
const MOST = 200;

/** Names of the settings that somebody changed between two states. */
export function changedBy(before: Settings, after: Settings): Name[] {
  return (Object.keys(after) as Name[]).filter((name) => {
    const auto = FOLLOWS[name];
    const follows = auto !== undefined && before[auto] === true && after[auto] === true;
    return !LEFT_OUT.includes(name) && !follows && !isSame(before[name], after[name]);
  });
}

/** What to set to come from one state to another. */
export function changesTo(now: Settings, wanted: Settings): Partial<Settings> {
  const names = changedBy(now, wanted).filter((name) => name !== "binSize" || !wanted.binAuto);
  return Object.fromEntries(names.map((name) => [name, wanted[name]]));
}

/** Whether two values of a setting are equal: numbers, words, handles of the colour bar or shares by tier. */
function isSame(a: Settings[Name], b: Settings[Name]): boolean {
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return a === b;
  const [one, other] = [a, b] as Record<string, unknown>[];
  const names = new Set([...Object.keys(one!), ...Object.keys(other!)]);
  return [...names].every((name) => one![name] === other![name]);
}

interface Step {
  before: Settings;
  names: Name[];
}

export class History {
  #now: Settings;
  #past: Step[] = [];
  #future: Settings[] = [];
  /** Whether a further change of the same setting belongs to the last step, and whether it may take its time. */
  #open = false;
  #held = false;
  #last = Number.NEGATIVE_INFINITY;

  /** @param first - the state that the view starts with, the defaults to go back to */
  constructor(private readonly first: Settings) {
    this.#now = first;
  }

  get canUndo(): boolean {
    return this.#past.length > 0;
  }

  get canRedo(): boolean {
    return this.#future.length > 0;
  }

  get canReset(): boolean {
    return changedBy(this.#now, this.first).length > 0;
  }

  /**
   * The user begins something: the next change is a step of its own.
   *
   * @param held - it lasts until `end`, as a drag does, however long that takes
   */
  begin(held = false): void {
    this.#open = false;
    this.#held = held;
  }

  end(): void {
    this.#held = false;
  }

  /** The settings have changed, at a time in ms. */
  record(settings: Settings, at: number): void {
    const before = this.#now;
    const names = changedBy(before, settings);
    this.#now = settings;
    if (names.length === 0) return;
    this.#future = [];
    const last = this.#past.at(-1);
    const goesOn = this.#open && (this.#held || at - this.#last <= PAUSE_MS);
    if (goesOn && last !== undefined && isNested(last.names, names)) {
      last.names = [...new Set([...last.names, ...names])];
      // Back where it began: nothing to undo.
      if (changedBy(last.before, settings).length === 0) this.#past.pop();
    } else this.#push(before, names);
    this.#open = this.#past.length > 0;
    this.#last = at;
  }

  /** The state before the last step; null: there is none. */
  undo(): Settings | null {
    const step = this.#past.pop();
    if (step === undefined) return null;
    this.#future.push(this.#now);
    return this.#go(step.before);
  }

  /** The state before the last undo; null: there is none. */
  redo(): Settings | null {
    const after = this.#future.pop();
    if (after === undefined) return null;
    this.#push(this.#now, changedBy(this.#now, after));
    return this.#go(after);
  }

  /** The first state, which can be undone; null: it is there already. */
  reset(): Settings | null {
    if (!this.canReset) return null;
    this.#future = [];
    this.#push(this.#now, changedBy(this.#now, this.first));
    return this.#go(this.first);
  }

  /** The state that was asked for is there, with whatever follows of itself. */
  arrived(settings: Settings): void {
    this.#now = settings;
  }

  #push(before: Settings, names: Name[]): void {
    this.#past.push({ before, names });
    if (this.#past.length > MOST) this.#past.shift();
  }

  #go(to: Settings): Settings {
    this.begin();
    this.#now = to;
    return to;
  }
}

/** Whether all names of one list are in the other. */
const isNested = (a: readonly Name[], b: readonly Name[]): boolean =>
  a.every((name) => b.includes(name)) || b.every((name) => a.includes(name));
