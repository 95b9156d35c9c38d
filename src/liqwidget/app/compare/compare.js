// Draws a Bokeh item: in a notebook as a widget, in a saved page from an inert element.

const drawn = (text, el) => window.Bokeh.embed.embed_item(JSON.parse(text), el);

function render({ model, el }) {
  el.classList.add("liq-sheet"); // beside which a still picture hides itself
  el.style.flex = "1 1 100%";
  el.style.minWidth = "0";
  const views = drawn(model.get("_item"), el);
  return async () => {
    for (const view of (await views).roots) view.remove();
  };
}

export async function openPage(document) {
  const host = document.getElementById("liq-host");
  await drawn(document.getElementById("liq-item").textContent, host);
  host.dataset.ready = "true";
}

export default { render };
