/** A field replayed from candles in the browser, for any mix, decay rate, turnover and bin size, without Python. */

import { coarser, edgeOf, factorOf, type Grid, sizesOf } from "../base/grid";
import { type Bars, barsUntil, closedBy } from "../frames/bars_and_ledger";
import type { Model } from "../frames/model";
import { type Columns, Engine, type Standing, sumOf, type Tuning, type Visit } from "./engine";
import {
  type Bins,
  binsWithCentre,
  type Cell,
  cellOf,
  type Field,
  type Sample,
  type Sides,
  sharesOf,
  type Tune,
  type View,
} from "./field";
import { type Opening, sameOpening, TurnoverCurve, VenueCurves } from "./turnover";

/** Candles between kept states, so that a pan replays only a few candles. */
const KEEP = 1024;
/** Maximum cells of a picture: 48 MB. */
const MAX_CELLS = 12_000_000;

/** A sample, and the number of candles per pixel it was requested with. */
interface Sampled extends Sample {
  asked: number;
  last: number;
}

const curveOf = (bars: Bars, { contracts }: Model): TurnoverCurve | VenueCurves =>
  bars.venues.size > 0 ? new VenueCurves(bars, contracts) : new TurnoverCurve(bars);

export class CandleField implements Field {
  revision = 1;
  weights: Float64Array;
  decayRate: number;
  opening: Opening;
  grid: Grid;
  bars: Bars;
  #engine: Engine;
  #curve: TurnoverCurve | VenueCurves;
  #tune: Tune;
  #factor: number;
  /** Kept states, after each multiple of KEEP candles, in order. */
  #kept: Standing[] = [];
  /** Candles from this one on have not been replayed with the current settings. */
  #staleFrom = 0;
  #most = 0;
  #sampled: Sampled | null = null;
  /** The state replayed last, and the column read last. */
  #probe: Standing | null = null;
  #column: { t: number; values: Float32Array } | null = null;

