"""The public server against hostile visitors, while another visitor must not notice anything."""

from __future__ import annotations

import os
import re
import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from statistics import median

import nbformat
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection

from liqwidget.serve.channel import MOST_UNDONE
from served import Served
from visitor import Visitor, frame, pack

# The text widget makes state replies long; it is not displayed.
CELL = """import ipywidgets, liqwidget as lw
text = ipywidgets.Textarea("x" * 1_500_000)
lw.LiquidationHeatmap(lw.load_sample())"""
SECRET = "words of a file beside the notebook"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("site")
    for name in ("candles.csv", "module.py", "voila.json", ".env", "picture.png"):
        (folder / name).write_text("{}" if name == "voila.json" else SECRET)
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(CELL)])
    nbformat.write(notebook, folder / "dashboard.ipynb")
    options = ["--visitors=4", "--gone=8", "--MappingKernelManager.cull_interval=1"]
    server = Served(folder / "dashboard.ipynb", tmp_path_factory.mktemp("home"), *options)
    server.wait_until(server.heated)
    yield server
    server.stop()


class Onlooker:
    """Another visitor, who drags a slider throughout: one step per frame of 60 Hz, as a page sends them."""

    def __init__(self, served: Served) -> None:
        self.visitor = Visitor(served)
        self.comm = self.visitor.heatmap()
        self.before = sorted(self.visitor.drag(self.comm, 0.02 + i / 1000) for i in range(30))

    def __enter__(self) -> Onlooker:
        self.times: list[float] = []
        self.failed: Exception | None = None
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self._run)
        self.thread.start()
        return self

    def _run(self) -> None:
        try:
            while not self.ended.is_set() or len(self.times) < 10:
                begun = time.monotonic()
                self.times.append(self.visitor.drag(self.comm, 0.02 + len(self.times) % 40 / 1000))
                self.ended.wait(max(0.0, 1 / 60 - (time.monotonic() - begun)))
        except Exception as failed:
            self.failed = failed

    def __exit__(self, *_: object) -> None:
        self.ended.set()
        self.thread.join()
        assert self.failed is None, self.failed
        middle = median(self.before)
        assert median(self.times) <= max(10 * middle, 0.25), (middle, median(self.times))
        assert max(self.times) <= 2.0


@pytest.fixture(scope="module")
def onlooker(served: Served) -> Onlooker:
    return Onlooker(served)


@pytest.fixture(scope="module")
def hostile(served: Served) -> Visitor:
    visitor = Visitor(served)
    visitor.listen()
    return visitor


def closing(socket: ClientConnection) -> int:
    """The code with which the server closed the socket; 1006 if it dropped the connection."""
    try:
        while True:
            socket.recv(timeout=10)
    except ConnectionClosed as closed:
        return closed.rcvd.code if closed.rcvd else 1006


def test_the_page_has_no_source_no_cookie_and_every_header(served: Served, onlooker: Onlooker) -> None:
    page = onlooker.visitor
    assert "load_sample" not in page.html
    assert "import liqwidget" not in page.html
    assert "Preparing the picture" in page.html
    assert "//cdn" not in page.html
    for path in ("/", "/voila/static/voila.js", "/nothing", "/api/kernels"):
        headers = served.get(path)[1] if path != "/" else page.headers
        policy = headers["content-security-policy"]
        if headers["content-type"].startswith("text/html"):
            assert "script-src 'self' blob:;" in policy
            assert "frame-ancestors 'self'" in policy
            assert headers["referrer-policy"] == "no-referrer"
        else:
            assert policy == "default-src 'none'; frame-ancestors 'none'"
        assert headers["x-content-type-options"] == "nosniff"
        assert "set-cookie" not in headers
        assert "tornado" not in headers["server"].lower()


