"""A host of the least kind: a page with a static picture that runs the widget's module as anywidget does."""

from __future__ import annotations

import json
from base64 import b64encode

import liqwidget as lw
from liqwidget.widget.front_end import static

PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><style>{host_css}</style><style>{css}</style></head>
<body><div id="place"></div>
<script type="application/json" id="states">{states}</script>
<script type="module">
const code = new Blob([{code}], {{ type: "text/javascript" }});
const {{ default: make }} = await import(URL.createObjectURL(code));
const bytes = (text) => new DataView(Uint8Array.from(atob(text), (sign) => sign.charCodeAt(0)).buffer);
const place = document.getElementById("place");
const tree = {shadow} ? place.attachShadow({{ mode: "open" }}) : place;
if ({shadow}) tree.append(document.querySelectorAll("style")[1].cloneNode(true));
window.ends = JSON.parse(document.getElementById("states").textContent).map(({{ state, frames, picture }}) => {{
  for (const [name, text] of Object.entries(frames)) state[name] = bytes(text);
  const model = {{ get: (name) => state[name], set: (name, value) => {{ state[name] = value; }},
    save_changes() {{}}, off() {{}},
    on: (name, hear) => {{ if (name === "msg:custom") model.hear = hear; }},
    send: ({{ type, view }}) => {{ if (type === "here") model.hear({{ type: "alive", view }}, []); }} }};
  const widget = make();
  const el = document.createElement("div");
  tree.append(el);
  const still = document.createElement("section");
  still.innerHTML = picture;
  ({outside} ? document.body : tree).append(still);
  const end = new AbortController();
  widget.initialize({{ model, signal: end.signal }});
  widget.render({{ model, el, signal: end.signal }});
  return end;
}});
</script></body></html>
"""


def host_page(*heatmaps: lw.LiquidationHeatmap, host_css: str = "", shadow: bool = False, outside: bool = False) -> str:
    """Return a page with a view of each heatmap, and after it its static picture.

    Parameters
    ----------
    host_css
        The host's own style sheet, before the widget's as in a notebook.
    shadow
        Whether views and pictures are in a shadow tree.
    outside
        Whether the pictures are in the document all the same.
    """
    states = []
    for hm in heatmaps:
        state = hm.get_state()
        frames = {name: b64encode(value).decode() for name, value in state.items() if isinstance(value, bytes)}
        plain = {
            name: value
            for name, value in state.items()
            if name not in frames and isinstance(value, (str, int, float, list, dict, type(None)))
        }
        states.append({"state": plain, "frames": frames, "picture": hm.still_bundle()["text/html"]})
    return PAGE.format(
        host_css=host_css,
        css=static("index.css"),
        states=json.dumps(states).replace("<", "\\u003c"),
        code=json.dumps(static("index.js")).replace("<", "\\u003c"),
        shadow=json.dumps(shadow),
        outside=json.dumps(outside),
    )
