"""Hostile messages to the application's panels and controls: Bokeh decodes none of them, and little is accepted."""

from __future__ import annotations

import gzip
import json
import math
from base64 import b64encode
from datetime import date
from pathlib import Path
from typing import cast

import ipywidgets
import pytest
from bokeh.core.serialization import Deserializer
from bokeh.models import ColumnDataSource
from jupyter_bokeh import BokehModel
from PIL import Image

import liqwidget as lw
from liqwidget.app.guard import LONGEST_TEXT, widgets_in
from liqwidget.app.panels.panel import Panel
from markets import walk


@pytest.fixture(scope="module")
def app():
    explorer = lw.explore(walk(120, seed=5, price=60_000, tick=0.1, wild=0.1))
    yield explorer
    explorer.close()


@pytest.fixture(autouse=True)
def decoded(monkeypatch):
    """The messages that Bokeh was asked to decode."""
    asked = []
    real = Deserializer.deserialize
    monkeypatch.setattr(Deserializer, "deserialize", lambda self, *it: asked.append(it) or real(self, *it))
    return asked


def panels(app) -> list[Panel]:
    return [widget for widget in widgets_in(app) if isinstance(widget, BokehModel)]


def deliver(widget, data, buffers=()) -> None:
    """Deliver a message as the kernel does, after a round trip through JSON."""
    content = {"comm_id": widget.comm.comm_id, "data": json.loads(json.dumps(data))}
    widget._handle_msg({"content": content, "buffers": list(buffers), "metadata": {}})


def say(panel, **content) -> None:
    deliver(panel, {"method": "custom", "content": {"event": "jsevent", **content}})


def rows(app, new, **other) -> list[int]:
    """Send selected rows of the clusters table; return the rows that the kernel has selected afterwards."""
    source = app._clusters.model.source
    (panel,) = (panel for panel in panels(app) if panel._model is app._clusters.model)
    change = {"kind": "ModelChanged", "model": {"id": source.selected.id}, "attr": "indices", "new": new}
    say(panel, **{**change, **other})
    return source.selected.indices


def test_every_panel_is_guarded(app) -> None:
    assert [type(panel) for panel in panels(app)] == [Panel] * 3
    folder = Path(lw.__file__).parent / "app"
    users = [path.name for path in folder.rglob("*.py") if "BokehModel" in path.read_text(encoding="utf-8")]
    assert users == ["panel.py"]


def test_no_message_makes_the_kernel_read_a_file(app, decoded, tmp_path) -> None:
    picture = tmp_path / "private.png"
    Image.new("RGB", (9, 9), (1, 2, 3)).save(picture)
    action = {"type": "object", "name": "CustomAction", "id": "new", "attributes": {"icon": str(picture)}}
    for panel in panels(app):
        model = {"id": panel._model.id}
        for new in ([action], action, {"type": "bytes", "data": b64encode(gzip.compress(bytes(1000))).decode()}):
            for attr in ("tags", "name", "indices", "tools"):
                say(panel, kind="ModelChanged", model=model, attr=attr, new=new)
                say(panel, kind="ModelChanged", model=action, attr=attr, new=[])
            rows(app, new)
            rows(app, [new])
            rows(app, [], model=action)
            say(panel, kind="MessageSent", msg_type="bokeh_event", msg_data=new)
            say(panel, kind="ColumnsStreamed", model=model, data={"side": [new]}, rollover=None)
            say(panel, kind="ColumnsPatched", model=model, patches={"side": [[0, new]]})
            say(panel, kind=new)
        assert panel._model.tags == []
        assert "data:image" not in json.dumps(panel.get_state(), default=str)
    assert decoded == []


@pytest.mark.parametrize("content", [None, 7, "jsevent", [], [["event", "jsevent"]], {}, {"event": ["jsevent"]}])
def test_messages_that_are_none(app, decoded, content) -> None:
    for panel in panels(app):
        deliver(panel, {"method": "custom", "content": content}, [memoryview(b"x")])
    assert decoded == []


def test_no_trait_of_a_panel_can_be_written(app) -> None:
    for panel in panels(app):
        before = {name: getattr(panel, name) for name in panel.keys}
        for name in [*panel.keys, "comm", "_model", "nothing"]:
            for value in cast(tuple[object, ...], (None, {}, [], "x", 1, True)):
                deliver(panel, {"method": "update", "state": {name: value}, "buffer_paths": []})
        assert {name: getattr(panel, name) for name in panel.keys} == before


def test_a_clicked_row_is_selected_once(app, decoded, monkeypatch) -> None:
    chosen: list[object] = []
    sent: list[object] = []
    monkeypatch.setattr(app._clusters, "_chosen", chosen.append)
    for panel in panels(app):
        monkeypatch.setattr(panel, "send", lambda *it: sent.append(it))
    assert rows(app, [2]) == [2]
    assert chosen == [2]
    assert rows(app, [2, 0]) == [2, 0]
    assert rows(app, []) == []
    assert chosen == [2, 2]
    assert sent == []  # the page that sent it already has it
    assert decoded == []