@pytest.mark.parametrize(
    "folder", ["/", "/voila/files/", "/voila/static/", "/voila/templates/lab/static/", "/voila/labextensions/"]
)
def test_no_path_leads_to_a_file(served: Served, folder: str) -> None:
    steps = ("", "../", "..%2f", "%2e%2e/", "%252e%252e%252f", "..%5c", "....//", "/", "%00/", "../" * 12, "..%2f" * 12)
    for step in steps:
        for name in ("dashboard.ipynb", "candles.csv", "module.py", ".env", "picture.png", "etc/passwd", ""):
            status, _, body = served.get(folder + step + name)
            if folder + step + name != "/":
                assert status in (301, 400, 403, 404), folder + step + name
            assert SECRET.encode() not in body
            assert b"root:" not in body
            assert b"Traceback" not in body


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/kernels"),
        ("POST", "/api/kernels"),
        ("GET", "/api/kernelspecs"),
        ("GET", "/api/contents"),
        ("GET", "/voila/api/contents/"),
        ("GET", "/api/sessions"),
        ("POST", "/api/terminals"),
        ("GET", "/api/status"),
        ("GET", "/voila/tree"),
        ("GET", "/voila/render/dashboard.ipynb"),
        ("GET", "/voila/query/{kernel}"),
        ("GET", "/voila/execution/{kernel}"),
        ("POST", "/api/kernels/{kernel}/interrupt"),
        ("POST", "/api/kernels/{kernel}/restart"),
        ("DELETE", "/api/kernels/{kernel}"),
        ("GET", "/login"),
        ("GET", "/logout"),
        ("GET", "/metrics"),
        ("PUT", "/"),
        ("GET", "/api/kernels/12345678-1234-1234-1234-123456789012"),
        ("POST", "/voila/api/touched/12345678-1234-1234-1234-123456789012"),
    ],
)
def test_there_is_no_other_api(served: Served, onlooker: Onlooker, method: str, path: str) -> None:
    assert served.get(path.format(kernel=onlooker.visitor.kernel), method)[0] in (404, 405)
    assert served.get(f"/api/kernels/{onlooker.visitor.kernel}")[0] == 200
    assert served.get(f"/voila/api/touched/{onlooker.visitor.kernel}", "POST")[0] == 204


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "localhost.", "[::1]", "10.0.0.1", ""])
@pytest.mark.parametrize("path", ["/", "/voila/static/voila.js", "/api/kernels/{kernel}"])
def test_other_hosts_get_nothing(served: Served, onlooker: Onlooker, host: str, path: str) -> None:
    there = len(served.kernels())
    asked = f"GET {path.format(kernel=onlooker.visitor.kernel)} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
    with socket.create_connection(("127.0.0.1", served.port), timeout=10) as line:
        line.sendall(asked.encode())
        assert b"".join(iter(lambda: line.recv(65536), b"")).split()[1] in (b"403", b"400")
    assert len(served.kernels()) <= there


@pytest.mark.parametrize(
    ("options", "status"),
    [
        ({"protocol": None}, 400),
        ({"protocol": "v2.kernel.websocket.jupyter.org"}, 400),
        ({"origin": "http://evil.example"}, 403),
        ({"origin": None}, 403),
        ({"origin": "null"}, 403),
        ({"additional_headers": {"X-Forwarded-Host": "evil.example"}, "origin": "http://evil.example"}, 403),
    ],
)
def test_sockets_without_the_protocol_or_from_elsewhere_are_refused(hostile: Visitor, options, status: int) -> None:
    with pytest.raises(InvalidStatus) as refused:
        hostile.connect(**options)
    assert refused.value.response.status_code == status


def everything() -> bytes:
    """A request for the state of all widgets: the longest reply."""
    return frame("comm_msg", {"comm_id": "c", "data": {"method": "request_states"}})


