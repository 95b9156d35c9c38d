// Bundles src/ into the ES module and the style sheet that the Python package ships; widget.js is index.js, compressed.
// LIQWIDGET_SOURCES is the digest of the sources: hatch_build.py refuses a bundle with a different one.
import { mkdir, writeFile } from "node:fs/promises";
import { deflateRawSync } from "node:zlib";
import { build, transform } from "esbuild";
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
  // Long names that only fancy-canvas uses, internally; names that it also uses as strings must stay.
  mangleProps: /^_[a-z]+[A-Z]/,
  reserveProps: /PixelRatio$/,
  charset: "utf8",
  legalComments: "inline",
  logLevel: "warning",
  write: false,
});
await mkdir(out, { recursive: true });
for (const { path, text } of outputFiles) {
  if (!path.endsWith(".js")) await writeFile(path, await outweighing(text));
  else {
    const code = await smaller(text);
    await writeFile(path, code);
    await writeFile(path.replace(/index\.js$/, "widget.js"), packed(code));
  }
}

/**
 * The module compressed in a module that unpacks it: every notebook saved with its widgets holds this text, which is
 * less than half as long. The default export is a function, as in index.js, since anywidget waits for its result.
 */
function packed(code) {
  const data = deflateRawSync(code, { level: 9 }).toString("base64");
  return `/* liqwidget sources ${digest} */
const data="${data}";
export default async()=>{
const bytes=Uint8Array.from(atob(data),(sign)=>sign.charCodeAt(0));
const code=await new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate-raw"))).blob();
const url=URL.createObjectURL(new Blob([code],{type:"text/javascript"}));
try{return(await import(url)).default()}finally{URL.revokeObjectURL(url)}
}
`;
}

/**
 * The style sheet with every rule inside `.liq`, and with the weight of two ids more, so that no rule of a host without
 * `!important` outweighs one of ours, our reset of all properties included.
 */
async function outweighing(css) {
  const inside = css.replaceAll(/\.liq(?=-narrow\b)/g, "&.liq").replaceAll(/\.liq(?![\w-])/g, "&");
  const { code } = await transform(`:is(.liq,#liq#liq){${inside}}`, {
    loader: "css",
    minify: true,
    target: "chrome111",
  });
  return code;
}

/** Minify the output of esbuild again, which saves 2 of 88 kB (gzip). */
async function smaller(text) {
  const { code } = await minify(text, {
    module: true,
    ecma: 2020,
    // Reading a property has no side effect, here or in lightweight-charts; these inlining options compress best.
    compress: { passes: 2, inline: 1, lhs_constants: false, pure_getters: true, booleans: false },
    format: { comments: /^!|@license/, preamble: `/* liqwidget sources ${digest} */` },
  });
  return code;
}
