"""Exceptions in a served notebook: what visitors see, and what its author finds in the log."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import nbformat
import pytest

from served import Served
from visitor import Visitor, frame, parent_of, unpack

CELL = """
import sys, threading
import ipywidgets as w
SECRET = "/folder/of/the/author"
count = w.HTML("0")
def counts(_): count.value = str(int(count.value) + 1)
def callback(_): raise ValueError(SECRET + " callback\\n[Dashboard] WARNING | FORGED \\x1b[2J")
def thread(_): threading.Thread(target=callback, args=(_,)).start()
def base(_): raise BaseException(SECRET + " base")
def within(_):
    with out: raise ValueError(SECRET + " within")
out, early, slider = w.Output(), w.Output(), w.IntSlider(description="slider")
def observer(_): raise ValueError(SECRET + " observer")
def message(*_): raise ValueError(SECRET + " message")
slider.observe(observer, "value")
slider.on_msg(message)
buttons = []
for f in (counts, callback, thread, base, within):
    buttons.append(w.Button(description=f.__name__))
    buttons[-1].on_click(f)
with early:
    print(SECRET + " warning", file=sys.stderr)
    raise ValueError(SECRET + " early")
"""
SENTENCE = "That did not work. The page goes on"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    cells = [
        nbformat.v4.new_code_cell(CELL),
        nbformat.v4.new_code_cell("w.VBox([count, *buttons, slider, out, early])"),
    ]
    notebook = tmp_path_factory.mktemp("site") / "page.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=cells), notebook)
    server = Served(notebook, tmp_path_factory.mktemp("home"), "--pool=1")
    server.wait_until(server.heated)
    yield server
    server.stop()


@pytest.fixture(scope="module")
def visitor(served: Served) -> Visitor:
    return Visitor(served)


def named(visitor: Visitor, description: str) -> str:
    states = visitor.widgets()
    return next(name for name, widget in states.items() if widget["state"].get("description") == description)


def exchange(visitor: Visitor, comm: str, data: dict) -> list[bytes]:
    """Send a message; return the replies until the kernel has finished it."""
    name = uuid4().hex
    visitor.socket.send(frame("comm_msg", {"comm_id": comm, "data": data}, msg_id=name))
    came: list[Any] = []
    while True:
        came.append(visitor.socket.recv(timeout=20))
        head, body = unpack(came[-1])
        if head["msg_type"] == "status" and body["execution_state"] == "idle" and parent_of(came[-1]) == name:
            return came


CLICK = {"method": "custom", "content": {"event": "click"}}
UPDATE = {"method": "update", "state": {"value": 7}, "buffer_paths": []}


@pytest.mark.parametrize(
    ("description", "data", "logged"),
    [
        ("callback", CLICK, "/folder/of/the/author callback"),
        ("base", CLICK, "/folder/of/the/author base"),
        ("slider", UPDATE, "/folder/of/the/author observer"),
        ("slider", CLICK, "/folder/of/the/author message"),
        ("slider", {"method": "update", "state": {"value": "x"}, "buffer_paths": []}, "TraitError: "),
        ("thread", CLICK, "/folder/of/the/author callback"),
    ],
)
def test_a_page_goes_on_after_an_exception(
    served: Served, visitor: Visitor, description: str, data: dict, logged: str
) -> None:
    comm, counts, before = named(visitor, description), named(visitor, "counts"), len(served.said())
    if description == "base":  # ipykernel sends no `idle` after it
        visitor.socket.send(frame("comm_msg", {"comm_id": comm, "data": data}))
        came: list[Any] = []
    else:
        came = exchange(visitor, comm, data)
    for _ in range(2):
        came += exchange(visitor, counts, CLICK)
    assert any(b'"value": "' in data or b'"value":"' in data for data in came)
    assert not any(b"/folder" in data or b"Traceback" in data or b"ipywidgets/" in data for data in came)
    errors = [unpack(data)[1] for data in came if unpack(data)[0]["msg_type"] == "error"]
    if description not in ("thread", "base"):
        assert [error["traceback"][0].startswith(SENTENCE) for error in errors] == [True]
    served.wait_until(lambda: logged in served.said()[before:])
    lines = [line for line in served.said()[before:].splitlines() if logged in line and "raise" not in line]
    assert len(lines) == 1
    assert lines[0].startswith("    | ")
    assert "\x1b" not in served.said()
    assert not any(line.startswith("[Dashboard] WARNING | FORGED") for line in served.said().splitlines())


def test_an_output_widget_shows_no_traceback_of_a_cell(served: Served, visitor: Visitor) -> None:
    states = str(visitor.widgets())
    assert "/folder" not in states
    assert SENTENCE in states
    assert "/folder" not in visitor.html