TARGET = "jupyter.widget.control"
OPEN = {"comm_id": "c", "target_name": TARGET, "data": {}}
REFUSED = {
    "execute_request": frame("execute_request", {"code": "import os; os._exit(1)", "silent": True}),
    "shutdown_request": frame("shutdown_request", {"restart": False}),
    "interrupt_request": frame("interrupt_request", {}, channel="control"),
    "control channel": frame("comm_info_request", {}, channel="control"),
    "stdin channel": frame("input_reply", {"value": "x"}, channel="stdin"),
    "create_subshell": frame("create_subshell_request", {}, channel="control"),
    "subshell": frame("comm_msg", {"comm_id": "c", "data": {}}, subshell_id="x"),
    "other comm target": frame("comm_open", {"comm_id": "x", "target_name": "jupyter.widget", "data": {}}),
    "text": '{"header": {"msg_type": "comm_msg"}}',
    "empty": b"",
    "short": b"\0" * 7,
    "count to 2^64": b"\xff" * 8,
    "count to 2^40": struct.pack("<Q", 1 << 40) + b"x" * 100,
    "offsets far away": struct.pack("<7Q", 6, 56, 1 << 62, 1 << 62, 1 << 62, 1 << 62, 1 << 62),
    "offsets backwards": struct.pack("<7Q", 6, 56, 40, 30, 20, 10, 56),
    "no utf-8": pack([b"shell", b"\xff\xfe", b"{}", b"{}", b"{}"]),
    "header is a list": pack([b"shell", b"[]", b"{}", b"{}", b"{}"]),
    "content is a list": frame("comm_msg", "[]"),
    "nan": pack([b"shell", b"{", b"{}", b"{}", b"{}"]),
    "deep content": frame("comm_msg", '{"comm_id": "c", "data": ' + "[" * 4_000 + "]" * 4_000 + "}"),
    "long content": frame("comm_open", {**OPEN, "data": "x" * 9_000}),
    "utf-16": pack([b"shell", '{"msg_type": "comm_info_request"}'.encode("utf-16"), b"{}", b"{}", b"{}"]),
    "utf-16 without a mark": pack([b"shell", b'{"msg_type": "comm_msg"}', b"{}", "{}".encode("utf-16-le"), b"{}"]),
    "utf-8 with a mark": pack([b"shell", b'\xef\xbb\xbf{"msg_type": "comm_info_request"}', b"{}", b"{}", b"{}"]),
    "list as target": frame("comm_open", {**OPEN, "target_name": ["jupyter.widget.control"]}),
    "object as target": frame("comm_info_request", {"target_name": {}}),
    "list as comm": frame("comm_msg", {"comm_id": [], "data": {}}),
    "two targets": frame("comm_open", '{"comm_id": "c", "target_name": "x", "target_name": "jupyter.widget.control"}'),
    "not a number": frame("comm_msg", '{"comm_id": "c", "data": NaN}'),
    "half a character": frame("comm_msg", {"comm_id": "c", "data": {}}, username="\ud800"),
    "long parent": pack([b"shell", b'{"msg_type": "comm_msg"}', b'{"a": "%s"}' % (b"x" * 5_000), b"{}", b"{}"]),
    "deep metadata": pack(
        [b"shell", b'{"msg_type": "comm_msg"}', b"{}", b'{"a":' * 50_000 + b"1" + b"}" * 50_000, b"{}"]
    ),
    "long header": frame("comm_msg", {}, username="x" * 5_000),
    "1,000 buffers": pack([b"shell", b'{"msg_type": "comm_msg"}', b"{}", b"{}", b"{}", *[b""] * 1_000]),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_no_page_says_ends_the_socket(hostile: Visitor, what: str) -> None:
    with hostile.connect() as socket:
        socket.send(REFUSED[what])  # type: ignore[arg-type]
        assert closing(socket) == 1008
    assert hostile.served.process.poll() is None
    assert hostile.served.get(f"/api/kernels/{hostile.kernel}")[0] == 200


def test_a_long_content_is_passed_over_and_the_widget_goes_on(served: Served, onlooker: Onlooker) -> None:
    """Other packages' widgets send such content, and wait for `idle` before they send again."""
    visitor, name = onlooker.visitor, "long"
    update = {"method": "update", "state": {"decay_rate": 0.123, "more": "x" * 100_000}, "buffer_paths": []}
    visitor.socket.send(frame("comm_msg", {"comm_id": onlooker.comm, "data": update}, msg_id=name))
    visitor.until(lambda head, body: body.get("execution_state") == "idle" and visitor.parent == name)
    assert visitor.widgets()[onlooker.comm]["state"]["decay_rate"] != 0.123


def test_the_most_expensive_frames_of_one_visitor_do_not_stall_others(hostile: Visitor, onlooker: Onlooker) -> None:
    nested = '{"comm_id": "c", "data": [' + ("[" * 400 + "]" * 400 + ",") * 2_600 + "0]}"
    with onlooker, hostile.connect() as socket, suppress(ConnectionClosed):
        for _ in range(10):
            socket.send(frame("comm_msg", nested))
        for _ in range(300):
            socket.send(frame("comm_msg", '{"comm_id": "c", "data": [' + "{}," * 2_600 + "0]}"))


@pytest.mark.parametrize("bits", [b"\x00", b"\x8a"], ids=["fragments", "pongs"])
def test_frames_that_no_handler_is_told_of_cost_the_server_little(hostile: Visitor, bits: bytes) -> None:
    ticks = Path(f"/proc/{hostile.served.process.pid}/stat")
    with hostile.connect() as socket:
        if bits == b"\x00":
            socket.socket.sendall(b"\x02\x80\0\0\0\0")
        before, begun = sum(map(int, ticks.read_text().split()[13:15])), time.monotonic()
        with suppress(OSError):
            while time.monotonic() < begun + 30:
                socket.socket.sendall((bits + b"\x80\0\0\0\0") * 10_000)
        used, seconds = sum(map(int, ticks.read_text().split()[13:15])) - before, time.monotonic() - begun
    assert seconds < 30  # the socket is cut off
    assert used - 2 < 0.5 * seconds * os.sysconf("SC_CLK_TCK")  # two ticks of tolerance


def test_a_message_of_11_mib_ends_the_socket_of_its_sender(hostile: Visitor, onlooker: Onlooker) -> None:
    with onlooker, hostile.connect() as socket:
        with suppress(ConnectionClosed):
            socket.send(frame("comm_msg", {"comm_id": "c", "data": "x" * (11 << 20)}))
        assert closing(socket) in (1006, 1009)
    assert hostile.served.get(f"/api/kernels/{hostile.kernel}")[0] == 200


def test_bytes_that_are_no_websocket_frames_end_the_socket(hostile: Visitor, onlooker: Onlooker) -> None:
    junk = (os.urandom(4096), b"\xff" * 64, b"\x82\xff" + b"\xff" * 12, b"\x82\x7f" + b"\x7f" * 8, b"\x09\xfe\xff\xff")
    with onlooker:
        for data in junk:
            with hostile.connect() as socket:
                socket.socket.sendall(data)
                assert closing(socket) > 1000
    assert hostile.served.process.poll() is None


def test_a_flood_of_comms_is_cut_off(hostile: Visitor, onlooker: Onlooker) -> None:
    with onlooker, hostile.connect() as socket:
        with suppress(ConnectionClosed):
            for number in range(100_000):
                socket.send(frame("comm_open", {**OPEN, "comm_id": f"c{number}"}))
        assert closing(socket) in (1006, 1008)
    assert hostile.served.get(f"/api/kernels/{hostile.kernel}")[0] == 200


def test_a_flood_of_messages_waits_in_the_line_of_its_sender(hostile: Visitor, onlooker: Onlooker) -> None:
    """Sent as fast as the connection allows, requesting the most expensive reply there is."""
    with onlooker, hostile.connect() as socket:
        socket.send(frame("comm_open", OPEN))
        stop = time.monotonic() + 4

        def flood() -> None:
            try:
                while time.monotonic() < stop:
                    socket.send(everything())
            except ConnectionClosed:
                pass

        thread = threading.Thread(target=flood)
        thread.start()
        received = 0
        begun = time.monotonic()
        while time.monotonic() < stop:
            try:
                received += len(socket.recv(timeout=1))
            except TimeoutError:
                continue
            except ConnectionClosed:
                break
        rate = received / (time.monotonic() - begun)
        with suppress(OSError):
            socket.socket.shutdown(2)
        thread.join()
    assert rate < 60 << 20
    assert hostile.served.process.poll() is None


def test_who_does_not_fetch_answers_is_dropped(served: Served, onlooker: Onlooker) -> None:
    """The replies would accumulate in the server."""
    with onlooker:
        visitor = Visitor(served)  # with its own budgets, unused by other tests
        visitor.listen()
        line = visitor.connect(max_queue=1)
        with suppress(ConnectionClosed, TimeoutError):
            line.send(frame("comm_open", OPEN))
            for _ in range(MOST_UNDONE - 1):
                line.send(everything())
        served.wait_until(lambda: "does not fetch" in served.said(), 20)
        visitor.socket.close()
        served.wait_until(lambda: served.get(f"/api/kernels/{visitor.kernel}")[0] == 404)
    resident = int(Path(f"/proc/{served.process.pid}/statm").read_text().split()[1]) * 4096
    assert resident < 400 << 20


def test_one_page_has_few_sockets(hostile: Visitor) -> None:
    status, opened = 0, 0
    with ExitStack() as stack:
        while opened < 10 and not status:
            try:
                stack.enter_context(hostile.connect())
                opened += 1
            except InvalidStatus as refused:
                status = refused.response.status_code
    assert status == 429
    assert opened <= 3


def test_log_lines_cannot_be_forged_and_repeats_are_few(served: Served, onlooker: Onlooker) -> None:
    line, before = "\n[Dashboard] WARNING | FORGED", len(served.said())
    for path in ("/voila/static/", "/voila/labextensions/", "/"):
        served.get(path + "%0a[Dashboard]%20WARNING%20|%20FORGED%0d%1b[2J%1b]0;owned%07%e2%80%ae%c2%85")
    sent = "GET /voila/static/%0aFORGED HTTP/1.1\r\nHost: {}\r\nReferer: \x1b[2J\x9b\r\nUser-Agent: \x1b[31m\r\n\r\n"
    with socket.create_connection(("127.0.0.1", served.port), timeout=10) as connection:
        connection.sendall(sent.format(served.host).encode())
        connection.recv(100)
    for content in ({"comm_id": onlooker.comm, "data": {"method": "x" + line}}, {"comm_id": "nothing", "data": {}}):
        onlooker.visitor.socket.send(frame("comm_msg", content))
    served.wait_until(lambda: "widget msg with method" in served.said())
    said = served.said()[before:]
    assert "FORGED" in said
    assert all(text.startswith(("[tornado.", "    | ")) for text in said.splitlines() if "FORGED" in text)
    assert all(text.isprintable() for text in said.split("\n"))
    before = len(served.said())
    for _ in range(40):
        served.get("/voila/static/" + "a" * 15_000)
    assert len(served.said()) - before < 20_000


def test_half_requests_and_long_ones_are_ended(served: Served) -> None:
    with socket.create_connection(("127.0.0.1", served.port), timeout=10) as line, suppress(ConnectionError):
        line.sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: " + b"x" * 70_000)
        assert line.recv(100).split()[1:2] in ([], [b"400"], [b"431"])
    with socket.create_connection(("127.0.0.1", served.port), timeout=10) as line:
        line.sendall(b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 99999999\r\n\r\n")
        assert line.recv(100).split()[1:2] in ([], [b"400"], [b"413"])


def test_the_memory_of_a_kernel_is_bounded_and_it_yields_to_the_server(served: Served, onlooker: Onlooker) -> None:
    for pid in served.kernels():
        limits = Path(f"/proc/{pid}/limits").read_text()
        assert [line.split()[3:5] for line in limits.splitlines() if line.startswith("Max data size")] == [
            [str(1024 << 20)] * 2
        ]
        assert os.getpriority(os.PRIO_PROCESS, pid) > os.getpriority(os.PRIO_PROCESS, served.process.pid)
        environment = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
        assert b"OMP_NUM_THREADS=1" in environment


def test_kernels_end_soon_when_nobody_is_there(served: Served, onlooker: Onlooker, hostile: Visitor) -> None:
    hostile.socket.close()
    served.wait_until(lambda: len(served.kernels()) == 2, 60)  # whatever the visitor has sent
    left, never = Visitor(served), served.get("/")
    left.socket.close()
    assert never[0] == 200
    served.wait_until(lambda: served.get(f"/api/kernels/{left.kernel}")[0] == 404)
    served.wait_until(lambda: len(served.kernels()) == 2)  # those of the onlooker and of the heated kernel
    assert served.get(f"/api/kernels/{onlooker.visitor.kernel}")[0] == 200


def test_more_visitors_than_places_are_asked_to_wait(served: Served, onlooker: Onlooker) -> None:
    with onlooker:
        others = [Visitor(served) for _ in range(3)]
        status, headers, body = served.get("/")
        assert status == 503
        assert int(headers["retry-after"]) > 0
        # In words, or with the picture of a preheated kernel if there has been one.
        assert re.search(r"All (\d+ )?places are taken", body.decode())
        assert len(served.kernels()) <= 4 + 1
        others[0].socket.close()
        served.get(f"/voila/api/shutdown/{others[0].kernel}", "POST")
        served.wait_until(lambda: served.get("/")[0] == 200)
    for other in others:
        other.socket.close()
