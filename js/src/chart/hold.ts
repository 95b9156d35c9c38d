/** The user takes hold of the chart, by pointer or by wheel; until then the wheel scrolls the page. */

import type { Chart } from "./chart";

/**
 * Follow pointer, focus and wheel.
 *
 * @param plot - the chart's element, which takes the focus
 * @param chart - returns the chart; null: there is none yet
 */
export function takeHold(plot: HTMLElement, chart: () => Chart | null, signal: AbortSignal): void {
  const on = (name: string, act: (event: Event) => void): void => plot.addEventListener(name, act, { signal });
  on("pointerdown", () => {
    plot.focus({ preventScroll: true });
    chart()?.fit.hold(true);
  });
  for (const end of ["pointerup", "pointercancel"]) {
    addEventListener(end, () => chart()?.fit.hold(false), { capture: true, signal });
  }
  on("focus", () => chart()?.takeWheel(true));
  on("blur", () => chart()?.takeWheel(false));
  plot.addEventListener(
    "wheel",
    (event) => {
      // marimo shows the widget in a shadow tree, so the element itself is asked.
      const focused = plot.matches(":focus");
      if (focused || event.ctrlKey) chart()?.fit.release();
      chart()?.takeWheel(focused || event.ctrlKey);
      if (event.ctrlKey && !focused) requestAnimationFrame(() => chart()?.takeWheel(plot.matches(":focus")));
    },
    { capture: true, passive: true, signal },
  );
}
