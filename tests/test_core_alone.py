"""Without extras, every public name can be listed and documented; those that need one raise when they are used."""

from __future__ import annotations

import inspect
import json
import subprocess
import sys
from typing import Any

import pytest

import liqwidget as lw

#: Hides what only extras install from all imports of the process.
WITHOUT_EXTRAS = """
import sys
from importlib.machinery import PathFinder

HIDDEN = {"httpx", "websockets", "pyarrow", "filelock", "platformdirs", "tqdm", "bokeh", "jupyter_bokeh",
          "distributed", "dask", "fsspec", "openpyxl", "voila", "jupyterlab"}
FINDERS = list(sys.meta_path)


class Without:
    find_distributions = staticmethod(PathFinder.find_distributions)

    @staticmethod
    def find_spec(name, path=None, target=None):
        if name.partition(".")[0] in HIDDEN:
            return None
        return next((spec for finder in FINDERS if (spec := finder.find_spec(name, path, target))), None)


sys.meta_path[:] = [Without]
"""
DATA, SCALE, APP = "liqwidget[data]", "liqwidget[scale]", "liqwidget[app]"
NEEDED = {
    "Comparison": APP,
    "History": SCALE,
    "cache": DATA,
    "compare": APP,
    "explore": APP,
    "fetch": DATA,
    "fetch_async": DATA,
    "fetch_brackets": DATA,
    "follow": DATA,
    "follow_positions": DATA,
    "history": SCALE,
    "hyperliquid_positions": DATA,
    "read_archive": DATA,
    "venues": DATA,
}


def alone(code: str) -> Any:
    """What a process without extras prints, as JSON."""
    run = subprocess.run([sys.executable, "-c", WITHOUT_EXTRAS + code], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)


def test_names_that_need_an_extra_name_it_when_they_are_used() -> None:
    said = alone("""
import json
from liqwidget import *
import liqwidget as lw

said = {}
for name in lw.__all__:
    if not isinstance(value := getattr(lw, name), (str, dict)):
        try:
            value.info() if name == "cache" else value()
        except ModuleNotFoundError as error:
            said[name] = str(error)
        except (TypeError, lw.LiqError):
            pass  # it is there, and wants arguments
print(json.dumps(said))
""")
    assert said.keys() == NEEDED.keys()
    for name, extra in NEEDED.items():
        assert said[name].endswith(f' missing here): pip install "{extra}"')
        assert f'the extra "{extra[10:-1]}"' in said[name]


def test_help_and_inspection_work() -> None:
    found = alone("""
import inspect, json, pydoc
import liqwidget as lw

members = dict(inspect.getmembers(lw))
kinds = {name: [inspect.isclass(value), inspect.isfunction(value)] for name, value in members.items()}
text = pydoc.render_doc(lw, renderer=pydoc.plaintext)
named = ("explore", "History", "fetch")
pages = {name: pydoc.render_doc(getattr(lw, name), renderer=pydoc.plaintext) for name in named}
print(json.dumps([kinds, text, pages, isinstance(lw.load_sample(), lw.History), repr(lw.cache)]))
""")
    kinds, text, pages, is_instance, cache = found
    assert set(lw.__all__) <= kinds.keys()
    for name in lw.__all__:
        real = getattr(lw, name)
        assert kinds[name] == [inspect.isclass(real), inspect.isfunction(real)], name
    assert "explore(" in text
    for name, page in pages.items():
        assert "Not usable here: " in page
        assert f'pip install "{NEEDED[name]}"' in page
    assert not is_instance
    assert cache.endswith('pip install "liqwidget[data]">')


def test_an_extra_that_is_installed_meanwhile_is_used_at_once() -> None:
    assert alone("""
import json
import liqwidget as lw

stub, stored = lw.venues, lw.cache
sys.meta_path[:] = FINDERS
print(json.dumps([len(stub()) > 0, callable(stored.info), lw.venues is not stub]))
""") == [True, True, True]


def test_what_is_always_needed_is_not_replaced() -> None:
    assert (
        alone("""
HIDDEN.add("pandas")
import json
import liqwidget as lw

try:
    lw.Market
except ModuleNotFoundError as error:
    print(json.dumps(str(error)))
""")
        == "No module named 'pandas'"
    )


def test_a_name_that_is_none_is_none() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        lw.nonsense  # type: ignore[attr-defined]  # noqa: B018
