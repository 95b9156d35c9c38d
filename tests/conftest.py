from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings

# CI runs the same examples every time, so that a failure is due to the change; local runs vary them. No example has a
# deadline: on a busy machine the first one pays for imports and pauses.
settings.register_profile("ci", derandomize=True, deadline=None)
settings.register_profile("local", deadline=None)
settings.load_profile("ci" if os.environ.get("CI") else "local")

#: Files of browser tests that take longer than two minutes.
LONG = {"test_lab", "test_authors_page", "test_manual", "test_saved", "test_voila", "test_waiting_page"}


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Run browser tests last: Playwright holds the main thread's event loop from its first use.

    Of these, the files that take minutes come first, so that the processes end at about the same time.

    What talks to a browser, a server or the imitated venues is tried a second time when it fails: on two busy cores a
    process can stand still for seconds, whatever a test waits for. The summary lists such tests as ``RERUN``; each of
    them is a fault of the test or of the code until it is explained.
    """
    items.sort(key=lambda item: "browser" in item.path.parts and 1 + (item.path.stem not in LONG))
    for item in items if config.pluginmanager.hasplugin("rerunfailures") else ():
        if {"browser", "serve", "sources"} & set(item.path.parts):
            item.add_marker(pytest.mark.flaky(reruns=1))


def _beside(folder: str, what: str) -> Callable[[str], Path]:
    """Return a function for paths in a folder beside the checkout; tests whose file is missing are skipped."""

    def find(name: str) -> Path:
        path = Path(__file__).resolve().parents[2] / "shared" / folder / name
        if not path.is_file():
            pytest.skip(f"{what} {name} is not on this machine")
        return path

    return find


@pytest.fixture(scope="session")
def shared_data() -> Callable[[str], Path]:
    """Path of a file of real data, which is not part of the package."""
    return _beside("data", "real data")


@pytest.fixture(scope="session")
def shared_case() -> Callable[[str], Path]:
    """Path of a file submitted by a user."""
    return _beside("cases/files", "case")
