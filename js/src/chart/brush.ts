/** Selecting a box by a drag with Shift, or by any drag, a finger's too, while selecting is switched on. */

import type { Box } from "./chart";

/** A rectangle in CSS pixels of the price pane. */
interface Rect {
  x0: number;
  y0: number;
  x1: number;
  y1: number;
}

/**
 * Let drags on `pane` select a box.
 *
 * @param armed - whether drags select without Shift
 * @param toBox - converts pixels to times and prices
 * @param moved - called with the box being dragged, or null if it collapsed to a click
 * @param finished - called when the pointer is lifted
 */
export function attachBrush(
  pane: HTMLElement,
  armed: () => boolean,
  toBox: (rect: Rect) => Box | null,
  moved: (box: Box | null) => void,
  finished: () => void,
  signal: AbortSignal,
): void {
  let start: { x: number; y: number; id: number } | null = null;
  const rectOf = (event: PointerEvent): Rect => {
    const frame = pane.getBoundingClientRect();
    const x = Math.min(Math.max(event.clientX - frame.left, 0), frame.width);
    const y = Math.min(Math.max(event.clientY - frame.top, 0), frame.height);
    return {
      x0: Math.min(x, start!.x),
      y0: Math.min(y, start!.y),
      x1: Math.max(x, start!.x),
      y1: Math.max(y, start!.y),
    };
  };
  pane.addEventListener(
    "pointerdown",
    (event) => {
      if (!(event.shiftKey || armed()) || event.button !== 0 || !event.isPrimary) return;
      const frame = pane.getBoundingClientRect();
      start = { x: event.clientX - frame.left, y: event.clientY - frame.top, id: event.pointerId };
      pane.setPointerCapture(event.pointerId);
      event.preventDefault();
      event.stopPropagation();
    },
    { capture: true, signal },
  );
  pane.addEventListener(
    "pointermove",
    (event) => {
      if (start === null || event.pointerId !== start.id) return;
      event.stopPropagation();
      const rect = rectOf(event);
      moved(rect.x1 - rect.x0 > 2 && rect.y1 - rect.y0 > 2 ? toBox(rect) : null);
    },
    { capture: true, signal },
  );
  const finish = (event: PointerEvent): void => {
    if (start === null || event.pointerId !== start.id) return;
    start = null;
    event.stopPropagation();
    finished();
  };
  pane.addEventListener("pointerup", finish, { capture: true, signal });
  pane.addEventListener("pointercancel", finish, { capture: true, signal });
  // The chart listens to mouse events too: hide them from it while a drag selects.
  for (const name of ["mousedown", "mousemove"] as const) {
    pane.addEventListener(
      name,
      (event) => {
        const selects = event.shiftKey || armed();
        if (selects && (name === "mousedown" || start !== null)) event.stopPropagation();
      },
      { capture: true, signal },
    );
  }
  // And to touches, with which it would pan; the page would scroll.
  for (const name of ["touchstart", "touchmove", "touchend"] as const) {
    pane.addEventListener(
      name,
      (event) => {
        if (!armed()) return;
        event.stopPropagation();
        if (event.cancelable) event.preventDefault();
      },
      { capture: true, passive: false, signal },
    );
  }
}
