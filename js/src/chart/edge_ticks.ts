/**
 * Times on the axis that its ends would cut are left out. The chart draws each label around its tick, also where half
 * of it is off the axis, and keeps the texts that it asked for; so it is asked to forget them once one is cut or whole
 * again.
 */

/** Whether a label around `x` would be cut by an end of an axis. */
export const isCut = (x: number, label: number, axis: number): boolean =>
  Math.abs(x) < label / 2 || Math.abs(x - axis) < label / 2;

/** What is needed of the axis; all in CSS pixels. */
export interface TimeAxis {
  /** Place of a time, ms; null: there is no such candle. */
  place(ms: number): number | null;
  measure(text: string): number;
  readonly width: number;
  /** Ask for all texts again. */
  renew(): void;
}

/** Texts as wide as the chart's own ones. */
const LIKE = ["2026", "Mmm", "30", "00:00", "00:00:00"];

export class EdgeTicks {
  /** Times asked for: a text as wide as the label, and whether it was left out. */
  readonly #asked = new Map<number, { like: string; cut: boolean }>();

  constructor(private readonly axis: TimeAxis) {}

  /**
   * The text of a tick, or none where it would be cut.
   *
   * @param text - null: the chart's own text
   * @param type - kind of tick, as the chart counts them: year, month, day, time, time with seconds
   */
  textAt(ms: number, text: string | null, type = 0): string | null {
    const like = text ?? LIKE[type] ?? "";
    const cut = this.#isCut(ms, like);
    this.#asked.set(ms, { like, cut });
    return cut ? "" : text;
  }

  /** The view has moved, or the letters have another size. */
  follow(): void {
    for (const [ms, { like, cut }] of this.#asked) {
      if (this.#isCut(ms, like) === cut) continue;
      this.#asked.clear();
      this.axis.renew();
      return;
    }
  }

  #isCut(ms: number, like: string): boolean {
    const x = this.axis.place(ms);
    return x !== null && isCut(x, this.axis.measure(like), this.axis.width);
  }
}

/** What is needed of a chart. */
interface ChartApi {
  timeScale(): {
    timeToCoordinate(time: never): number | null;
    width(): number;
    applyOptions(options: Record<string, never>): void;
  };
  options(): { layout: { fontSize: number; fontFamily: string } };
}

/** The time axis of a chart. */
export function timeAxisOf(api: ChartApi): TimeAxis {
  const context = document.createElement("canvas").getContext("2d");
  return {
    place: (ms) => api.timeScale().timeToCoordinate((ms / 1000) as never),
    measure(text) {
      if (context === null) return 0;
      const { fontSize, fontFamily } = api.options().layout;
      context.font = `bold ${fontSize}px ${fontFamily}`; // as the days are
      return context.measureText(text).width;
    },
    get width() {
      return api.timeScale().width();
    },
    renew: () => api.timeScale().applyOptions({}),
  };
}
