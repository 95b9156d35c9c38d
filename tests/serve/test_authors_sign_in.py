"""Optional sign-in: nothing but health and robots.txt is reached without it."""

from __future__ import annotations

import http.client
import re
from collections.abc import Iterator
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import nbformat
import pytest
from jupyter_server.auth import passwd
from tornado.httputil import HTTPHeaders, HTTPServerRequest, RequestStartLine
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from liqwidget.serve.sign_in import COOKIE, REFILL, Gate, is_from, networks
from served import Served
from visitor import PROTOCOL

WORD = "pass word %&ü"
HASH = passwd(WORD)


def request_with(**headers: str) -> HTTPServerRequest:
    given = HTTPHeaders({"Host": "localhost"} | {name.replace("_", "-"): value for name, value in headers.items()})
    return HTTPServerRequest(headers=given, start_line=RequestStartLine("GET", "/", "HTTP/1.1"))


def notebook(folder: Path) -> Path:
    path = folder / "page.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("# Behind <a> sign-in")]), path)
    return path


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    path = notebook(tmp_path_factory.mktemp("site"))
    server = Served(path, tmp_path_factory.mktemp("home"), f"--password={HASH}", "--pool=0")
    yield server
    server.stop()


def post(served: Served, password: str, path: str = "/", **headers: str) -> tuple[int, Any, str]:
    line = http.client.HTTPConnection("127.0.0.1", served.port, timeout=60)
    try:
        given = {"Content-Type": "application/x-www-form-urlencoded", "Origin": f"http://{served.host}", **headers}
        line.request("POST", path, urlencode({"password": password}), given)
        answer = line.getresponse()
        return answer.status, answer.headers, answer.read().decode()
    finally:
        line.close()


@pytest.fixture(scope="module")
def cookie(served: Served) -> str:
    status, headers, _ = post(served, WORD, "/?symbol=x")
    assert (status, headers["Location"]) == (303, "/?symbol=x")
    found = SimpleCookie(headers["Set-Cookie"])[COOKIE]
    assert found["httponly"]
    assert (found["samesite"], found["path"], found["secure"]) == ("Strict", "/", "")
    return f"{COOKIE}={found.value}"


def test_the_form_is_all_that_a_stranger_gets(served: Served, cookie: str) -> None:
    status, headers, body = served.get("/")
    assert status == 401
    assert b"<h1>Behind &lt;a&gt; sign-in</h1>" in body
    assert b'type="password"' in body
    assert b"kernelId" not in body
    assert "form-action 'self'" in headers["content-security-policy"]
    status, _, body = served.get("/", Cookie=cookie)
    assert status == 200
    assert b"kernelId" in body


def test_each_route_of_the_server_needs_the_sign_in(served: Served, cookie: str) -> None:
    html = served.get("/", Cookie=cookie)[2].decode()
    kernel = re.search(r'"kernelId": "([0-9a-f-]{36})"', html)[1]
    (script,) = set(re.findall(r'<script src="(/voila/static/[^"]*dashboard.js)"', html))
    routes = [
        ("GET", script),
        ("GET", f"/api/kernels/{kernel}"),
        ("POST", f"/voila/api/touched/{kernel}"),
        ("GET", "/voila/api/preview.png"),
        ("GET", "/voila/labextensions/anywidget/package.json"),
        ("POST", f"/voila/api/shutdown/{kernel}"),
        ("HEAD", "/voila/static/favicon.svg"),
        ("GET", "/nothing"),
        ("GET", "//"),
        ("PUT", "/voila/api/health/"),
    ]
    for method, path in routes:
        assert served.get(path, method)[0] == 401, path
    assert served.get("/", "HEAD")[0] == 405
    address = f"ws://{served.host}/api/kernels/{kernel}/channels?session_id=x"
    options: Any = {"subprotocols": [PROTOCOL], "origin": served.url.rstrip("/")}
    with pytest.raises(InvalidStatus) as refused, connect(address, **options):
        pass
    assert refused.value.response.status_code == 401
    with connect(address, **options, additional_headers={"Cookie": cookie}):
        pass
    assert served.get(script, Cookie=cookie)[0] == 200
    assert served.get("/voila/api/health")[0] == 200
    assert served.get("/robots.txt")[0] == 200


