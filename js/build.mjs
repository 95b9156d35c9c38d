// Bundles src/ into the one ES module and the one style sheet that the Python package ships.
// LIQWIDGET_SOURCES is the digest of what went in: hatch_build.py refuses a bundle without the right one.
import { mkdir, writeFile } from "node:fs/promises";
import { build } from "esbuild";
import { minify } from "terser";

const digest = process.env.LIQWIDGET_SOURCES ?? "unknown";
const out = new URL("../src/liqwidget/static/", import.meta.url).pathname;
const { outputFiles } = await build({
  entryPoints: [
    { in: "src/index.ts", out: "index" },
    { in: "src/styles/index.css", out: "index" },
  ],
  outdir: out,
  bundle: true,
  format: "esm",
  target: "es2022",
  minify: true,
  // Long names that only fancy-canvas uses, and only inside; what it also writes as a string must stay.
  mangleProps: /^_[a-z]+[A-Z]/,
  reserveProps: /PixelRatio$/,
  charset: "utf8",
  legalComments: "inline",
  logLevel: "warning",
  write: false,
});
await mkdir(out, { recursive: true });
for (const { path, text } of outputFiles) await writeFile(path, path.endsWith(".js") ? await smaller(text) : text);

/** What esbuild has minified, minified once more: 2 kB of the 88 that a reader waits for (gzip). */
async function smaller(text) {
  const { code } = await minify(text, {
    module: true,
    ecma: 2020,
    compress: { passes: 2, inline: 1, lhs_constants: false }, // both as gzip likes it best
    format: { comments: /^!|@license/, preamble: `/* liqwidget sources ${digest} */` },
  });
  return code;
}
