"""Memory of all kernels together: the bound of the unit, and kernels that have grown."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from pathlib import Path
from typing import Any

import nbformat
import pytest
from websockets.exceptions import ConnectionClosed

from liqwidget.serve.memory import Ceiling, ceiling, needed, shortage
from served import Served
from visitor import Visitor, frame

GROWING = """import ipywidgets
held = []
grow = ipywidgets.Button(description="grow")
grow.on_click(lambda _: held.append(b"x" * (300 << 20)))
display(grow)"""


def files(root: Path, **contents: str) -> Path:
    for name, text in contents.items():
        path = root / name.replace("__", "/").replace("_max", ".max").replace("memory_limit", "memory.limit")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


MEMINFO = {"proc__meminfo": "MemTotal:       16777216 kB\nMemFree: 1 kB\n"}
V2 = {"proc__self__cgroup": "0::/system.slice/liqwidget.service\n"}


@pytest.mark.parametrize(
    ("contents", "wanted"),
    [
        ({}, None),
        (MEMINFO, Ceiling(16_384, "this machine")),
        ({**MEMINFO, **V2, "sys__fs__cgroup__system.slice__liqwidget.service__memory_max": "max\n"}, 16_384),
        ({**MEMINFO, **V2, "sys__fs__cgroup__system.slice__liqwidget.service__memory_max": f"{8 << 30}\n"}, 8_192),
        ({**MEMINFO, **V2, "sys__fs__cgroup__system.slice__memory_max": f"{4 << 30}\n"}, 4_096),
        ({**MEMINFO, "proc__self__cgroup": "0::/\n", "sys__fs__cgroup__memory_max": f"{2 << 30}\n"}, 2_048),
        (
            {
                **MEMINFO,
                "proc__self__cgroup": "4:cpu,memory:/docker/1\n1:name=systemd:/x\n",
                "sys__fs__cgroup__memory__docker__1__memory_limit_in_bytes": f"{1 << 30}\n",
            },
            1_024,
        ),
        (
            {
                **MEMINFO,
                "proc__self__cgroup": "4:memory:/\n",
                "sys__fs__cgroup__memory__memory_limit_in_bytes": "9223372036854771712\n",
            },
            16_384,
        ),
    ],
)
def test_the_lowest_limit_counts(tmp_path: Path, contents: dict[str, str], wanted: Any) -> None:
    found = ceiling(files(tmp_path, **contents))
    assert (found if wanted is None or isinstance(wanted, Ceiling) else found and found.mib) == wanted


def test_what_does_not_fit_is_said_with_what_would() -> None:
    unit = Ceiling(8_192, "the limit of its unit or container")
    words = shortage(20, 1, 1_024, unit)
    assert "wanted 21,760 MiB for the server and 21 kernels of at most 1,024 MiB; got 8,192 MiB" in words
    assert (most := re.search(r"--visitors=(\d+)", words))
    assert shortage(int(most[1]), 1, 1_024, unit) == ""
    assert shortage(int(most[1]) + 1, 1, 1_024, unit) != ""
    assert "a lower --memory" in shortage(1, 1, 8_000, unit)
    assert shortage(20, 1, 0, unit) == shortage(20, 1, 1_024, None) == ""
    assert needed(20, 1, 1_024) <= 22 * 1_024


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory):
    path = tmp_path_factory.mktemp("site") / "growing.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(GROWING)]), path)
    options = ("--visitors=2", "--gone=2", "--memory=9000000", "--MappingKernelManager.cull_interval=1")
    server = Served(path, tmp_path_factory.mktemp("home"), *options)
    server.wait_until(server.heated)
    yield server
    server.stop()


def resident(pid: int) -> int:
    """MiB of a process; 0 if it has ended."""
    with suppress(OSError):
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
        return next((int(line.split()[1]) >> 10 for line in lines if line.startswith("VmRSS")), 0)
    return 0


def test_the_server_says_at_start_that_memory_may_become_short(served: Served) -> None:
    assert "memory: wanted 27,000,256 MiB for the server and 3 kernels" in served.said()


@pytest.mark.parametrize("politely", [True, False])
def test_a_kernel_that_has_grown_ends_with_its_visit(served: Served, politely: bool) -> None:
    visitor = Visitor(served)
    button = next(name for name, one in visitor.widgets().items() if one["state"].get("description") == "grow")
    click = {"method": "custom", "content": {"event": "click"}}
    visitor.socket.send(frame("comm_msg", {"comm_id": button, "data": click}))
    served.wait_until(lambda: max(map(resident, served.kernels())) > 300)
    grown = max(served.kernels(), key=resident)
    with suppress(ConnectionClosed):
        visitor.socket.close()
    if politely:
        served.get(f"/voila/api/shutdown/{visitor.kernel}", "POST")
    served.wait_until(lambda: not resident(grown), 40)
    following = Visitor(served)
    assert following.kernel != visitor.kernel
    served.wait_until(served.heated)
    assert max(map(resident, served.kernels())) < 250
    following.socket.close()
    served.get(f"/voila/api/shutdown/{following.kernel}", "POST")
    served.wait_until(lambda: json.loads(served.get("/voila/api/health")[2])["visitors"] == 0)
