// Draws a Bokeh item: as a widget in a notebook, or from an inert element in a saved page.

const PLACES = /^(border_fill|outline_line|axis_line|major_tick_line|axis_label_text|major_label_text)_color$/;

/** Whether the page is dark: as JupyterLab says, else by the colour of its text. */
function isDark(el) {
  const { jpThemeLight } = document.body.dataset;
  if (jpThemeLight !== undefined) return jpThemeLight === "false";
  const [r, g, b] = getComputedStyle(el.parentElement ?? document.body)
    .color.match(/[\d.]+/g)
    .map(Number);
  return 0.299 * r + 0.587 * g + 0.114 * b > 128;
}

/** Give texts and figures the colours of the page. */
function dye(el, models) {
  const dark = isDark(el);
  const pairs = Object.entries(INKS).map(([onDark, onLight]) => (dark ? [onLight, onDark] : [onDark, onLight]));
  const colours = Object.fromEntries(pairs);
  el.dataset.dark = dark;
  for (const model of models) {
    for (const { attr } of model) {
      if (PLACES.test(attr) && colours[model[attr]]) model[attr] = colours[model[attr]];
    }
  }
}

/** Draw the item; returns what ends it. */
async function drawn(text, el) {
  el.classList.add("liq-sheet");
  dye(el, []);
  const views = await window.Bokeh.embed.embed_item(JSON.parse(text), el);
  const models = [...views.roots[0].model.document._all_models.values()];
  const again = () => dye(el, models);
  again();
  const theme = new MutationObserver(again);
  const scheme = matchMedia("(prefers-color-scheme: dark)");
  theme.observe(document.body, { attributes: true });
  scheme.addEventListener("change", again);
  return () => {
    theme.disconnect();
    scheme.removeEventListener("change", again);
    for (const view of views.roots) view.remove();
  };
}

/** Hide the static picture of the same page; returns what shows it again. */
function hidePicture(id) {
  const style = document.createElement("style");
  style.textContent = `[data-liq-picture="${CSS.escape(id)}"]{display:none!important}`;
  document.head.append(style);
  return () => style.remove();
}

function render({ model, el }) {
  el.style.flex = "1 1 100%";
  el.style.minWidth = "0";
  const ends = drawn(model.get("_item"), el).then((end) => [end, hidePicture(model.get("_picture_id"))]);
  return async () => {
    for (const end of await ends) end();
  };
}

export async function openPage(document) {
  const host = document.getElementById("liq-host");
  await drawn(document.getElementById("liq-item").textContent, host);
  host.dataset.ready = "true";
}

export default { render };
