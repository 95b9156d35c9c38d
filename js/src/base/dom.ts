/** Builds elements without markup strings, so that text is never parsed as HTML. */

type Child = Node | string;
type Props = Record<string, string | number | boolean | undefined>;

const FOCUSABLE = new Set(["input", "button", "select", "summary"]);

/** Classes at which MathJax stops: in a notebook it takes what is between two dollar signs for a formula. */
export const NO_FORMULAS = "tex2jax_ignore mathjax_ignore";

/** Make an element with attributes and children. */
export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  props: Props = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === undefined || value === false) continue;
    element.setAttribute(name, value === true ? "" : String(value));
  }
  // JupyterLab's shortcuts (d d deletes a cell, arrows move between cells) act on whatever has focus unless
  // that very element carries this attribute; on an ancestor it does not help.
  if (FOCUSABLE.has(tag) || "tabindex" in props) element.setAttribute("data-lm-suppress-shortcuts", "true");
  element.append(...children);
  return element;
}

/** Make a button with a text. */
export function button(text: string, props: Props = {}): HTMLButtonElement {
  return h("button", { type: "button", class: "liq-button", ...props }, text);
}

/** A unique id by which one element refers to another; never parsed. */
export const unique = (): string => `liq-${Math.random().toString(36).slice(2, 12)}`;

/** Set an element's text only if it differs, to avoid needless layout. */
export function setText(element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}
