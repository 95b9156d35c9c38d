import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path/posix";
import { describe, expect, test } from "vitest";

const FOLDER = new URL("../src/", import.meta.url);
const files = readdirSync(FOLDER, { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".ts"));
const text = new Map(files.map((file) => [file, readFileSync(new URL(file, FOLDER), "utf8")]));

/** A file without its comments and the contents of its plain strings; line numbers stay the same. */
const stripped = (source: string): string =>
  source.replace(/\/\*[\s\S]*?\*\/|\/\/[^\n]*|"(?:[^"\\\n]|\\.)*"/g, (part) =>
    part.startsWith('"') ? '""' : part.replace(/[^\n]/g, " "),
  );
const withoutComments = (source: string): string =>
  source.replace(/("(?:[^"\\\n]|\\.)*")|\/\*[\s\S]*?\*\/|\/\/[^\n]*/g, (_, string?: string) => string ?? " ");

/** Modules that a file imports: the name, and whether only types are imported. */
function importsOf(source: string): { from: string; typeOnly: boolean }[] {
  const code = withoutComments(source);
  const found = code.matchAll(/\b(?:import|export)\s+(type\s)?\s*([\w$*{][^"';=]*?)\s*\bfrom\s*"([^"]+)"/g);
  const bare = code.matchAll(/\bimport\s*\(?\s*"([^"]+)"/g);
  return [
    ...Array.from(found, ([, type, names, from]) => {
      const braces = /^\{([^}]*)\}$/.exec(names!);
      const parts = braces === null ? [names!] : braces[1]!.split(",").map((name) => name.trim());
      const typeOnly = type !== undefined || parts.every((name) => name === "" || name.startsWith("type "));
      return { from: from!, typeOnly };
    }),
    ...Array.from(bare, ([, from]) => ({ from: from!, typeOnly: false })),
  ];
}

/** Files in these folders, and two others, only compute: they use neither page nor chart. */
const isPure = (file: string): boolean =>
  file === "source/settings.ts" ||
  file === "export/python_call.ts" ||
  (/^(base|frames|model)\//.test(file) && !TOUCHES_THE_PAGE.includes(file));
const TOUCHES_THE_PAGE = ["base/dom.ts", "base/theme.ts", "base/live_region.ts", "base/clock.ts"];
const SEES_MODEL = ["index.ts", "source/jupyter.ts"];
const CHART = ["chart/chart.ts", "chart/panes.ts", "chart/options.ts", "chart/price_axis.ts"];
const CHART_TYPES = [...CHART, "chart/fit.ts", "chart/heatmap.ts", "chart/margin.ts", "chart/profile.ts"];

/** The own file that an import in `file` refers to. */
const target = (file: string, from: string): string => `${join(dirname(file), from)}.ts`;

/** Folders from the lowest layer up; those in one layer do not import each other. */
const FLOORS = [["base"], ["frames"], ["model"], ["source"], ["export", "chart"], ["panels"], ["."]];
const floorOf = (file: string): number => FLOORS.findIndex((folders) => folders.includes(dirname(file)));
const isBeside = (a: string, b: string): boolean => floorOf(a) === floorOf(b) && dirname(a) !== dirname(b);

/** The own files that a file imports, type imports included. */
const ourImports = (file: string, source: string): string[] =>
  importsOf(source).flatMap(({ from }) => (from.startsWith(".") ? [target(file, from)] : []));

/** An import cycle, in import order; empty if there is none. */
function circleOf(imports: ReadonlyMap<string, string[]>): string[] {
  const done = new Set<string>();
  const visit = (file: string, path: string[]): string[] => {
    if (path.includes(file)) return path.slice(path.indexOf(file));
    if (done.has(file)) return [];
    for (const other of imports.get(file) ?? []) {
      const circle = visit(other, [...path, file]);
      if (circle.length > 0) return circle;
    }
    done.add(file);
    return [];
  };
  for (const file of imports.keys()) {
    const circle = visit(file, []);
    if (circle.length > 0) return circle;
  }
  return [];
}

const rules: Record<string, (file: string, source: string) => boolean> = {
  "only index and source/jupyter see the Jupyter model": (file, source) =>
    SEES_MODEL.includes(file) ||
    !(
      /\bmodel\??\.(get|set|save_changes|send|on|off)\b|\bsave_changes\b|\b(AnyModel|JupyterSource|RenderProps|AnyWidget)\b/i.test(
        stripped(source),
      ) || importsOf(source).some(({ from }) => /^@?(anywidget|jupyter)/i.test(from) || /\/jupyter$/.test(from))
    ),
  "only source/jupyter spells trait names": (file, source) =>
    file === "source/jupyter.ts" ||
    file === "export/python_call.ts" || // writes Python
    !/\b(_bars|_model|_ledger|decay_auto|_status|_presets|_bin_sizes|_events|_positions|_live|leverage_mix|decay_rate)\b|["`]change:/.test(
      withoutComments(source),
    ),
  "only source/jupyter spells the names of messages": (file, source) =>
    file === "source/jupyter.ts" ||
    !/\btype:\s*"(resync|tail|events|here|gone)"|\.type\s*===/.test(withoutComments(source)),
  "pure files know no page and no chart": (file, source) =>
    !isPure(file) ||
    !(
      /\b(document|window|HTMLElement|CanvasRenderingContext2D|requestAnimationFrame)\b/.test(stripped(source)) ||
      importsOf(source).some(
        ({ from, typeOnly }) => from === "lightweight-charts" || (!typeOnly && !isPure(target(file, from))),
      )
    ),
  "imports go down the floors": (file, source) =>
    ourImports(file, source).every((other) => floorOf(other) <= floorOf(file) && !isBeside(file, other)),
  "lightweight-charts runs in chart, panes and options only": (file, source) =>
    importsOf(source).every(
      ({ from, typeOnly }) =>
        !from.startsWith("lightweight-charts") || CHART.includes(file) || (typeOnly && CHART_TYPES.includes(file)),
    ),
  "text goes into the page as text": (_, source) =>
    !/\b(innerHTML|outerHTML|insertAdjacentHTML|createContextualFragment|srcdoc)\b|\bdocument\s*\.\s*write|\beval\b|new\s+Function\b/.test(
      withoutComments(source),
    ),
  "no file is over 400 lines": (_, source) => source.split("\n").length - 1 <= 400,
  "no top-level await": (_, source) => !topLevelAwait(stripped(source)),
};

/** Whether an `await` is at the top level, outside of all braces. */
function topLevelAwait(source: string): boolean {
  let depth = 0;
  for (const [token] of source.matchAll(/[{}]|\bawait\b/g)) {
    if (token === "{") depth++;
    else if (token === "}") depth--;
    else if (depth === 0) return true;
  }
  return false;
}

describe.each(Object.entries(rules))("%s", (_, holds) => {
  test.each(files)("%s", (file) => expect(holds(file, text.get(file)!)).toBe(true));
});

test("every folder contains files", () => {
  expect(files.filter(isPure).length).toBeGreaterThan(15);
  expect(new Set(files.map(dirname))).toEqual(
    new Set([".", "base", "frames", "model", "source", "export", "chart", "panels"]),
  );
});

test("there are no import cycles", () => {
  expect(circleOf(new Map(Array.from(text, ([file, source]) => [file, ourImports(file, source)])))).toEqual([]);
  const abc = (last: string) =>
    new Map([
      ["a", ["b"]],
      ["b", ["c"]],
      ["c", [last]],
      ["d", ["a"]],
    ] as [string, string[]][]);
  expect(circleOf(abc("b"))).toEqual(["b", "c"]);
  expect(circleOf(abc("d"))).toEqual(["a", "b", "c", "d"]);
  expect(circleOf(abc("e"))).toEqual([]);
});

describe("each rule can fail", () => {
  const broken: [string, string, string][] = [
    ["only index and source/jupyter see the Jupyter model", "chart/chart.ts", "const x = this.model.get(name);"],
    [
      "only index and source/jupyter see the Jupyter model",
      "chart/chart.ts",
      'import type { AnyModel } from "@anywidget/types";',
    ],
    [
      "only index and source/jupyter see the Jupyter model",
      "panels/view.ts",
      'import { JupyterSource } from "../source/jupyter";',
    ],
    ["only source/jupyter spells trait names", "index.ts", 'const x = "leverage_mix";'],
    ["only source/jupyter spells trait names", "panels/view.ts", "source.on(`change:_bars`)"],
    ["only source/jupyter spells trait names", "frames/overlays.ts", 'read("_events")'],
    ["only source/jupyter spells the names of messages", "source/heartbeat.ts", 'say({ type: "here", view })'],
    [
      "only source/jupyter spells the names of messages",
      "frames/overlays.ts",
      'if (content.type === "events") take();',
    ],
    ["pure files know no page and no chart", "model/replay.ts", "const x = document;"],
    ["pure files know no page and no chart", "frames/wire.ts", "window.alert();"],
    ["pure files know no page and no chart", "base/affine.ts", 'import type { Time } from "lightweight-charts";'],
    ["pure files know no page and no chart", "model/field.ts", 'import { h } from "../base/dom";'],
    ["imports go down the floors", "frames/marks.ts", 'import type { Field } from "../model/field";'],
    ["imports go down the floors", "chart/cursor.ts", 'import { csvLine } from "../export/files";'],
    ["imports go down the floors", "source/saved_page.ts", 'import { mount } from "../panels/view";'],
    [
      "lightweight-charts runs in chart, panes and options only",
      "chart/heatmap.ts",
      'import { LineSeries } from "lightweight-charts";',
    ],
    [
      "lightweight-charts runs in chart, panes and options only",
      "chart/heatmap.ts",
      'import {\n  type Time,\n  LineSeries,\n} from "lightweight-charts";',
    ],
    [
      "lightweight-charts runs in chart, panes and options only",
      "panels/view.ts",
      'import type { Time } from "lightweight-charts";',
    ],
    [
      "lightweight-charts runs in chart, panes and options only",
      "panels/view.ts",
      'const x = await import("lightweight-charts");',
    ],
    [
      "lightweight-charts runs in chart, panes and options only",
      "panels/view.ts",
      'export { LineSeries } from "lightweight-charts";',
    ],
    ["text goes into the page as text", "base/dom.ts", "element.innerHTML = symbol;"],
    ["text goes into the page as text", "base/dom.ts", 'element["outerHTML"] = symbol;'],
    ["text goes into the page as text", "base/dom.ts", "element.insertAdjacentHTML(a, b);"],
    ["text goes into the page as text", "base/dom.ts", "document.write(symbol);"],
    ["text goes into the page as text", "base/dom.ts", "eval(symbol);"],
    ["no file is over 400 lines", "base/dom.ts", "x\n".repeat(401)],
    ["no top-level await", "base/dom.ts", "function f() {\n}\nconst x = await f();"],
  ];
  test.each(broken)("%s: %s", (rule, file, source) => expect(rules[rule]!(file, source)).toBe(false));

  const fine: [string, string, string][] = [
    ["only index and source/jupyter see the Jupyter model", "source/jupyter.ts", "this.model.get(name);"],
    ["only source/jupyter spells trait names", "frames/bars_and_ledger.ts", "meta.auto_decay_rate; // not decay_rate"],
    [
      "lightweight-charts runs in chart, panes and options only",
      "chart/profile.ts",
      'import {\n  type Time,\n  type Point,\n} from "lightweight-charts";',
    ],
    ["text goes into the page as text", "base/dom.ts", "// never innerHTML\nevaluate(x);"],
    ["no top-level await", "base/dom.ts", "async function f() {\n  await g();\n}"],
    ["no file is over 400 lines", "base/dom.ts", "x\n".repeat(400)],
  ];
  test.each(fine)("and accepts allowed code: %s: %s", (rule, file, source) =>
    expect(rules[rule]!(file, source)).toBe(true),
  );
});
