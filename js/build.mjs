// Bundles src/ into the one ES module and the one style sheet that the Python package ships.
// LIQWIDGET_SOURCES is the digest of what went in: hatch_build.py refuses a bundle without the right one.
import { mkdir } from "node:fs/promises";
import { build } from "esbuild";

const digest = process.env.LIQWIDGET_SOURCES ?? "unknown";
const out = new URL("../src/liqwidget/static/", import.meta.url).pathname;
await mkdir(out, { recursive: true });
await build({
  entryPoints: [
    { in: "src/index.ts", out: "index" },
    { in: "src/index.css", out: "index" },
  ],
  outdir: out,
  bundle: true,
  format: "esm",
  target: "es2022",
  minify: true,
  charset: "utf8",
  legalComments: "inline",
  banner: { js: `/* liqwidget sources ${digest} */` },
  logLevel: "warning",
});
