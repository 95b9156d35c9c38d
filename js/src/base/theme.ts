/** Light or dark theme, taken from the page around the widget. */

export type Theme = "light" | "dark";

/** Colours that the chart needs as values; all others are in the style sheet. */
export interface Colours {
  text: string;
  line: string;
  crosshair: string;
  crosshairLabel: string;
  up: string;
  down: string;
  volumeUp: string;
  volumeDown: string;
  openInterest: string;
}

/** Background of the price pane in both themes: bright must mean dense, which a light background would reverse. */
export const GROUND = "#0c0a1a";

const shared = { crosshairLabel: "#3a3358", up: "#3fe0b0", down: "#ff6f7d" };
export const COLOURS: Record<Theme, Colours> = {
  dark: {
    ...shared,
    text: "#a9a6b8",
    line: "#2a2638",
    crosshair: "#b8b3d0",
    volumeUp: "#2f8f7a",
    volumeDown: "#9c4a59",
    openInterest: "#8fa8ff",
  },
  light: {
    ...shared,
    text: "#4d4a5c",
    line: "#dedbe8",
    crosshair: "#b8b3d0",
    volumeUp: "#58b7a1",
    volumeDown: "#dd8793",
    openInterest: "#4a5fd0",
  },
};

/** The same with pale candles, through which cells at their prices can be seen. */
export const withPaleCandles = (colours: Colours): Colours => ({
  ...colours,
  up: `${colours.up}4d`,
  down: `${colours.down}4d`,
});

/** Attributes of body or html that name the theme: Jupyter; marimo and VS Code (class); Colab; documentation sites. */
const SAYS = ["data-jp-theme-light", "class", "data-vscode-theme-kind", "theme", "data-theme"];

/** The host's theme: from the host's attributes, else from the brightness of the page's background. */
export function hostTheme(element: Element): Theme {
  const { body, documentElement } = document;
  const jupyter = body.dataset.jpThemeLight;
  if (jupyter !== undefined) return jupyter === "false" ? "dark" : "light";
  const names = [body, documentElement].flatMap((node) => SAYS.map((name) => node.getAttribute(name))).join(" ");
  if (/\bdark\b/.test(names)) return "dark";
  if (/\blight\b/.test(names)) return "light";
  if (names.includes("vscode-high-contrast")) return "dark"; // the light variant's name also contains "light"
  for (let at: Element | null = element; at !== null; at = at.parentElement) {
    const parts = getComputedStyle(at)
      .backgroundColor.match(/[\d.]+/g)
      ?.map(Number);
    if (parts && parts.length >= 3 && (parts[3] ?? 1) > 0.5) {
      return 0.299 * parts[0]! + 0.587 * parts[1]! + 0.114 * parts[2]! < 128 ? "dark" : "light";
    }
  }
  return matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
}

/** Call back when the host may have changed its theme. */
export function watchTheme(changed: () => void, signal: AbortSignal): void {
  const observer = new MutationObserver(changed);
  for (const node of [document.body, document.documentElement]) {
    observer.observe(node, { attributes: true, attributeFilter: SAYS });
  }
  signal.addEventListener("abort", () => observer.disconnect());
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", changed, { signal });
}
