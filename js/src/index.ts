/** The widget's entry point: one source per model, one mount per view. */

// The chart, two thirds of the bundle, is imported first: with the rest contiguous after it, gzip saves 0.5 kB.
import "./chart/chart";

export { openPage } from "./open_page";

import { mount } from "./panels/view";
import { type AnyModel, JupyterSource } from "./source/jupyter";

interface Context {
  model: AnyModel;
  signal?: AbortSignal;
}

/** anywidget calls this once per model, so that its views share the decoded frames. */
export default () => {
  let source: JupyterSource | null = null;
  return {
    initialize({ model, signal }: Context) {
      const own = new AbortController();
      signal?.addEventListener("abort", () => own.abort());
      source = new JupyterSource(model, own.signal);
      return () => own.abort();
    },
    render({ el, signal }: Context & { el: HTMLElement }) {
      const own = new AbortController();
      signal?.addEventListener("abort", () => own.abort());
      if (source !== null) mount(source, el, own.signal);
      return () => own.abort();
    },
  };
};
