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

const { baseUrl, kernelId, started } = JSON.parse(document.getElementById("jupyter-config-data").textContent);
const tell = () =>
  fetch(`${baseUrl}voila/api/touched/${kernelId}`, { method: "POST", keepalive: true }).catch(() => {});
tell();
const loading = setInterval(tell, 30_000); // on a slow connection it may take minutes to reach the kernel

const wait = document.getElementById("wait");
const words = wait.querySelector("p");
const PICTURE = ".liq[data-rev], .jp-OutputArea .jp-RenderedText, .jp-OutputArea .jp-RenderedHTML, .jp-RenderedImage";

// The still picture of the first output is in the page already: show it until the living one is drawn.
const stillOf = (output) => {
  const html = output.data?.["text/html"];
  const text = Array.isArray(html) ? html.join("") : html;
  if (typeof text !== "string") return null;
  return new DOMParser().parseFromString(text, "text/html").querySelector('img[src^="data:image/png;base64,"]');
};
// Outputs that Voila's front end will draw; texts and errors are in the page already.
const outputs = [...document.querySelectorAll('script[type="application/vnd.voila.cell-output+json"]')].map((script) =>
  JSON.parse(script.textContent),
);
const hasViews = outputs.some(({ data }) => data?.["application/vnd.jupyter.widget-view+json"]);
for (const output of outputs) {
  const found = stillOf(output);
  if (!found) continue;
  const still = document.createElement("img");
  still.src = found.src;
  still.alt = found.alt;
  wait.prepend(still);
  words.textContent = "A still picture of the estimate. The living one is loading…";
  break;
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
  if (document.querySelector(PICTURE) || (isDrawn && !hasViews)) end();
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
