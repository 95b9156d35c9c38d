"""Where the front end's module is: in each widget, in one model for all of a kernel's, or in a file of the page."""

from __future__ import annotations

import threading
from importlib.resources import files
from typing import Any

import ipywidgets
import traitlets
from IPython import get_ipython  # type: ignore[attr-defined,unused-ignore]  # not in its __all__ before 9

from ..errors import LiqError
from .page_files import is_module_offered

#: Stands in for the module, whose widget `load` returns. anywidget gives up on a model whose `initialize` takes two
#: seconds, so only views wait for it.
_STAND_IN = """
export default () => {
  let begun;
  return {
    initialize(given) {
      begun = load(given.model).then((widget) => {
        widget.initialize(given);
        return widget;
      });
      begun.catch(() => {});
    },
    async render(given) {
      return (await begun).render(given);
    },
  };
};
"""
_LOAD_FILE = """\
const load = async () => {
  const page = JSON.parse(document.getElementById("jupyter-config-data").textContent);
  return (await import(new URL(`${page.fullStaticUrl}/index.js`, document.baseURI))).default();
};"""
#: A front end that does not find the model of the module asks the kernel for its contents.
_LOAD_SHARED = """\
const found = async (model) => {
  const shared = await model.widget_manager.get_model(model.get("_module").replace("IPY_MODEL_", ""));
  return [shared.get("code"), shared.get("style")];
};
const sent = (model) => new Promise((done) => {
  model.on("msg:custom", ({ type }, buffers) => {
    if (type === "module") done(buffers.map((buffer) => new TextDecoder().decode(buffer)));
  });
  model.send({ type: "module" });
});
const load = async (model) => {
  const [code, textContent] = await found(model).catch(() => sent(model));
  const id = "liqwidget-style";
  const style = document.getElementById(id) ?? document.head.appendChild(document.createElement("style"));
  Object.assign(style, { id, textContent });
  const url = URL.createObjectURL(new Blob([code], { type: "text/javascript" }));
  try {
    return await (await import(url)).default();
  } finally {
    URL.revokeObjectURL(url);
  }
};"""


def static(name: str) -> str:
    """Return a file of the built front end as text."""
    path = files("liqwidget") / "static" / name
    if not path.is_file():
        raise LiqError(f"the front end is not built: {name} is missing. Run `make build` in the checkout.")
    return path.read_text(encoding="utf-8")


CODE, STYLE = static("widget.js"), static("index.css")
_IS_FILE = is_module_offered(static("index.js"))


class Module(ipywidgets.Widget):  # type: ignore[misc]  # ships no types
    """Code and style of the front end, for all heatmaps of a kernel: a saved notebook holds them once."""

    code = traitlets.Unicode(CODE, read_only=True).tag(sync=True)
    style = traitlets.Unicode(STYLE, read_only=True).tag(sync=True)

    _lock = threading.Lock()
    _last: Module | None = None

    @classmethod
    def of_kernel(cls) -> Module | None:
        """Return that of this kernel; None if a file serves instead, or outside IPython's kernel.

        There one process may serve several pages, each with its own models.
        """
        if _IS_FILE or getattr(get_ipython(), "kernel", None) is None:
            return None
        with cls._lock:
            if cls._last is None or cls._last.comm is None:  # closed, as Widget.close_all does
                cls._last = cls()
            return cls._last

    def set_state(self, sync_data: dict[str, Any]) -> None:
        """Ignore state from the browser."""


def send_module(widget: ipywidgets.Widget, content: Any, _buffers: object) -> None:
    """Answer a front end that asks a widget for its module and style."""
    if isinstance(content, dict) and content.get("type") == "module":
        widget.send({"type": "module"}, [CODE.encode(), STYLE.encode()])


def entry_of(module: Module | None) -> tuple[str, str]:
    """Return the module and the style that a widget has itself."""
    if _IS_FILE:
        return _LOAD_FILE + _STAND_IN, STYLE
    return (CODE, STYLE) if module is None else (_LOAD_SHARED + _STAND_IN, "")
