"""The heatmaps of a kernel share one module: in a live page, in a saved notebook, and where its model is missing."""

from __future__ import annotations

import json

import nbformat
import pytest
from lab import write_notebook
from nbclient import NotebookClient

from liqwidget.widget.front_end import CODE, STYLE

pytestmark = pytest.mark.browser

SETUP = "import liqwidget as lw\nmarket = lw.load_sample().tail(300)"
STATE = "application/vnd.jupyter.widget-state+json"


def test_a_saved_notebook_holds_the_module_once(tmp_path, monkeypatch):
    for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "IPYTHONDIR"):
        monkeypatch.setenv(name, str(tmp_path / name))
    path = write_notebook(tmp_path / "three.ipynb", SETUP, *["lw.LiquidationHeatmap(market)"] * 3)
    notebook = nbformat.read(path, 4)
    NotebookClient(notebook, timeout=60).execute()
    states = [model["state"] for model in notebook.metadata["widgets"][STATE]["state"].values()]
    assert sum("decay_rate" in state for state in states) == 3
    assert [(state["code"], state["style"]) for state in states if "code" in state] == [(CODE, STYLE)]
    assert len(json.dumps([state for state in states if "code" not in state])) < 20_000


def test_a_view_whose_page_lacks_the_model_of_the_module_asks_the_kernel(notebook):
    alone = "hm = lw.LiquidationHeatmap(market, height=200)\nhm._module.close()\nhm"
    session = notebook(SETUP, alone, "other = lw.LiquidationHeatmap(market, height=200)\nother", views=2)
    assert session.python("print(other._module is hm._module, other._module.comm is None)").strip() == "False False"
    assert session.page.locator(".liq-plot").first.bounding_box()["height"] == 200  # it is styled