def test_a_cookie_cannot_be_made_or_changed(served: Served, cookie: str) -> None:
    until, _, code = cookie.partition("=")[2].partition(".")
    other = Gate(HASH, "", [], b"another secret")
    for value in (
        "",
        ".",
        until,
        f"{until}.",
        f"{int(until) + 1}.{code}",
        f"{until}.{code[:-1]}",
        "²." + code,
        other.pass_for(60),
    ):
        assert (
            served.get("/voila/static/favicon.svg", Cookie=f"{COOKIE}={value}".encode().decode("latin-1"))[0] == 401
        ), value
    assert served.get("/voila/static/favicon.svg", Cookie=cookie)[0] == 200


def test_a_sign_in_ends_and_depends_on_the_password() -> None:
    def admits(gate: Gate, value: str) -> bool:
        return gate.admits(request_with(Cookie=f"{COOKIE}={value}"))

    gate = Gate(HASH, "", [], b"secret")
    assert admits(gate, gate.pass_for(60))
    assert not admits(gate, gate.pass_for(-1))
    assert not admits(Gate(passwd("other"), "", [], b"secret"), gate.pass_for(60))
    assert not admits(gate, "")


def test_a_page_of_another_site_cannot_sign_in(served: Served) -> None:
    assert post(served, WORD, Origin="http://evil.example")[0] == 403
    assert post(served, WORD, Origin="null")[0] == 403
    assert post(served, WORD, "//evil.example/")[0] == 401
    assert post(served, WORD, **{"X-Forwarded-Proto": "https"})[1]["Set-Cookie"].endswith("; Secure")


def test_wrong_passwords_are_refused_and_soon_counted(tmp_path: Path) -> None:
    options = (f"--password={HASH}", "--Dashboard.password_tries=4", "--pool=0")
    server = Served(notebook(tmp_path), tmp_path / "home", *options)
    try:
        assert post(server, WORD)[0] == 303  # the right one is not counted
        for word in (WORD + " ", "x" * 5_000, HASH, "\0"):
            status, _, body = post(server, word)
            assert status == 401
            assert "That is not the password." in body
        said = [post(server, "wrong")[0] for _ in range(4)]
        assert 429 in said
        status, headers, body = post(server, WORD)  # the right one has to wait as well
        assert (status, headers["Retry-After"]) == (429, str(REFILL // 4))
        assert "Too many wrong passwords" in body
        assert WORD not in server.said()
        assert HASH not in server.said()
    finally:
        server.stop()


def test_a_proxy_names_the_user(tmp_path: Path) -> None:
    server = Served(notebook(tmp_path), tmp_path / "home", "--user_header=X-Forwarded-User", "--pool=0")
    try:
        assert server.get("/")[0] == 401
        assert server.get("/", **{"X-Forwarded-User": " "})[0] == 401
        assert server.get("/voila/static/favicon.svg")[0] == 401
        assert server.get("/voila/static/favicon.svg", **{"X-Forwarded-User": "ada"})[0] == 200
        status, headers, _ = server.get("/", **{"X-Forwarded-User": "ada"})
        assert status == 200
        assert "form-action 'none'" in headers["content-security-policy"]
    finally:
        server.stop()


@pytest.mark.parametrize(
    ("address", "known"),
    [("127.0.0.1", True), ("::1", True), ("10.1.2.3", True), ("10.2.0.1", False), ("fe80::1%eth0", False), ("", False)],
)
def test_only_named_addresses_are_believed(address: str, known: bool) -> None:
    request = request_with(X_User="ada")
    request.remote_ip = address
    names = ["127.0.0.1", "::1", "10.1.0.0/16"]
    assert is_from(request, networks(names)) is known
    assert Gate("", "X-User", names, b"").admits(request) is known


@pytest.mark.parametrize(
    ("password", "header", "said"),
    [
        ("", "", None),
        (HASH, "", None),
        ("", "X-User", None),
        ("secret", "", "password: wanted a hash that begins with argon2:"),
        ("sha1:abc:def", "", "password: wanted a hash"),
        ("argon2:$argon2id$v=19", "", "password: wanted a hash"),
        (HASH, "X-User", "user_header: wanted one way to sign in"),
    ],
)
def test_options_that_cannot_work_are_named(password: str, header: str, said: str | None) -> None:
    fault = Gate(password, header, [], b"").fault()
    assert (fault is None) if said is None else str(fault).startswith(said)
    assert "secret" not in str(fault)
