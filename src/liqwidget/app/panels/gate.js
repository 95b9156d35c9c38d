// Loads BokehJS into the page, without a CDN, before creating the first view that needs it.

const inflate = (bytes) =>
  new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"))).text();

async function provide(model) {
  const version = model.get("version");
  if (window.Bokeh?.version === version && window.Bokeh.Models?.get?.("DataTable", null)) return;
  // Load each version only once per page, even if several views request it at the same time.
  window.liqwidgetBokeh ??= {};
  window.liqwidgetBokeh[version] ??= (async () => {
    const script = document.createElement("script");
    const text = await inflate(model.get("_library"));
    // Load from a blob URL: pages whose policy forbids inline scripts but allows widgets also allow it.
    script.src = URL.createObjectURL(new Blob([text], { type: "text/javascript" }));
    await new Promise((done, failed) => {
      script.onload = done;
      script.onerror = () => failed(new Error("BokehJS was not run"));
      document.head.append(script);
    });
    script.remove();
    URL.revokeObjectURL(script.src);
  })();
  await window.liqwidgetBokeh[version];
}

/** Ask the kernel for the panels' current state; after a timeout (kernel busy or dead) draw what is here. */
function freshened(model, milliseconds = 5000) {
  return new Promise((done) => {
    const heard = (message) => {
      if (message?.type !== "fresh") return;
      clearTimeout(timer);
      model.off("msg:custom", heard);
      done();
    };
    const timer = setTimeout(() => heard({ type: "fresh" }), milliseconds);
    model.on("msg:custom", heard);
    model.send({ type: "fresh" });
  });
}

const isDark = () => document.body.dataset.jpThemeLight === "false";

function render({ model, el, signal }) {
  el.classList.add("liq-app-panels");
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
      await Promise.all([provide(model), freshened(model)]);
      for (const reference of model.get("children")) {
        const child = await model.widget_manager.get_model(reference.replace("IPY_MODEL_", ""));
        const view = await model.widget_manager.create_view(child);
        if (ended.signal.aborted) return view.remove();
        views.push(view);
        el.append(view.el);
        view.trigger("displayed");
      }
      el.dataset.ready = "true";
    } catch (error) {
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
