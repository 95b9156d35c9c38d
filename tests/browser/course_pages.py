"""The course as pages: the exporting module, kernels that import this checkout, and what `make course` writes."""

from __future__ import annotations

import importlib
import importlib.util
import os
import shutil
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import nbformat
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


def write_course(export, patch, folder, paths=()):
    """Do what `make course` does, without a network; return the executed notebooks by name. `paths`: all by default."""
    ran, run = {}, export.run

    def recorded(path):
        ran[path.stem] = run(path, NO_NETWORK)
        return ran[path.stem]

    patch.setattr(export, "run", recorded)
    export.main([*map(str, paths), "--to", str(folder)])
    patch.setattr(export, "run", run)
    return ran


def copy_modules(folder):
    """Put what the notebooks import beside copies of them."""
    for path in (*TEACHING.glob("*.py"), *TEACHING.glob("exercise.*")):
        shutil.copy(path, folder)


def without_figures(folder):
    """Write copies of the lessons that keep text and exercises, but neither figures nor code after the last exercise.

    They are exported in half the time. The whole lessons are exported and opened by test_course.py.
    """
    copy_modules(folder)
    for name in NAMES:
        book = nbformat.read(str(TEACHING / f"{name}.ipynb"), 4)
        last = max(i for i, cell in enumerate(book.cells[:-1]) if "exercise" in cell.metadata)
        book.cells = [
            cell
            for i, cell in enumerate(book.cells)
            if cell.cell_type == "markdown" or "exercise" in cell.metadata or (i < last and not cell.metadata)
        ]
        nbformat.write(book, folder / f"{name}.ipynb")
    return sorted(folder.glob("0*.ipynb"))


@cache
def exercises():
    """The exercises of the lessons by name, with what they are made of if a notebook passes nothing on."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(TEACHING))
        made = importlib.import_module("lesson_exercises").EXERCISES
        return {name: make() for name, make in made.items()}


def variant_of(code, name, count):
    """Which variant a class gets: the twin of variantOf in exercise.js."""
    value = 0x811C9DC5
    for letter in f"{code}:{name}":
        value = (value ^ ord(letter)) * 0x01000193 & 0xFFFFFFFF
    value = (value ^ value >> 16) * 0x85EBCA6B & 0xFFFFFFFF
    return (value ^ value >> 13) % count


def code_for(name, variant, count):
    """A class code that gets a variant."""
    return next(code for k in range(10_000) if variant_of(code := f"C{k}", name, count) == variant)


def place_of(page, name):
    return page.locator(f'[data-exercise="{name}"]')


def verdict_of(page, name):
    return place_of(page, name).locator(".ex-verdict").inner_text()


def typed(page, name, text):
    """Type an answer and press Enter; return the verdict."""
    field = place_of(page, name).locator("input[type=text]")
    field.focus()
    page.keyboard.press("Control+a")
    page.keyboard.type(text)
    page.keyboard.press("Enter")
    return verdict_of(page, name)


def check_heatmap(page, name):
    """Ask whether a task is done, with the keyboard; return the verdict."""
    place_of(page, name).locator("button").focus()
    page.keyboard.press("Enter")
    return verdict_of(page, name)


def answers_of(exercise, question):
    """Texts to type with the verdicts they must get: three mistakes, something else, and what is right."""
    digits = 5 if exercise.unit == "%" else 2
    told = [(f"{wrong.value:,.{digits}f}", wrong.hint) for wrong in question.wrong]
    far = max(abs(wrong.value) for wrong in question.wrong) * 3 + 7 * exercise.tolerance + question.right
    right = [f"{question.right:,.{digits}f}", f"{question.right + 0.9 * exercise.tolerance:.{digits}f} {exercise.unit}"]
    return [*told, (f"{far:.2f}", exercise.otherwise), *((text, f"Right. {question.why}") for text in right)]
