// Callbacks for Voila's front end, the waiting screen, and keep-alives to the server while the page loads or is used.

window.voila_finish = window.display_cells = () => {};

// The page follows the visitor's system, unless the server was started with a theme.
if (document.body.dataset.theme === "auto") {
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const follow = () => {
    document.body.dataset.jpThemeLight = String(!dark.matches);
    document.body.dataset.jpThemeName = dark.matches ? "JupyterLab Dark" : "JupyterLab Light";
    document.body.classList.toggle("theme-dark", dark.matches);
    document.body.classList.toggle("theme-light", !dark.matches);
  };
  follow();
  dark.addEventListener("change", follow);
}

// A page that has waited for its place needs no ticket any more: its address is for others, too.
const query = new URLSearchParams(location.search);
if (query.has("place")) {
  query.delete("place");
  history.replaceState(null, "", `${location.pathname}?${query}${location.hash}`.replace(/\?(?=#|$)/, ""));
}

const page = JSON.parse(document.getElementById("jupyter-config-data").textContent);
const { baseUrl, kernelId, started } = page;
const { main } = document.currentScript.dataset; // Voila's first script
const tell = () =>
  fetch(`${baseUrl}voila/api/touched/${kernelId}`, { method: "POST", keepalive: true }).catch(() => {});
tell();
const loading = setInterval(tell, 30_000); // on a slow connection it may take minutes to reach the kernel

const wait = document.getElementById("wait");
const words = wait.querySelector("p");
const WITH_KERNEL = "#rendered_cells .liq[data-rev]";
const OTHERS = ".jp-OutputArea .jp-RenderedText, .jp-OutputArea .jp-RenderedHTML, .jp-RenderedImage";

// Outputs that Voila's front end will draw; texts and errors are in the page already.
const outputs = [...document.querySelectorAll('script[type="application/vnd.voila.cell-output+json"]')].map((script) =>
  JSON.parse(script.textContent),
);
const hasViews = outputs.some(({ data }) => data?.["application/vnd.jupyter.widget-view+json"]);

// The still picture of the first output is in the page already: show it at once.
const stillOf = (output) => {
  const html = output.data?.["text/html"];
  const text = Array.isArray(html) ? html.join("") : html;
  if (typeof text !== "string") return null;
  return new DOMParser().parseFromString(text, "text/html").querySelector('img[src^="data:image/png;base64,"]');
};
const still = document.createElement("img");
for (const output of outputs) {
  const found = stillOf(output);
  if (!found) continue;
  still.src = found.src;
  still.alt = found.alt;
  wait.prepend(still);
  words.textContent = "A still picture of the estimate. The living one is loading…";
  break;
}

// So are the data of the first heatmap: show it without the kernel, which most of the files below are for, until the
// one with the kernel is drawn, in the same view.
const DATA = "application/vnd.liqwidget.page+json";
const HOLD_MS = 300; // from a visitor's act to the settings that it leaves
const early = { ended: new AbortController(), root: null, isHeld: false, wasUsed: false, link: "" };
const openEarly = async (data) => {
  const { openPage } = await import("./index.js");
  const host = document.createElement("div");
  host.id = "liq-host";
  const made = new DOMParser().parseFromString(data, "text/html");
  host.append(...made.querySelectorAll("#liq-facts, script[data-frame]")); // a parsed script does not run
  wait.prepend(host);
  await openPage(document, early.ended.signal);
  early.root = host.querySelector(".liq");
  if (early.root === null || early.ended.signal.aborted) return host.remove();
  delete document.documentElement.dataset.liqAddress; // the view with a kernel follows the address
  still.remove();
  words.textContent = "The picture is computed by your browser. The rest of the page is loading…";
  const keep = () => {
    const link = early.root.liqLink();
    if (early.ended.signal.aborted || link === early.link) return;
    early.link = link;
    history.replaceState(null, "", `#${link}`);
  };
  const used = ({ type }) => {
    early.wasUsed = true;
    early.isHeld ||= type === "pointerdown";
    setTimeout(keep, HOLD_MS);
  };
  const released = () => {
    early.isHeld = false;
    if (early.wasUsed) setTimeout(keep, HOLD_MS);
  };
  const given = { capture: true, passive: true, signal: early.ended.signal };
  for (const name of ["pointerdown", "keyup", "wheel", "input"]) host.addEventListener(name, used, given);
  for (const name of ["pointerup", "pointercancel"]) addEventListener(name, released, given);
};

// Everything else is requested after the first picture, which it would delay on a slow line. Voila's front end starts at
// the window's load event, which may have been before its files came.
const listen = window.addEventListener;
window.addEventListener = function (type, listener, ...more) {
  if (type === "load" && document.readyState === "complete" && typeof listener === "function") setTimeout(listener);
  else listen.call(window, type, listener, ...more);
};
const LONGEST_MS = 20_000;
const add = (tag, given) => document.head.append(Object.assign(document.createElement(tag), given));
const load = () => {
  const scripts = [...page.scripts, "voila-style.js", main];
  const addresses = [...scripts, ...page.early].map((name) => `${page.fullStaticUrl}/${name}`);
  for (const extension of page.federated_extensions) {
    addresses.push(`${page.fullLabextensionsUrl}/${extension.name}/${extension.load}`);
  }
  for (const href of addresses) add("link", { rel: "preload", as: "script", href });
  for (const src of addresses.slice(0, scripts.length)) add("script", { src, async: false });
};
const data = outputs.map((output) => output.data?.[DATA]).find((text) => typeof text === "string");
if (data === undefined) load();
else {
  const tooLong = new Promise((done) => setTimeout(done, LONGEST_MS));
  Promise.race([openEarly(data).catch((error) => console.warn(error)), tooLong]).then(load);
}

// Loading is late only if nothing has arrived for a while: on a slow line it takes as long as it takes. A large file
// counts only once it is complete; until then the replies to `tell` do.
const LATE_MS = 60_000;
let late = 0;
const arrived = () => {
  clearTimeout(late);
  late = setTimeout(() => {
    words.textContent = "Nothing has arrived for a minute. Reload the page to try again.";
  }, LATE_MS);
};
arrived();
const files = new PerformanceObserver(arrived);
files.observe({ type: "resource", buffered: true });
const end = () => {
  if (early.isHeld) return void setTimeout(end, HOLD_MS); // a slider is being moved
  if (!isLoading) return;
  if (early.wasUsed && early.root.liqLink() !== early.link) location.replace(`#${early.root.liqLink()}`);
  early.ended.abort();
  watch.disconnect();
  files.disconnect();
  clearTimeout(late);
  clearInterval(loading);
  isLoading = false;
  wait.remove();
};
let isLoading = true;
let others = null; // if there are only widgets without a picture, show them after a delay
const watch = new MutationObserver(() => {
  const isDrawn = document.querySelector("#rendered_cells.lm-Widget") !== null; // Voila has placed all outputs
  const picture = early.root === null ? `${WITH_KERNEL}, ${OTHERS}` : WITH_KERNEL;
  if (document.querySelector(picture) || (isDrawn && !hasViews)) end();
  else if (document.querySelector(".jupyter-widgets")) others ??= setTimeout(end, 5_000);
});
watch.observe(document.body, { subtree: true, childList: true, attributes: true, attributeFilter: ["data-rev"] });
if (outputs.length === 0) end();

const EVERY_MS = 60_000;
let told = performance.now();
const touched = () => {
  if (performance.now() - told < EVERY_MS) return;
  told = performance.now();
  tell();
};
for (const name of ["pointerdown", "pointermove", "keydown", "wheel", "touchstart"]) {
  addEventListener(name, touched, { capture: true, passive: true });
}

// An exception in a kernel callback reaches the page as one sentence that no view displays, so show it here.
const FAILED_MS = 20_000;
const ENDED = 4001; // the server closes the sockets of a kernel that it has ended
const utf8 = new TextDecoder();
const partOf = (data, k) => {
  const at = new DataView(data);
  const [from, to] = [k, k + 1].map((i) => at.getUint32(8 * (i + 1), true));
  return JSON.parse(utf8.decode(new Uint8Array(data, from, to - from)));
};
let failed = null;
/** Show a sentence, for a while or until it is clicked. */
const showFailed = (text, stays = false) => {
  failed?.remove();
  const shown = document.createElement("p");
  shown.id = "failed";
  shown.setAttribute("role", "alert");
  shown.textContent = text;
  shown.addEventListener("click", () => shown.remove());
  if (!stays) setTimeout(() => shown.remove(), FAILED_MS);
  document.body.append(shown);
  failed = shown;
};
const sockets = new Set();
window.WebSocket = class extends WebSocket {
  constructor(...options) {
    super(...options);
    this.addEventListener("open", () => sockets.add(this));
    this.addEventListener("close", ({ code, reason }) => {
      sockets.delete(this);
      if (code === ENDED) showFailed(`${reason} Reload the page to go on.`, true);
      look();
    });
    this.addEventListener("message", ({ data }) => {
      if (isLoading) arrived();
      [wasAway, lost] = [false, null];
      if (!(data instanceof ArrayBuffer) || partOf(data, 1).msg_type !== "error") return;
      showFailed(partOf(data, 4).traceback.join(" "));
    });
  }
};

// The kernel of a page that slept, or whose server was restarted, has ended. Such a page loads itself again, into the
// same view, when somebody looks at it. One whose kernel has ended before its reader's eyes stays as it is; the heatmap
// says so.
const LOOK_MS = 3_000;
const RARELY_MS = 10_000;
const SLEPT_MS = 30_000;
const LOST_MS = 90_000; // Jupyter's own attempts to reconnect have ended by then
const MOST_RELOADS = 3;
const FORGOTTEN_MS = 600_000;
const RELOADS = "liqwidget.reloads";
let wasAway = false;
let seen = Date.now();
let lost = null;
let next = 0;
let isLooking = false;
let isOver = false;
/** Whether the page may load itself again; it remembers that it does. Without a memory it could go on for ever. */
const mayReload = () => {
  try {
    const times = JSON.parse(sessionStorage.getItem(RELOADS) ?? "[]").filter((at) => Date.now() - at < FORGOTTEN_MS);
    if (times.length >= MOST_RELOADS) return false;
    sessionStorage.setItem(RELOADS, JSON.stringify([...times, Date.now()]));
    return true;
  } catch {
    return false;
  }
};
const comeBack = async (why) => {
  isOver = true;
  while (document.hidden) {
    await new Promise((done) => document.addEventListener("visibilitychange", done, { once: true }));
  }
  if (!mayReload()) return showFailed(`${why} Reload the page to go on.`);
  showFailed(`${why} Loading the same view again…`);
  const view = document.querySelector(".liq")?.liqLink?.();
  if (view) history.replaceState(null, "", `#${view}`);
  location.reload();
};
const look = async () => {
  if (isOver || isLooking || sockets.size > 0 || (isLoading && !wasAway) || Date.now() < next) return;
  isLooking = true;
  lost ??= Date.now();
  const reply = await fetch(`${baseUrl}voila/api/touched/${kernelId}`, { method: "POST" }).catch(() => null);
  isLooking = false;
  if (sockets.size > 0) return;
  if (reply?.status === 404) {
    const now = reply.headers.get("X-Started"); // a server that is stopped ends its kernels first
    if (wasAway || (now !== null && now !== started)) comeBack("This page's kernel has ended.");
    else next = Date.now() + RARELY_MS;
  } else if (reply?.status === 401) {
    comeBack("The sign-in has ended.");
  } else if (reply?.status === 204) {
    if (!isLoading && Date.now() - lost > LOST_MS) comeBack("This page has lost its connection.");
  } else wasAway = true;
};
setInterval(() => {
  if (Date.now() - seen > SLEPT_MS) wasAway = true;
  seen = Date.now();
  look();
}, LOOK_MS);