WRONG = [None, True, [True], [-1], [0.0], [1e300], ["0"], [[0]], [None], {}, "0", 0, [10**400], [99], [0] * 100]


@pytest.mark.parametrize("new", WRONG, ids=lambda value: str(value)[:20])
def test_rows_that_are_none_are_not_taken(app, new) -> None:
    assert rows(app, [1]) == [1]
    selection = app.heatmap.selection
    assert rows(app, new) == [1]
    assert app.heatmap.selection == selection


def test_rows_of_other_sources_are_not_taken(app) -> None:
    models = [model for panel in panels(app) for model in panel._model.references()]
    others = [model for model in models if isinstance(model, ColumnDataSource)]
    ids = {source.selected.id for source in others} - {app._clusters.model.source.selected.id}
    assert len(ids) >= 4
    for panel in panels(app):
        for model in [*({"id": one} for one in ids), None, {}, "", {"id": None}, {"id": ["x"]}]:
            say(panel, kind="ModelChanged", model=model, attr="indices", new=[0])
    assert all(source.selected.indices == [] for source in others if source is not app._clusters.model.source)
    assert rows(app, []) == []
    assert rows(app, {}, attr="multiline_indices") == []
    assert rows(app, [0], attr="line_indices") == []


# ipywidgets' own messages: what the user can enter, and nothing else

ENTERED = {
    "source": ("index", 1, [3.0, True, -1, 99, "1", None, []]),
    "exchange": ("index", 1, [3.0, True, -1, 99, "1", None, []]),
    "interval": ("index", 1, [3.0, True, -1, 99, "1", None, []]),
    "symbol": ("value", "ETHUSDT", ["x" * (LONGEST_TEXT + 1), None, 5, ["x"]]),
    "path": ("value", "candles.csv", ["x" * (LONGEST_TEXT + 1), None, 5, ["x"]]),
    "days": ("value", 2.5, [math.inf, math.nan, 10**400, True, "5", None, []]),
    "until": (
        "value",
        {"year": 2026, "month": 0, "date": 31},
        [{"year": 2026, "month": 1, "date": 31}, {"year": 2026}, {"year": 10**30, "month": 0, "date": 1}, "x", 5, []],
    ),
}


@pytest.mark.parametrize("name", ENTERED)
def test_a_control_takes_what_its_user_can_enter(app, name) -> None:
    control, (trait, good, bad) = getattr(app.controls, name), ENTERED[name]
    deliver(control, {"method": "update", "state": {trait: good}, "buffer_paths": []})
    taken = getattr(control, trait)
    assert taken == (date(2026, 1, 31) if name == "until" else good)
    for value in bad:
        deliver(control, {"method": "update", "state": {trait: value}, "buffer_paths": []})
        assert getattr(control, trait) == taken, value


def test_bounds_that_a_page_raises_stay(app) -> None:
    deliver(app.controls.days, {"method": "update", "state": {"max": 1e9, "value": 1e6}, "buffer_paths": []})
    assert (app.controls.days.max, app.controls.days.value) == (365.0, 365.0)


def test_no_other_trait_of_the_application_can_be_written(app) -> None:
    free = {getattr(app.controls, name): trait for name, (trait, *_) in ENTERED.items()}
    free[app._gate] = "dark"
    others = [widget for widget in widgets_in(app) if widget is not app.heatmap]
    assert len(others) > 50
    assert any(isinstance(widget, ipywidgets.Layout) for widget in others)
    for widget in others:
        before = {name: getattr(widget, name) for name in widget.keys}
        for name in [*widget.keys, "comm"]:
            if free.get(widget) != name:
                for value in ("x", 1, True, [], ["IPY_MODEL_" + app._model_id]):
                    deliver(widget, {"method": "update", "state": {name: value}, "buffer_paths": []})
        assert {name: getattr(widget, name) for name in widget.keys} == before
        deliver(widget, {"method": "update", "state": {free.get(widget, "x"): {}}, "buffer_paths": []})
        assert {name: getattr(widget, name) for name in widget.keys} == before


def test_only_a_click_of_a_button_is_heard(app, monkeypatch) -> None:
    wanted: list[object] = []
    monkeypatch.setattr(app.controls, "_load_choice", wanted.append)
    for content in cast(tuple[object, ...], (None, [], "click", {"event": ["click"]}, {"event": "click", "more": 1})):
        deliver(app.controls.button, {"method": "custom", "content": content})
    assert wanted == []
    deliver(app.controls.button, {"method": "custom", "content": {"event": "click"}})
    assert len(wanted) == 1


def test_a_page_of_many_markets_takes_nothing() -> None:
    page = lw.compare({"a": walk(60, seed=1), "b": walk(60, seed=2)}, columns=20)
    for widget in widgets_in(page._gate):
        before = {name: getattr(widget, name) for name in widget.keys}
        for name in set(widget.keys) - {"dark"}:
            for value in cast(tuple[object, ...], ("x", 1, [], {})):
                deliver(widget, {"method": "update", "state": {name: value}, "buffer_paths": []})
        assert {name: getattr(widget, name) for name in widget.keys} == before
    page.close()
