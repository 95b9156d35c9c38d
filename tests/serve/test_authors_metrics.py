"""Counts of the server, for those who are named and for nobody else."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress

import nbformat
import pytest
from prometheus_client.parser import text_string_to_metric_families
from websockets.exceptions import ConnectionClosed

from liqwidget.serve.metrics import FORWARDED, memory_of
from served import Served
from visitor import Visitor


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    path = tmp_path_factory.mktemp("site") / "page.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("x = 1")]), path)
    server = Served(path, tmp_path_factory.mktemp("home"), "--metrics=127.0.0.0/8", "--visitors=1", "--pool=0")
    yield server
    server.stop()


def counts(served: Served) -> dict[str, float]:
    status, headers, body = served.get("/voila/api/metrics")
    assert status == 200
    assert headers["content-type"].startswith("text/plain; version=")
    families = text_string_to_metric_families(body.decode())
    return {sample.name: sample.value for family in families for sample in family.samples}


def test_visits_places_memory_and_refused_messages_are_counted(served: Served) -> None:
    before = counts(served)
    assert (before["liqwidget_visits_total"], before["liqwidget_kernels"], before["liqwidget_places"]) == (0, 0, 1)
    visitor = Visitor(served)
    assert served.get("/")[0] == 503
    visitor.socket.send(b"no frame")
    with suppress(ConnectionClosed):
        while True:
            visitor.socket.recv(timeout=10)
    after = counts(served)
    assert after["liqwidget_visits_total"] == 1
    assert after["liqwidget_turned_away_total"] == 1
    assert after["liqwidget_messages_refused_total"] == 1
    assert (after["liqwidget_visitors"], after["liqwidget_kernels"], after["liqwidget_waiting"]) == (1, 1, 0)
    assert 20e6 < after["liqwidget_kernels_memory_bytes"] < 1e9
    assert after["liqwidget_largest_kernel_memory_bytes"] == after["liqwidget_kernels_memory_bytes"]


@pytest.mark.parametrize("name", FORWARDED)
def test_what_a_proxy_forwards_is_not_answered(served: Served, name: str) -> None:
    status, _, body = served.get("/voila/api/metrics", **{name: "203.0.113.7"})
    assert status == 404
    assert b"liqwidget_" not in body


def test_other_addresses_learn_nothing(tmp_path_factory: pytest.TempPathFactory, served: Served) -> None:
    path = tmp_path_factory.mktemp("site") / "page.ipynb"
    nbformat.write(nbformat.v4.new_notebook(), path)
    server = Served(path, tmp_path_factory.mktemp("home"), "--metrics=203.0.113.7", "--pool=0")
    try:
        assert server.get("/voila/api/metrics")[0] == 404
        assert server.get("/voila/api/metrics", **{"X-Forwarded-For": "203.0.113.7"})[0] == 404
    finally:
        server.stop()


def test_the_memory_of_a_process_is_known_until_it_ends() -> None:
    assert 10e6 < memory_of(os.getpid()) < 10e9
    assert memory_of(2**22 + 1) == 0
