import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path/posix";
import { describe, expect, test } from "vitest";

const FOLDER = new URL("../src/", import.meta.url);
const files = readdirSync(FOLDER, { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".ts"));
const text = new Map(files.map((file) => [file, readFileSync(new URL(file, FOLDER), "utf8")]));

/** A file without its comments and the insides of its plain strings, line for line. */
const stripped = (source: string): string =>
  source.replace(/\/\*[\s\S]*?\*\/|\/\/[^\n]*|"(?:[^"\\\n]|\\.)*"/g, (part) =>
    part.startsWith('"') ? '""' : part.replace(/[^\n]/g, " "),
  );
const withoutComments = (source: string): string =>
  source.replace(/("(?:[^"\\\n]|\\.)*")|\/\*[\s\S]*?\*\/|\/\/[^\n]*/g, (_, string?: string) => string ?? " ");

/** Modules that a file imports: name, and whether only types come from it. */
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

const PURE = [
  ...["colour", "affine", "units"].map((name) => `base/${name}.ts`),
  ...["wire", "bars_and_ledger", "marks", "positions", "overlays"].map((name) => `frames/${name}.ts`),
  ...["replay", "field", "coarser", "clusters", "cascade", "band"].map((name) => `model/${name}.ts`),
  ...["settings"].map((name) => `source/${name}.ts`),
  ...["python_call"].map((name) => `export/${name}.ts`),
  ...["pooling"].map((name) => `chart/${name}.ts`),
];
const SEES_MODEL = ["index.ts", "source/jupyter.ts"];
const CHART = ["chart/chart.ts", "chart/panes.ts"];
const CHART_TYPES = [...CHART, "chart/heatmap.ts", "chart/profile.ts"];

/** The file of our own that an import in `file` means. */
const target = (file: string, from: string): string => `${join(dirname(file), from)}.ts`;

const rules: Record<string, (file: string, source: string) => boolean> = {
  "only index and source/jupyter see the Jupyter model": (file, source) =>
    SEES_MODEL.includes(file) ||
    !(
      /\bmodel\??\.(get|set|save_changes|send|on|off)\b|\bsave_changes\b|\b(AnyModel|JupyterSource|RenderProps|AnyWidget)\b/i.test(
        stripped(source),
      ) ||
      importsOf(source).some(
        ({ from }) => /^@?(anywidget|jupyter)/i.test(from) || target(file, from) === "source/jupyter.ts",
      )
    ),
  "only source/jupyter spells trait names": (file, source) =>
    file === "source/jupyter.ts" ||
    file === "export/python_call.ts" || // writes Python
    !/\b(_bars|_ledger|_status|_presets|_bin_sizes|_events|_positions|_live|leverage_mix|decay_rate)\b|["`]change:/.test(
      withoutComments(source),
    ),
  "only source/jupyter spells the names of messages": (file, source) =>
    file === "source/jupyter.ts" ||
    !/\btype:\s*"(resync|tail|events|here|gone)"|\.type\s*===/.test(withoutComments(source)),
  "pure files know no page and no chart": (file, source) =>
    !PURE.includes(file) ||
    !(
      /\b(document|window|HTMLElement|CanvasRenderingContext2D|requestAnimationFrame)\b/.test(stripped(source)) ||
      importsOf(source).some(
        ({ from, typeOnly }) => from === "lightweight-charts" || (!typeOnly && !PURE.includes(target(file, from))),
      )
    ),
  "lightweight-charts runs in chart and panes only": (file, source) =>
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

/** Whether an `await` stands outside every function body: no brace is open that belongs to a function. */
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

test("there are files to look at, and every pure one is among them", () => {
  expect(files.filter((file) => PURE.includes(file)).sort()).toEqual([...PURE].sort());
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
    ["pure files know no page and no chart", "chart/pooling.ts", "const x = document;"],
    ["pure files know no page and no chart", "frames/wire.ts", "window.alert();"],
    ["pure files know no page and no chart", "base/affine.ts", 'import type { Time } from "lightweight-charts";'],
    ["pure files know no page and no chart", "model/field.ts", 'import { h } from "../base/dom";'],
    [
      "lightweight-charts runs in chart and panes only",
      "chart/heatmap.ts",
      'import { LineSeries } from "lightweight-charts";',
    ],
    [
      "lightweight-charts runs in chart and panes only",
      "chart/heatmap.ts",
      'import {\n  type Time,\n  LineSeries,\n} from "lightweight-charts";',
    ],
    [
      "lightweight-charts runs in chart and panes only",
      "panels/view.ts",
      'import type { Time } from "lightweight-charts";',
    ],
    [
      "lightweight-charts runs in chart and panes only",
      "panels/view.ts",
      'const x = await import("lightweight-charts");',
    ],
    [
      "lightweight-charts runs in chart and panes only",
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
      "lightweight-charts runs in chart and panes only",
      "chart/profile.ts",
      'import {\n  type Time,\n  type Point,\n} from "lightweight-charts";',
    ],
    ["text goes into the page as text", "base/dom.ts", "// never innerHTML\nevaluate(x);"],
    ["no top-level await", "base/dom.ts", "async function f() {\n  await g();\n}"],
    ["no file is over 400 lines", "base/dom.ts", "x\n".repeat(400)],
  ];
  test.each(fine)("and does not without a reason: %s: %s", (rule, file, source) =>
    expect(rules[rule]!(file, source)).toBe(true),
  );
});
