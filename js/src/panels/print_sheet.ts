/** What is printed instead of the widget: the picture that can be saved, which shrinks to the paper with its axes. */

import type { Outline } from "../chart/outline";
import type { Source } from "../source/settings";
import { pictureOfView, type Viewed } from "./save_menu";

/** Put a picture of the view into `root` while the page is printed; chart.css shows nothing else then. */
export function attachPrintSheet(
  root: HTMLElement,
  view: Viewed,
  outline: Outline,
  source: Source,
  signal: AbortSignal,
): void {
  let sheet: HTMLCanvasElement | null = null;
  const clear = (): void => sheet?.remove();
  addEventListener(
    "beforeprint",
    () => {
      clear();
      sheet = pictureOfView(view, outline, source);
      if (sheet === null) return;
      sheet.className = "liq-print";
      root.append(sheet);
    },
    { signal },
  );
  addEventListener("afterprint", clear, { signal });
}
