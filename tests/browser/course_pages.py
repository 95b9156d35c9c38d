"""The course as pages: the exporting module, kernels that import this checkout, and what `make course` writes."""

from __future__ import annotations

import importlib.util
import os
import shutil
from contextlib import contextmanager
from pathlib import Path

import pytest

from conftest import SRC

TEACHING = Path(__file__).resolve().parents[2] / "notebooks" / "teaching"
NAMES = sorted(path.stem for path in TEACHING.glob("0*.ipynb"))
# In the kernel: connections beyond this machine are refused, as without a network.
NO_NETWORK = """
import socket, tempfile, os
os.environ["LIQWIDGET_CACHE"] = tempfile.mkdtemp()
def _refuse(*args, **kwargs):
    raise socket.gaierror("no network")
socket.getaddrinfo = _refuse
"""
DRAWN = "() => [...document.querySelectorAll('[role=figure]')].every((f) => f.shadowRoot || f.firstElementChild)"


def exporter():
    """The module export.py, as if run from its own folder."""
    spec = importlib.util.spec_from_file_location("course_export", TEACHING / "export.py")
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(TEACHING))
        spec.loader.exec_module(module)
    return module


@contextmanager
def kernels_of_checkout(home):
    """Kernels import this checkout and have a home of their own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join(filter(None, [SRC, os.environ.get("PYTHONPATH")])))
        for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR"):
            patch.setenv(name, str(home / name))
        patch.delenv("LIQWIDGET_CSV", raising=False)
        yield patch


def write_course(export, patch, folder, names=NAMES):
    """Do what `make course` does, without a network; return the executed notebooks by name."""
    ran, run = {}, export.run

    def recorded(path):
        ran[path.stem] = run(path, NO_NETWORK)
        return ran[path.stem]

    patch.setattr(export, "run", recorded)
    export.main([*(str(TEACHING / f"{name}.ipynb") for name in names), "--to", str(folder)])
    patch.setattr(export, "run", run)
    return ran


def copy_modules(folder):
    """Put what the notebooks import beside copies of them."""
    for path in (*TEACHING.glob("*.py"), *TEACHING.glob("exercise.*")):
        shutil.copy(path, folder)
