/** The static picture that Python leaves in a notebook, hidden while a view of its widget lives. */

import { h } from "../base/dom";

/**
 * Hide the static pictures with this id, if it is not empty, also those that the page shows later, until the signal aborts.
 *
 * @param view - their view; pictures are found in its tree and, from a shadow tree, in those around it
 */
export function hidePictures(view: Node, id: string, signal: AbortSignal): void {
  for (let inside: Node | undefined = id === "" ? undefined : view; inside; ) {
    const tree = inside.getRootNode() as Node & { head?: Node; host?: Node };
    const style = h("style", {}, `[data-liq-picture="${CSS.escape(id)}"]{display:none!important}`);
    (tree.head ?? tree).appendChild(style);
    signal.addEventListener("abort", () => style.remove());
    inside = tree.host;
  }
}
