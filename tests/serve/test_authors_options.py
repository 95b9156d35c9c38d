"""Each option of Voila works on our page or is refused by name, before anything starts."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from traitlets.config import Config
from voila.app import Voila
from voila.configuration import VoilaConfiguration

from liqwidget.serve.options import PER_VISITOR, REFUSED, WORKING, refusals, unknown
from liqwidget.serve.server import Dashboard
from liqwidget.serve.settings import SETTINGS

GUIDE = (Path(__file__).resolve().parents[2] / "docs" / "deploy.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("cls", [Voila, VoilaConfiguration])
def test_each_option_of_this_voila_works_or_is_refused(cls: type) -> None:
    name = cls.__name__
    assert WORKING[name] | REFUSED[name].keys() == set(cls.class_traits(config=True))  # type: ignore[attr-defined]
    assert not WORKING[name] & REFUSED[name].keys()


def test_the_guide_names_each_option_in_its_row() -> None:
    table = {
        row[0]: set(re.findall(r"`(\w+)`", row[1])) for row in re.findall(r"^\| Voila's (\w+) \| (.*?) \|", GUIDE, re.M)
    }
    assert table["working"] == WORKING["Voila"] | WORKING["VoilaConfiguration"]
    assert table["refused"] == REFUSED["Voila"].keys() | REFUSED["VoilaConfiguration"].keys()


def found(**sections: dict[str, object]) -> list[str]:
    config = Config({**SETTINGS})
    config.merge(Config(sections))
    app = Voila(config=config)
    return list(refusals(app, VoilaConfiguration(parent=app)))


def test_our_own_settings_are_not_refused() -> None:
    assert found() == []
    assert found(VoilaConfiguration={"template": "lab", "progressive_rendering": False}) == []


@pytest.mark.parametrize(
    ("section", "name", "value"),
    [
        ("Voila", "static_root", "/elsewhere"),
        ("Voila", "autoreload", True),
        ("Voila", "identity_provider_class", "jupyter_server.auth.identity.PasswordIdentityProvider"),
        ("VoilaConfiguration", "template", "reveal"),
        ("VoilaConfiguration", "allow_theme_override", "YES"),
        ("VoilaConfiguration", "progressive_rendering", True),
        ("VoilaConfiguration", "extension_language_mapping", {".py": "python"}),
        (
            "VoilaConfiguration",
            "multi_kernel_manager_class",
            "jupyter_server.services.kernels.kernelmanager.AsyncMappingKernelManager",
        ),
    ],
)
def test_an_option_without_effect_is_refused_with_a_cure(section: str, name: str, value: object) -> None:
    (text,) = found(**{section: {name: value}})
    assert text.startswith(f"{section}.{name}: wanted ")
    assert f"got {value!r}. {REFUSED[section][name]}" in text


@pytest.mark.parametrize("name", PER_VISITOR)
def test_what_a_preheated_kernel_would_miss_needs_fresh_ones(name: str) -> None:
    value: object = ["X-User"] if name == "http_header_envs" else (lambda *_, **__: None)
    (text,) = found(VoilaConfiguration={name: value})
    assert text.startswith(f"VoilaConfiguration.{name}: wanted kernels that start when their visitor comes")
    assert found(VoilaConfiguration={name: value, "preheat_kernel": False}) == []


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("--enable_nbextensions=True", "Nearest: --extension."),
        ("--qqq=True", "--help-all lists them"),
        ("--extension_language_mapping={}", "Nearest: --VoilaConfiguration.extension_language_mapping"),
        ("--strip_source=False", "Nearest: --strip_sources"),
        ("--VoilaConfiguration.show_traceback=True", "Nearest: --VoilaConfiguration.show_tracebacks"),
        ("--Dashboard.max_visitor=3", "Nearest: --Dashboard.max_visitors"),
    ],
)
def test_an_unknown_option_is_refused(word: str, said: str) -> None:
    (text,) = unknown(["page.ipynb", word], Dashboard())
    assert text.startswith(word.partition("=")[0] + ": wanted an option of this server")
    assert said in text


@pytest.mark.parametrize(
    "word",
    ["--debug", "--no-browser", "--strip_sources=False", "--port=1", "-y", "--KernelManager.shutdown_wait_time=1"],
)
def test_known_options_are_not_refused(word: str) -> None:
    assert list(unknown([word, "--", "--nothing"], Dashboard())) == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["{notebook}", "--token=secret"], "Voila.token: wanted None; got one. Ask for a password"),
        (["{notebook}", "--enable_nbextensions=True"], "--enable_nbextensions: wanted an option"),
        (["{folder}"], "NOTEBOOK: wanted one file that ends with .ipynb; got the folder "),
        (["{folder}/other.ipynb"], "NOTEBOOK: wanted one file that ends with .ipynb; got argument is neither a file"),
    ],
)
def test_the_program_ends_with_the_reason(tmp_path: Path, words: list[str], said: str) -> None:
    (tmp_path / "page.ipynb").write_text('{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}')
    given = [word.format(notebook=tmp_path / "page.ipynb", folder=tmp_path) for word in words]
    ended = subprocess.run(
        [sys.executable, "-m", "liqwidget.serve", *given], capture_output=True, text=True, timeout=60, check=False
    )
    assert ended.returncode == 1
    assert said in ended.stderr
    assert "Traceback" not in ended.stderr
