"""Parameters of the address reach the notebook, those that it reads and no others."""

from __future__ import annotations

import json
from collections.abc import Iterator

import nbformat
import pytest

from liqwidget.serve.query import LONGEST_VALUE, MOST_VALUES, QueryRefusedError, asked_of
from served import Served

CELL = "import os\nprint('asked', repr(os.environ.get('QUERY_STRING')), repr(os.environ.get('VOILA_REQUEST_URL')))"


@pytest.mark.parametrize(
    ("query", "kept"),
    [
        ("symbol=ETHUSDT", "symbol=ETHUSDT"),
        ("view=1&mix=10:60&palette=viridis", ""),
        ("symbol=a&symbol=b&other=c&days=7", "symbol=a&symbol=b&days=7"),
        ("symbol=", "symbol="),
        ("symbol", "symbol="),
        ("symbol=%F0%9D%94%B8+%26%3D%27%22%3B%24%28x%29", "symbol=%F0%9D%94%B8+%26%3D%27%22%3B%24%28x%29"),
        ("symbol=<b>é", "symbol=%3Cb%3E%C3%A9"),
        ("other=%00%0A" + "x" * 10_000, ""),
        ("", ""),
    ],
)
def test_only_what_the_notebook_reads_is_kept_in_one_spelling(query: str, kept: str) -> None:
    assert asked_of(query, ["symbol", "days"]) == kept
    assert kept.isascii()


@pytest.mark.parametrize(
    "query",
    [
        "symbol=" + "x" * (LONGEST_VALUE + 1),
        "symbol=a%00b",
        "symbol=a%0Ab",
        "symbol=%1b[31m",
        "symbol=%E2%80%AE",
        "symbol=%ff",
        "&".join(["symbol=x"] * (MOST_VALUES + 1)),
        "&".join(["other=x"] * 1_001),
    ],
)
def test_values_that_nobody_types_are_refused(query: str) -> None:
    with pytest.raises(QueryRefusedError):
        asked_of(query, ["symbol"])


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    path = tmp_path_factory.mktemp("site") / "page.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(CELL)]), path)
    server = Served(path, tmp_path_factory.mktemp("home"), "--query=symbol", "--gone=3")
    server.wait_until(server.heated)
    yield server
    server.stop()


def test_a_visitor_who_asks_gets_a_kernel_that_knows_and_the_next_one_does_not(served: Served) -> None:
    page = served.get("/?symbol=ETHUSDT&fbclid=track")[2].decode()
    assert "asked &#39;symbol=ETHUSDT&#39;" in page or "asked 'symbol=ETHUSDT'" in json.dumps(page)
    assert "fbclid" not in page
    assert "Using pre-heated kernel" not in served.said()
    page = served.get("/?view=1&range=24h&theme=dark&secret=words")[2].decode()
    assert "asked None" in page
    assert served.said().count("Using pre-heated kernel") == 1
    served.wait_until(served.heated)
    page = served.get("/")[2].decode()
    assert "asked None" in page
    assert "secret" not in page


def test_a_hostile_value_is_refused_and_cannot_forge_a_log_line(served: Served) -> None:
    there = len(served.kernels())
    for value in ("x" * 300, "a%0A[Dashboard] forged", "%1b[2J", "%ff"):
        status, _, body = served.get(f"/?symbol={value.replace(' ', '%20')}")
        assert status == 400
        assert b"This address does not work" in body
    assert len(served.kernels()) <= there
    assert "\x1b" not in served.said()
    assert not any(line.startswith("[Dashboard] forged") for line in served.said().splitlines())
