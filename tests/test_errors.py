"""What IPython, and so a notebook, shows of an error."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys

_CELLS = """
import asyncio, sys
from IPython.core.interactiveshell import InteractiveShell
import liqwidget as lw
from liqwidget.sources.http import clock
from liqwidget.sources.venues import hosts

async def no_time(_seconds): await asyncio.sleep(0)

clock.CLOCK.sleep = no_time
hosts.HOSTS = {"binance": hosts.Host("http://127.0.0.1:PORT", "ws://127.0.0.1:PORT")}
shell = InteractiveShell.instance()
shell.colors = "NoColor"
shell.push({"lw": lw})
for cell in sys.argv[1:]:
    shell.run_cell(cell, store_history=True)
    print("=====", flush=True)
"""


def shown(folder, *cells: str) -> list[str]:
    """Return what IPython prints for each cell; the venue's port refuses connections."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))  # bound but not listening
        code = _CELLS.replace("PORT", str(unused.getsockname()[1]))
        run = subprocess.run(
            [sys.executable, "-c", code, *cells],
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
            env={**os.environ, "IPYTHONDIR": str(folder), "LIQWIDGET_CACHE": str(folder / "cache")},
        )
    assert "Falling back" not in run.stdout + run.stderr
    assert "Traceback" not in run.stderr, run.stderr
    return [part.strip() for part in run.stdout.split("=====\n")][: len(cells)]


def test_a_notebook_shows_the_message_and_the_line_of_its_own_code(tmp_path) -> None:
    fetched, refused, asked, full, handled, code = shown(
        tmp_path,
        "market = None\nlw.fetch('BTCUSDT', days=1, progress=False)",
        "def mine():\n    return lw.load_sample().tail(-1)\nmine()",
        "%xmode Verbose",
        "%tb",
        "%xmode Context\ntry:\n    lw.fetch('BTCUSDT', days=1, progress=False)\nexcept lw.FetchError as e: print(e)",
        "raise lw.InputError('mine')",
    )
    name, line, more = fetched.splitlines()
    assert re.match(r"FetchError: binance .*: wanted an answer; got no connection \(4 attempts\)\. Check the ", name)
    assert line == "  line 2: lw.fetch('BTCUSDT', days=1, progress=False)"
    assert more == "Full traceback: %xmode Verbose, then %tb"
    assert refused.splitlines()[0].startswith("InputError: n: wanted")
    assert refused.splitlines()[1] == "  line 2: return lw.load_sample().tail(-1)"
    assert "Verbose" in asked
    assert "market.py" in full
    assert "mine()" in full
    assert len(full.splitlines()) > 10
    assert handled.splitlines()[-1].startswith("binance ")
    assert "no connection" in handled
    assert code.splitlines()[:2] == ["InputError: mine", "  line 1: raise lw.InputError('mine')"]
