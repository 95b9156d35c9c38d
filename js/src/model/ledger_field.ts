/** A field replayed from a ledger: a window of a history, whose first column contains everything standing before it. */

import type { Grid } from "../base/grid";
import type { Bars, Ledger } from "../frames/bars_and_ledger";
import type { Visit } from "./engine";
import { type Cell, cellOf, type Field, type Sample, type Sides, sharesOf, type Tune, type View } from "./field";
import { brightest, replay } from "./replay";

export class LedgerField implements Field {
  revision = 1;
  readonly opening = null;
  weights: Float64Array;
  #values: Float32Array;
  #brightest = 0;
  #stale = true;
  #sample: Sample | null = null;

  constructor(
    readonly bars: Bars,
    readonly ledger: Ledger,
    mix: Record<string, number>,
    public decayRate: number,
  ) {
    this.weights = sharesOf(ledger.leverage, mix);
    this.#values = new Float32Array(ledger.columns * ledger.rows);
  }

  get grid(): Grid {
    return this.ledger;
  }

  get columns(): number {
    return this.ledger.columns;
  }

  get leverage(): number[] {
    return this.ledger.leverage;
  }

  /** Windows of a history are not replayed. */
  get allBars(): Bars {
    return this.bars;
  }

  get beyond(): number[] {
    return this.ledger.beyond;
  }

  get binSizes(): number[] {
    return [this.ledger.binSize];
  }

  get picture(): number {
    return this.ledger.revision;
  }

  get settings(): Record<string, unknown> {
    return this.ledger.settings;
  }

  /** Standing USD per cell; cell (t, row) is at `t * rows + row`. */
  get values(): Float32Array {
    if (this.#stale) {
      replay(this.ledger, this.weights, this.decayRate, this.#values);
      this.#brightest = brightest(this.#values);
      this.#stale = false;
    }
    return this.#values;
  }

  get brightest(): number {
    return this.values.length > 0 ? this.#brightest : 0;
  }

  tune({ leverageMix, decayRate }: Tune): boolean {
    const weights = sharesOf(this.leverage, leverageMix);
    if (decayRate === this.decayRate && weights.every((w, i) => w === this.weights[i])) return false;
    this.weights = weights;
    this.decayRate = decayRate;
    this.#stale = true;
    this.revision++;
    return true;
  }

  column(t: number): Float32Array {
    const { rows } = this.ledger;
    return this.values.subarray(t * rows, (t + 1) * rows);
  }

  /** A row is long or short as a whole, according to its centre. */
  sides(t: number): Sides {
    const { first, rows, binSize } = this.ledger;
    const bin = Math.min(Math.max(Math.ceil(this.bars.close[t]! / binSize - first - 0.5), 0), rows);
    return { bin, long: 0, short: bin < rows ? this.column(t)[bin]! : 0, cut: null };
  }

  levels(t: number): { rows: Grid; usd: Float32Array } {
    return { rows: this.ledger, usd: this.column(t) };
  }

  cell(t: number, row: number): Cell {
    return cellOf(this, t, row);
  }

  swept(t: number): [number, number] {
    return [this.ledger.sweep[2 * t]!, this.ledger.sweep[2 * t + 1]!];
  }

  visit(column: number, visit: Visit, from = 0, to = this.ledger.rows): void {
    const { start, row, tier, notional, sweep, age, ageUnit, hours } = this.ledger;
    const swept = new Uint8Array(this.ledger.rows);
    let since = 0;
    for (let t = column; t >= 0; t--) {
      for (let i = start[t]!; i < start[t + 1]!; i++) {
        const r = row[i]!;
        if (r < from || r >= to || swept[r] === 1 || this.weights[tier[i]!] === 0) continue;
        visit(r, tier[i]!, notional[i]!, since + (age === null ? 0 : age[i]! ** 3 * ageUnit));
      }
      // A column opens after it sweeps, so its own entries remain; everything older than a sweep of this row is gone.
      swept.fill(1, sweep[2 * t], sweep[2 * t + 1]);
      if (to === from + 1 && swept[from] === 1) break;
      since += hours[t]!;
    }
  }

  sample({ step }: View): Sample {
    const { values } = this;
    const { rows } = this.ledger;
    const old = this.#sample;
    if (old?.step === step && old.revision === this.revision) return old;
    const count = Math.ceil(this.columns / step);
    const picked = step === 1 ? values : new Float32Array(count * rows);
    for (let c = 0; step > 1 && c < count; c++) {
      picked.set(this.column(Math.min((c + 1) * step, this.columns) - 1), c * rows);
    }
    const bins = { from: 0, to: rows };
    this.#sample = { from: 0, step, count, bins, block: 1, values: picked, revision: this.revision };
    return this.#sample;
  }
}
