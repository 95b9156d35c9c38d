// Loads BokehJS into the page, without a CDN, when the panels are about to be seen.

/** Distance from the visible part of the page, in px, at which the panels are loaded. */
const NEAR = 300;

const inflate = (bytes) =>
  new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"))).text();

/** Run a script and wait for it. */
async function run(src) {
  const script = document.createElement("script");
  script.src = src;
  script.async = false;
  await new Promise((done, failed) => {
    script.onload = done;
    script.onerror = () => failed(new Error("BokehJS was not run"));
    document.head.append(script);
  });
  script.remove();
}

async function provide(model) {
  const version = model.get("version");
  if (window.Bokeh?.version === version && window.Bokeh.Models?.get?.("DataTable", null)) return;
  // Load each version only once per page, even if several views request it at the same time.
  window.liqwidgetBokeh ??= {};
  window.liqwidgetBokeh[version] ??= (async () => {
    const packed = model.get("_library");
    if (isOffered(model)) {
      const page = JSON.parse(document.getElementById("jupyter-config-data").textContent);
      for (const name of ["bokeh", "bokeh-tables"]) await run(`${page.fullStaticUrl}/${name}.min.js`);
      return;
    }
    const text = await inflate(packed);
    // Load from a blob URL: pages whose policy forbids inline scripts but allows widgets also allow it.
    const url = URL.createObjectURL(new Blob([text], { type: "text/javascript" }));
    await run(url);
    URL.revokeObjectURL(url);
  })();
  try {
    await window.liqwidgetBokeh[version];
  } catch (error) {
    delete window.liqwidgetBokeh[version]; // the next view tries again
    throw error;
  }
}

/** Whether the page offers BokehJS as a file; then the panels' state comes with the first view, too. */
const isOffered = (model) => model.get("_library").byteLength === 0;

/**
 * Ask the kernel for the panels' current state. If it is silent, draw what is here; a page that has nothing to draw yet
 * asks again.
 */
function freshened(model, signal, milliseconds = 5000) {
  return new Promise((done) => {
    const ask = () => model.send({ type: "fresh" });
    const end = () => {
      clearInterval(timer);
      model.off("msg:custom", heard);
      done();
    };
    const heard = (message) => message?.type === "fresh" && end();
    const timer = setInterval(isOffered(model) ? ask : end, milliseconds);
    model.on("msg:custom", heard);
    signal.addEventListener("abort", end);
    ask();
  });
}

/** Resolves once an element is in or near the visible part of the page. */
function isNear(el, signal) {
  return new Promise((done) => {
    const seen = new IntersectionObserver(
      (entries) => {
        if (!entries.some((entry) => entry.isIntersecting)) return;
        seen.disconnect();
        done();
      },
      { rootMargin: `${NEAR}px` },
    );
    seen.observe(el);
    signal.addEventListener("abort", () => seen.disconnect());
  });
}

/** Resolves once the application's heatmap is drawn, which comes first, or after ten seconds. */
function isDrawn(el, signal) {
  const app = el.closest(".liq-app");
  return new Promise((done) => {
    const end = () => {
      clearTimeout(timer);
      drawn.disconnect();
      done();
    };
    const look = () => (app === null || app.querySelector(".liq[data-rev]")) && end();
    const drawn = new MutationObserver(look);
    const timer = setTimeout(end, 10_000);
    if (app) drawn.observe(app, { subtree: true, childList: true, attributes: true, attributeFilter: ["data-rev"] });
    signal.addEventListener("abort", end);
    look();
  });
}

const isDark = () => document.body.dataset.jpThemeLight === "false";

function render({ model, el, signal }) {
  el.classList.add("liq-app-panels");
  el.dataset.waiting = "true";
  const ended = new AbortController();
  signal?.addEventListener("abort", () => ended.abort());
  const tell = () => {
    if (model.get("dark") === isDark()) return;
    model.set("dark", isDark());
    model.save_changes();
  };
  const theme = new MutationObserver(tell);
  theme.observe(document.body, { attributes: true, attributeFilter: ["data-jp-theme-light"] });
  tell();
  const views = [];
  (async () => {
    try {
      await isNear(el, ended.signal); // it is in the page now
      await isDrawn(el, ended.signal);
      await isNear(el, ended.signal);
      await Promise.all([provide(model), freshened(model, ended.signal)]);
      for (const reference of model.get("children")) {
        const child = await model.widget_manager.get_model(reference.replace("IPY_MODEL_", ""));
        const view = await model.widget_manager.create_view(child);
        if (ended.signal.aborted) return view.remove();
        views.push(view);
        el.append(view.el);
        view.trigger("displayed");
      }
      delete el.dataset.waiting;
      el.dataset.ready = "true";
    } catch (error) {
      delete el.dataset.waiting;
      el.append(`The panels could not be drawn: ${error.message ?? error}. The heatmap is not affected.`);
    }
  })();
  return () => {
    ended.abort();
    theme.disconnect();
    for (const view of views) view.remove();
  };
}

export default { render };
