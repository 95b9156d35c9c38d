/** The entry point of a saved page: mounts its views on data stored in inert elements of the document. */

import { h } from "./base/dom";
import { mount } from "./panels/view";
import { bytesOf, PageSource, readFacts } from "./source/saved_page";

/** Least height of a chart, CSS pixels. */
const LEAST_HEIGHT = 200;

/** Show the chart alone, as high as the frame that the page is in. */
function fill(page: Document, source: PageSource): void {
  page.documentElement.classList.add("liq-embedded");
  const [header, frame, plot] = [".liq-header", ".liq-frame", ".liq-plot"].map((name) => page.querySelector(name)!);
  const fit = (): void => {
    const below = frame!.clientHeight - plot!.clientHeight; // the colour bar and the legend of a narrow page
    const height = Math.max(innerHeight - header!.getBoundingClientRect().bottom - below, LEAST_HEIGHT);
    if (height !== source.settings.height) source.set({ height });
  };
  addEventListener("resize", fit);
  const resize = new ResizeObserver(fit);
  for (const part of [header!, frame!]) resize.observe(part); // badges and bar may take more lines
  fit();
}

/**
 * Show a saved page.
 *
 * @param page - a document made by LiquidationHeatmap.to_html, or with the same elements
 * @param signal - ends the view
 */
export async function openPage(page: Document, signal = new AbortController().signal): Promise<void> {
  const host = page.getElementById("liq-host");
  const facts = page.getElementById("liq-facts");
  if (host === null || facts === null) return;
  const frames: Record<string, Uint8Array> = {};
  for (const element of page.querySelectorAll<HTMLElement>("script[data-frame]")) {
    frames[element.dataset.frame ?? ""] = bytesOf(element.textContent ?? "");
    element.remove(); // free the base64 text, which would double the page's memory
  }
  const known = readFacts(facts.textContent ?? "{}");
  const source = new PageSource(known);
  await source.load(frames);
  if (source.field === null) {
    host.textContent = source.status.message; // the static picture below stays visible
    return;
  }
  page.getElementById("liq-still")?.setAttribute("hidden", "");
  mount(source, host, signal);
  if (known.embed || new URLSearchParams(location.search).has("embed")) fill(page, source);
  // The chart's logo is inserted as markup, which the page's content security policy forbids: link to it instead.
  const maker = { href: "https://www.tradingview.com/", rel: "noopener noreferrer" };
  page.getElementById("liq-made")?.append(" Charts: ", h("a", maker, "TradingView Lightweight Charts"), ".");
}
