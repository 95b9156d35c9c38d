"""Scripts that the page offers as files: `liqwidget.serve` does, so that browsers load them early and keep them."""

from __future__ import annotations

import os
from hashlib import sha256

#: Names of files and what tells their contents, set by the server for its kernels: "module:1f9d86... bokeh:3.9.2".
ENVIRONMENT = "LIQWIDGET_PAGE_FILES"

#: Stands in for the widget's module: it loads the one that the page offers. anywidget gives up on a model whose
#: `initialize` takes two seconds, so only the first view waits for the file.
STAND_IN = """\
export default () => {
  const widget = (async () => {
    const page = JSON.parse(document.getElementById("jupyter-config-data").textContent);
    return (await import(new URL(`${page.fullStaticUrl}/index.js`, document.baseURI))).default();
  })();
  let begun;
  return {
    initialize(given) {
      begun = widget.then((it) => it.initialize(given));
      begun.catch(() => {});
    },
    async render(given) {
      await begun;
      return (await widget).render(given);
    },
  };
};
"""


def is_offered(name: str, version: str) -> bool:
    """Return whether the page offers this version of a file."""
    return f"{name}:{version}" in os.environ.get(ENVIRONMENT, "").split()


def module_text(packed: str, code: str) -> str:
    """Return the module to send to a page: the packed one, or a stand-in if the page offers the same code as a file."""
    return STAND_IN if is_module_offered(code) else packed


def is_module_offered(code: str) -> bool:
    """Return whether the page offers this code of the widget's module."""
    return is_offered("module", sha256(code.encode()).hexdigest())
