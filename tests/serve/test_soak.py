"""The soak of the server, shortened: a killed server, sleeping and vanished pages lose no state and leave no kernel."""

from __future__ import annotations

import subprocess
import sys

import pytest

from served import ROOT


@pytest.mark.slow
def test_nothing_is_lost_and_no_kernel_is_left() -> None:
    command = [sys.executable, str(ROOT / "benchmarks" / "soak.py"), "--minutes=0.5", "--visitors=6"]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    for what in ("restarts 1", "reconnections", "pauses", "vanished"):
        assert what in run.stdout