  constructor(bars: Bars, model: Model, tune: Tune) {
    this.#engine = new Engine(bars, model);
    this.#curve = curveOf(bars, model);
    this.#tune = tune;
    this.weights = sharesOf(model.leverage, tune.leverageMix);
    this.decayRate = tune.decayRate;
    this.opening = this.#opening();
    this.#factor = factorOf(model.rows, tune.binSize);
    this.grid = coarser(model.rows, this.#factor);
    this.bars = barsUntil(bars, closedBy(bars, tune.asOf));
  }

  get allBars(): Bars {
    return this.#engine.bars;
  }

  get model(): Model {
    return this.#engine.model;
  }

  get columns(): number {
    return this.bars.time.length;
  }

  get leverage(): number[] {
    return this.model.leverage;
  }

  get beyond(): number[] {
    return this.model.beyond;
  }

  get binSizes(): number[] {
    return sizesOf(this.model.rows);
  }

  get picture(): number {
    return this.model.revision;
  }

  get settings(): Record<string, unknown> {
    return this.model.settings;
  }

  get brightest(): number {
    this.#refresh();
    return Math.fround(this.#most);
  }

  tune(tune: Tune): boolean {
    this.#tune = tune;
    const { leverageMix, decayRate, binSize } = tune;
    const weights = sharesOf(this.leverage, leverageMix);
    const same = decayRate === this.decayRate && weights.every((w, i) => w === this.weights[i]);
    this.weights = weights;
    this.decayRate = decayRate;
    const opening = this.#opening();
    const opens = sameOpening(opening, this.opening);
    this.opening = opening;
    const factor = factorOf(this.model.rows, binSize);
    const bins = factor === this.#factor;
    if (!bins) {
      this.#factor = factor;
      this.grid = coarser(this.model.rows, factor);
      this.#sampled = null;
      this.#probe = null; // its brightest cell is one of the old bins
    }
    const closed = closedBy(this.allBars, tune.asOf);
    const cut = closed !== this.columns;
    if (cut) this.#cut(closed, this.columns);
    if (same && opens && bins) return cut;
    this.#forget(0, !(same && opens));
    return true;
  }

  /** Accept bars that differ from column `from` on, and the revision of the resulting picture. */
  splice(bars: Bars, from: number, revision: number): void {
    const { columns } = this;
    this.#engine = new Engine(bars, { ...this.model, revision });
    this.#curve = curveOf(bars, this.model);
    const opening = this.#opening();
    const same = sameOpening(opening, this.opening);
    this.opening = opening;
    if (this.#sampled !== null && this.#sampled.from + this.#sampled.count * this.#sampled.step > from)
      this.#sampled = null;
    this.#cut(closedBy(bars, this.#tune.asOf), Math.min(columns, from));
    this.#forget(same ? from : 0, true);
  }

  column(t: number): Float32Array {
    if (this.#column?.t === t) return this.#column.values;
    const { rows, scale } = this.#standing(t);
    const values = Float32Array.from(this.#engine.sums(rows, this.#factor), (sum) => sum * scale);
    this.#column = { t, values };
    return values;
  }

  sides(t: number): Sides {
    const { first, rows: count } = this.model.rows;
    const end = Math.min(Math.max(this.#engine.sides(t)[0], 0), count); // the first row without longs
    const bin = Math.floor((first + end) / this.#factor) - this.grid.first;
    const { rows, scale } = this.#standing(t);
    const bottom = (this.grid.first + bin) * this.#factor - first;
    const divided = end > 0 && end < count && first + end !== (this.grid.first + bin) * this.#factor;
    return {
      bin,
      long: scale * sumOf(rows, bottom, end),
      short: scale * sumOf(rows, end, bottom + this.#factor),
      cut: divided ? edgeOf(this.model.rows, end) : null,
    };
  }

  levels(t: number): { rows: Grid; usd: Float64Array } {
    const { rows, scale } = this.#standing(t);
    return { rows: this.model.rows, usd: rows.map((usd) => usd * scale) };
  }

  cell(t: number, bin: number): Cell {
    return cellOf(this, t, bin);
  }

  swept(t: number): [number, number] {
    const { sweeps } = this.#engine;
    return binsWithCentre(sweeps[2 * t]!, sweeps[2 * t + 1]!, this.model.rows, this.grid, this.#factor);
  }

  visit(t: number, visit: Visit, from = 0, to = this.grid.rows, decayRate = this.decayRate): void {
    const opening = decayRate === this.decayRate ? this.opening : this.#opening(decayRate);
    const tiers = this.leverage.map((_, tier) => tier).filter((tier) => this.weights[tier]! > 0);
    this.#engine.visit(t, opening, this.grid, this.#factor, tiers, from, to, visit);
  }

  sample({ from, to, step, bins, block }: View): Sample {
    const first = Math.max(from, 0);
    const end = Math.min(to, this.columns);
    const old = this.#sampled;
    const fits =
      old?.asked === step &&
      old.block === block &&
      (bins.from - old.bins.from) % block === 0 &&
      (bins.to === old.bins.to || (bins.to - old.bins.from) % block === 0) &&
      old.from <= first &&
      old.from + old.count * old.step >= end &&
      old.bins.from <= bins.from &&
      old.bins.to >= bins.to;
    if (!fits) this.#sampled = this.#around(first, end, step, bins, block);
    const sampled = this.#sampled!;
    if (!this.#refresh() && sampled.revision === 0) {
      this.#replay(this.#before(sampled.from), sampled.from + sampled.count * sampled.step, sampled);
    }
    if (sampled.revision !== this.revision) sampled.revision = this.revision;
    return sampled;
  }

  /** Show the first `columns` candles, of which those before `before` are as they were. */
  #cut(columns: number, before: number): void {
    this.bars = barsUntil(this.allBars, columns);
    if (columns === before) return;
    this.#sampled = columns > before && this.#sampled !== null ? this.#longer(this.#sampled, before) : null;
    // The brightest cell is that of the candles shown: the last one is replayed again to find it.
    this.#forget(Math.min(before, columns - 1), false);
  }

  #opening(decayRate = this.decayRate): Opening {
    return this.#curve.at(this.#tune.turnover ?? this.model.turnover, decayRate, this.#tune.venues);
  }

  get #tuning(): Tuning {
    return { weights: this.weights, decayRate: this.decayRate, opening: this.opening };
  }

  /** Drop cached states that depend on candles from `from` on, or on the rows if these change. */
  #forget(from: number, rows: boolean): void {
    if (rows) {
      this.#kept = this.#kept.filter(({ candles }) => candles <= from);
      this.#probe = null;
    }
    this.#staleFrom = Math.min(this.#staleFrom, from);
    this.#column = null;
    this.revision++;
  }

  /** Allocate columns for the view plus half a view on either side (for the next pan), not yet computed. */
  #around(first: number, end: number, asked: number, bins: Bins, block: number): Sampled {
    const height = Math.ceil((bins.to - bins.from) / block);
    const step = Math.max(asked, Math.ceil(((end - first) * height) / MAX_CELLS));
    const room = 2 * (end - first) * height > MAX_CELLS * step ? 0 : Math.ceil((end - first) / 2);
    const from = Math.floor(Math.max(first - room, 0) / step) * step;
    const count = Math.ceil((Math.min(end + room, this.columns) - from) / step);
    return {
      asked,
      from,
      step,
      count,
      bins,
      block,
      last: this.columns - 1,
      values: new Float32Array(count * height),
      revision: 0,
    };
  }

  /** A sample that ends before candle `before`, or one with room for the later candles; null if there is none. */
  #longer(sampled: Sampled, before: number): Sampled | null {
    const { from, step, count, values } = sampled;
    const more = Math.ceil((this.columns - from) / step);
    const height = values.length / count;
    if (sampled.revision === 0 || more * height > MAX_CELLS) return null;
    if (from + count * step < before) return sampled;
    const longer = new Float32Array(more * height);
    longer.set(values);
    return { ...sampled, count: more, last: this.columns - 1, values: longer };
  }

  /** Replay the stale candles and write the picture's columns on the way; returns whether anything was stale. */
  #refresh(): boolean {
    if (this.#staleFrom >= this.columns) return false;
    // The running maximum is of the bins shown, so a new bin size means recomputing it from the first candle.
    const start = this.#at(this.#staleFrom);
    const sampled = this.#sampled;
    const writes = sampled !== null && (sampled.revision > 0 || sampled.from >= start.candles) ? sampled : null;
    const end = this.#replay(start, this.columns, writes);
    this.#most = end.most;
    this.#probe = end;
    this.#staleFrom = this.columns;
    if (sampled !== null && writes === null) {
      this.#replay(this.#before(sampled.from), sampled.from + sampled.count * sampled.step, sampled);
    }
    return true;
  }

  /** A copy of the last state kept before a candle. */
  #before(candle: number): Standing {
    const found = this.#kept.findLast(({ candles }) => candles <= candle);
    return found ? { ...found, rows: found.rows.slice() } : this.#engine.begin();
  }

  /** Replay up to a candle, storing states on the way. */
  #replay(standing: Standing, to: number, out: Columns | null): Standing {
    const stop = Math.min(to, this.columns);
    while (standing.candles < stop) {
      const next = Math.min((Math.floor(standing.candles / KEEP) + 1) * KEEP, stop);
      this.#engine.run(standing, next, this.#tuning, this.#factor, out);
      if (next % KEEP !== 0) continue;
      const kept = this.#kept[next / KEEP - 1];
      if (kept === undefined) this.#kept.push({ ...standing, rows: standing.rows.slice() });
      else kept.most = standing.most; // a new bin size does not change the rows
    }
    return standing;
  }

  /** A state at or before a candle, to be changed in place. */
  #at(candle: number): Standing {
    const near = this.#probe;
    const kept = this.#before(candle);
    return near !== null && near.candles <= candle && near.candles >= kept.candles ? near : kept;
  }

  /** The state at a candle's close. */
  #standing(t: number): Standing {
    this.#probe = this.#replay(this.#at(t + 1), t + 1, null);
    return this.#probe;
  }
}
