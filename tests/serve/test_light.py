"""What a visit costs on the line: files compressed once and kept by the browser, little on the socket."""

from __future__ import annotations

import gzip
import json
import posixpath
import re
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import brotli
import pytest
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin, Subprotocol

from liqwidget.serve.files import BEST, FAST, Version, accepted
from served import DASHBOARD, Served
from visitor import PROTOCOL, Visitor, frame, unpack

CONFIG = r'<script id="jupyter-config-data" type="application/json">(.*?)</script>'


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    server = Served(DASHBOARD, tmp_path_factory.mktemp("home"))
    server.wait_until(server.heated)
    yield server
    server.stop()


@pytest.fixture(scope="module")
def visitor(served: Served) -> Visitor:
    return Visitor(served)


@pytest.fixture(scope="module")
def folder(visitor: Visitor) -> str:
    """Path of the page's files, without the first slash."""
    (config,) = re.findall(CONFIG, visitor.html)
    return json.loads(config)["fullStaticUrl"]


def test_a_file_has_one_address(served: Served, visitor: Visitor) -> None:
    (config,) = re.findall(CONFIG, visitor.html)
    page = json.loads(config)
    (load,) = [one["load"] for one in page["federated_extensions"] if one["name"] == "anywidget"]
    path = posixpath.normpath(f"{page['fullLabextensionsUrl']}/anywidget/{load}")  # as a browser does
    assert served.get(path)[1]["cache-control"] == "public, max-age=31536000, immutable"
    for other in (path.replace("/static/", "/./static/"), path.replace("/static/", "/static/../static/")):
        assert served.get(other)[0] == 404, other


@pytest.mark.parametrize(
    ("header", "encoding"),
    [
        ("gzip, deflate, br, zstd", "br"),
        ("gzip, deflate", "gzip"),
        ("br;q=0, gzip;q=0.5", "gzip"),
        ("BR ; q=1.0", "br"),
        ("identity", None),
        ("", None),
        ("gzip;q=much", None),
        (", ;;=,br;q=", "br"),
    ],
)
def test_a_browser_gets_an_encoding_that_it_accepts(header: str, encoding: str | None) -> None:
    assert accepted(header) == encoding


def test_a_file_is_the_same_in_each_encoding_and_kept_for_good(served: Served, folder: str) -> None:
    for path in (f"{folder}/voila.js", f"{folder}/dashboard.css", f"{folder}/index.js", f"{folder}/bokeh.min.js"):
        status, headers, plain = served.get(path)
        assert status == 200
        assert "content-encoding" not in headers
        for encoding, unpack_body in (("br", brotli.decompress), ("gzip", gzip.decompress)):
            status, headers, body = served.get(path, **{"Accept-Encoding": encoding})
            assert (status, headers["content-encoding"], headers["vary"]) == (200, encoding, "Accept-Encoding")
            assert headers["cache-control"] == "public, max-age=31536000, immutable"
            assert unpack_body(body) == plain
            assert len(body) < 0.5 * len(plain)
            assert int(headers["content-length"]) == len(body)
            again = served.get(path, **{"Accept-Encoding": encoding, "If-None-Match": headers["etag"]})
            assert (again[0], again[2]) == (304, b"")
            status, headers, nothing = served.get(path, "HEAD", **{"Accept-Encoding": encoding})
            assert (status, nothing) == (200, b"")


def test_files_of_another_version_are_not_served_under_its_address(served: Served, folder: str) -> None:
    parent, digest = folder.rsplit("/", 1)
    other = "0" * len(digest)
    assert served.get(f"{parent}/{other}/voila.js")[0] == 404
    assert served.get(f"{parent}/voila.js")[1]["cache-control"] == "public, max-age=3600"
    for path in (
        f"{folder}/../{digest}/../../x",
        f"{folder}/..%2f..%2fserver.py",
        f"{folder}/__init__.py",
        f"{folder}/widget.js",
    ):
        assert served.get(path, **{"Accept-Encoding": "br"})[0] in (403, 404)


def test_the_better_packing_is_smaller_and_says_the_same(tmp_path: Any) -> None:
    path = tmp_path / "words.js"
    path.write_text("".join(f"export const word{i} = {i * i};\n" for i in range(5_000)))
    for encoding, undo in (("br", brotli.decompress), ("gzip", gzip.decompress)):
        version = Version(str(path), 1, 1, encoding)
        fast, best = version.packed(FAST), version.packed(BEST)
        assert undo(fast) == undo(best) == path.read_bytes()
        assert len(best) < len(fast)


def asked_states(socket: ClientConnection) -> tuple[dict[str, Any], int]:
    """States of all widgets, and the bytes of all messages until they came."""
    comm, size = uuid4().hex, 0
    socket.send(frame("comm_open", {"comm_id": comm, "target_name": "jupyter.widget.control", "data": {}}))
    socket.send(frame("comm_msg", {"comm_id": comm, "data": {"method": "request_states"}}))
    while True:
        message: Any = socket.recv(timeout=20)
        size += len(message)
        head, body = unpack(message)
        if head["msg_type"] == "comm_msg" and body["comm_id"] == comm:
            return body["data"]["states"], size


def test_the_socket_brings_no_script_and_no_panel_that_nobody_sees(served: Served, visitor: Visitor) -> None:
    origin = Origin(served.url.rstrip("/"))
    address = f"ws://{served.host}/api/kernels/{visitor.kernel}/channels?session_id={uuid4()}"
    with connect(address, subprotocols=[Subprotocol(PROTOCOL)], origin=origin, max_size=None) as socket:
        assert "permessage-deflate" in socket.response.headers["Sec-WebSocket-Extensions"]
        states, size = asked_states(socket)
        gate = next(name for name, one in states.items() if {"dark", "version"} <= one["state"].keys())
        fresh = {"comm_id": gate, "data": {"method": "custom", "content": {"type": "fresh"}}}
        socket.send(frame("comm_msg", fresh))
        later, _ = asked_states(socket)  # as a page does when it has reconnected
    assert size < 250_000
    assert any("decay_rate" in one["state"] for one in states.values())
    esm = [one["state"]["_esm"] for one in states.values() if "decay_rate" in one["state"]]
    assert [len(text) < 1_000 for text in esm] == [True]
    bundles = [one["state"]["render_bundle"] for one in states.values() if "render_bundle" in one["state"]]
    assert bundles == ["{}"] * 3
    assert [
        len(one["state"]["render_bundle"]) > 1_000 for one in later.values() if "render_bundle" in one["state"]
    ] == [True] * 3
