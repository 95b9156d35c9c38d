"""Every option named in our settings, in deploy/ and in docs/deploy.md exists in the installed versions."""

from __future__ import annotations

import inspect
import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from jupyter_client.connect import ConnectionFileMixin
from jupyter_client.restarter import KernelRestarter
from jupyter_server.services.kernels.kernelmanager import MappingKernelManager
from tornado.httpserver import HTTPServer
from traitlets.config import Config
from traitlets.config.loader import PyFileConfigLoader
from traitlets.utils.importstring import import_item
from voila.app import Voila
from voila.configuration import VoilaConfiguration
from voila.execute import VoilaExecutor
from voila.exporter import VoilaExporter

from liqwidget.serve.kernels import Kernels, VisitorKernel
from liqwidget.serve.memory import needed
from liqwidget.serve.server import Dashboard
from liqwidget.serve.settings import CONNECTION, SETTINGS
from served import Served

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
CLASSES = (
    Voila,
    Dashboard,
    VoilaConfiguration,
    VoilaExecutor,
    VoilaExporter,
    MappingKernelManager,
    Kernels,
    VisitorKernel,
    ConnectionFileMixin,
    KernelRestarter,
)
TRAITS = {cls.__name__: set(cls.class_traits(config=True)) for cls in CLASSES}
GUIDE = (ROOT / "docs" / "deploy.md").read_text(encoding="utf-8")


def check(words: list[str]) -> None:
    """Check one of our command lines."""
    assert words[words.index("-m") + 1] == "liqwidget.serve"
    for word in words[words.index("-m") + 2 :]:
        if word.startswith("--"):
            name = word[2:].partition("=")[0]
            section, _, trait = Dashboard.aliases.get(name, name).partition(".")
            assert trait in TRAITS.get(section, ()), word
        else:
            assert word.endswith(".ipynb")


def test_the_settings_exist_and_are_of_the_right_kind() -> None:
    for section, values in SETTINGS.items():
        assert set(values) <= TRAITS[section]
    for name in ("cull_connected", "cull_idle_timeout", "cull_interval"):
        Kernels.class_traits()[name].validate(None, SETTINGS["MappingKernelManager"][name])  # type: ignore[attr-defined]
    configuration = VoilaConfiguration(config=Config(SETTINGS))
    for name, value in SETTINGS["VoilaConfiguration"].items():
        wanted = import_item(value) if name.endswith("_class") else value
        assert getattr(configuration, name) == wanted
    assert VoilaExecutor(None, config=Config(SETTINGS)).timeout == 60
    known = inspect.signature(HTTPServer.initialize).parameters
    assert set(CONNECTION) <= set(known)


@pytest.mark.parametrize("alias", Dashboard.aliases)
def test_short_options_stand_for_options(alias: str) -> None:
    section, trait = Dashboard.aliases[alias].split(".")
    assert trait in TRAITS[section]


def option(command: list[str], name: str, default: int) -> int:
    return next((int(word.partition("=")[2]) for word in command if word.startswith(f"--{name}=")), default)


def most_of(command: list[str]) -> int:
    """MiB that a server of ours and its kernels may use, with its defaults."""
    return needed(option(command, "visitors", 20), option(command, "pool", 1), option(command, "memory", 1024))


def test_the_unit_starts_our_server_and_bounds_it() -> None:
    unit = (DEPLOY / "liqwidget.service").read_text(encoding="utf-8")
    settings = dict(line.split("=", 1) for line in unit.splitlines() if "=" in line and not line.startswith("#"))
    command = shlex.split(settings["ExecStart"])
    check(command)
    for name in ("DynamicUser", "NoNewPrivileges", "PrivateTmp", "ProtectHome", "RestrictNamespaces"):
        assert settings[name] == "yes"
    assert settings["ProtectSystem"] == "strict"
    assert most_of(command) <= 1024 * int(settings["MemoryMax"].removesuffix("G"))
    visitors = option(command, "visitors", 20)
    assert int(settings["TasksMax"]) >= 60 * visitors  # a kernel has some 20 threads


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd-analyze on the PATH")
def test_systemd_understands_the_unit(tmp_path: Path) -> None:
    unit = (DEPLOY / "liqwidget.service").read_text(encoding="utf-8")
    copy = tmp_path / "liqwidget.service"
    copy.write_text(unit.replace("/opt/liqwidget/bin/python", sys.executable))
    run = subprocess.run(["systemd-analyze", "verify", copy], capture_output=True, text=True, check=False)
    assert "liqwidget.service" not in run.stderr, run.stderr


def test_the_container_starts_our_server_as_nobody() -> None:
    lines = (DEPLOY / "Containerfile").read_text(encoding="utf-8").splitlines()
    commands = [line.split(maxsplit=1) for line in lines if re.match(r"[A-Z]+ ", line)]
    check(json.loads(dict(commands)["ENTRYPOINT"]))
    assert dict(commands)["USER"] not in ("root", "0")
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").split("\n")
    assert not {"src", "js", "notebooks", "hatch_build.py", "pyproject.toml", "README.md"}.intersection(ignored)
    assert {".git", "**/node_modules", "tests"} <= set(ignored)
    limit = re.search(r"--memory=(\d+)g", "\n".join(lines))
    assert limit is not None
    assert most_of(json.loads(dict(commands)["ENTRYPOINT"])) <= 1024 * int(limit[1])
    for name, given in commands:
        source = given.split()[-2] if name == "COPY" else "."
        assert source.startswith("/opt") or (ROOT / source).exists()


