from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def shared_data() -> Callable[[str], Path]:
    """Path of a file of real data; the test is skipped where the file is absent (it is not part of the package)."""
    folder = Path(__file__).resolve().parents[2] / "shared" / "data"

    def find(name: str) -> Path:
        if not (folder / name).is_file():
            pytest.skip(f"real data {name} is not on this machine")
        return folder / name

    return find