def test_the_containers_health_check_asks_as_our_host(tmp_path: Path) -> None:
    """Run its command against a server that answers, and against none."""
    text = (DEPLOY / "Containerfile").read_text(encoding="utf-8").replace("\\\n", "")
    (given,) = re.findall(r"^HEALTHCHECK .*?CMD (\[.*\])$", text, re.M)
    _, option, code = json.loads(given)
    path = tmp_path / "page.ipynb"
    path.write_text('{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}')
    server = Served(path, tmp_path / "home", "--pool=0", "--host=maps.example.org", name="maps.example.org")

    def run() -> int:
        command = [sys.executable, option, code.replace("8866", str(server.port))]
        return subprocess.run(command, capture_output=True, timeout=60, check=False).returncode

    try:
        assert run() == 0
        assert server.get("/", host="127.0.0.1")[0] == 403
    finally:
        server.stop()
    assert run() == 1


def test_the_proxy_passes_on_what_the_server_has_and_nothing_else() -> None:
    text = (DEPLOY / "nginx.conf").read_text(encoding="utf-8")
    assert text.count("{") == text.count("}")
    assert set(re.findall(r"location (?:= )?(\S+) {", text)) == {
        "/",
        "/robots.txt",
        "/voila/static/",
        "/voila/labextensions/",
        "/voila/api/place/",
        "/voila/api/",
        "/voila/api/metrics",
        "/api/kernels/",
        *("@long", "@busy", "@away"),  # what visitors read when nginx refuses a request, or gets no reply
    }
    for code in re.findall(r"error_page ([\d ]+) @\w+;", text):
        assert set(code.split()) <= {"413", "414", "429", "502", "504"}
    assert "proxy_set_header Host $http_host;" in text
    assert "proxy_set_header Upgrade $http_upgrade;" in text
    for zone in re.findall(r"(?:limit_req|limit_conn) (?:zone=)?(\w+)", text):
        assert f"zone={zone}:" in text


def loaded(name: str) -> Config:
    return PyFileConfigLoader(name, path=str(DEPLOY)).load_config()


def test_a_users_own_server_starts_ours() -> None:
    servers = loaded("jupyter_server_config.py")["ServerProxy"]["servers"]
    command = servers["heatmap"]["command"]
    assert command[0] == sys.executable
    check([word.replace("{port}", "1").replace("{base_url}", "/") for word in command])
    assert servers["heatmap"]["absolute_url"] is True
    assert most_of(command) <= int(loaded("jupyterhub_config.py")["Spawner"]["mem_limit"].removesuffix("M"))


def test_the_hub_and_its_chart_say_the_same() -> None:
    hub, chart = loaded("jupyterhub_config.py"), yaml.safe_load((DEPLOY / "values.yaml").read_text(encoding="utf-8"))
    user = chart["singleuser"]
    assert hub["JupyterHub"]["shutdown_on_logout"] is chart["hub"]["shutdownOnLogout"] is True
    assert hub["Spawner"]["default_url"] == user["defaultUrl"]
    assert hub["Spawner"]["mem_limit"] == user["memory"]["limit"]
    assert hub["Spawner"]["mem_guarantee"] == user["memory"]["guarantee"]
    assert hub["Spawner"]["environment"] == user["extraEnv"]
    assert chart["proxy"]["https"]["hosts"] == [hub["Spawner"]["environment"]["HEATMAP_HOST"]]
    assert hub["KubeSpawner"]["uid"] == user["uid"]
    assert f"--timeout={chart['cull']['timeout']}" in hub["JupyterHub"]["services"][0]["command"]


def test_the_hubs_settings_exist() -> None:
    jupyterhub, kubespawner = pytest.importorskip("jupyterhub.app"), pytest.importorskip("kubespawner")
    classes: dict[str, Any] = {"JupyterHub": jupyterhub.JupyterHub, "KubeSpawner": kubespawner.KubeSpawner}
    classes["Spawner"] = kubespawner.KubeSpawner
    for section, values in loaded("jupyterhub_config.py").items():
        assert set(values) <= set(classes[section].class_traits(config=True)), section


def test_the_guide_names_what_there_is() -> None:
    for path in re.findall(r"`((?:deploy|docs|notebooks|benchmarks|src|tests)/[\w./-]+)`", GUIDE):
        assert (ROOT / path).exists(), path
    assert {path.name for path in DEPLOY.iterdir()} <= set(re.findall(r"[\w.-]+", GUIDE))
    for option in re.findall(r"`--([\w.]+)", GUIDE):
        section, _, trait = Dashboard.aliases.get(option, option).partition(".")
        assert trait in TRAITS.get(section, ()), option
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M))
    assert set(re.findall(r"make (\w+)", GUIDE)) <= targets
    for line in re.findall(r"^python -m liqwidget\.serve.*", GUIDE, re.M):
        check(shlex.split(line))
