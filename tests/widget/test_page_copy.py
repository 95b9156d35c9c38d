"""The page that a notebook hands over to its server, for visitors who wait."""

from __future__ import annotations

import json
import re
from hashlib import sha256

import ipywidgets
import pytest

import liqwidget as lw
from liqwidget.widget import box_display, html_page
from liqwidget.widget.front_end import static
from liqwidget.widget.page_copy import PAGE
from liqwidget.widget.page_files import ENVIRONMENT


@pytest.fixture
def hm() -> lw.LiquidationHeatmap:
    return lw.LiquidationHeatmap(lw.load_sample())


@pytest.fixture
def in_advance(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a kernel that runs the notebook before a visitor comes."""
    monkeypatch.setenv("VOILA_PREHEAT", "True")
    monkeypatch.setenv(ENVIRONMENT, f"module:{sha256(static('index.js').encode()).hexdigest()}")


def test_the_copy_is_the_saved_page_without_its_script(hm: lw.LiquidationHeatmap, in_advance: None) -> None:
    page = hm.saved_picture()[PAGE]
    saved = hm.to_html()
    assert saved is not None
    assert f"{page['body']}\n{page['data']}" in saved
    assert f"<style>{page['style']}</style>" in saved
    assert page["title"] in saved
    assert sum(map(len, page.values())) < 150_000
    (facts,) = re.findall(r'id="liq-facts">(.*?)</script>', page["data"])
    assert json.loads(facts)["score"]["state"] == "shown"


@pytest.mark.parametrize("missing", ["VOILA_PREHEAT", ENVIRONMENT])
def test_nothing_is_handed_over_elsewhere(
    hm: lw.LiquidationHeatmap, in_advance: None, monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    monkeypatch.setenv(missing, "False")
    assert hm.saved_picture() == hm.still_bundle()


def test_a_box_hands_over_the_page_of_its_first_heatmap(
    hm: lw.LiquidationHeatmap, in_advance: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[dict[str, object]] = []
    monkeypatch.setattr("IPython.display.display", lambda data, **_: shown.append(data))
    other = lw.LiquidationHeatmap(lw.load_sample().tail(500))
    box_display._display(ipywidgets.HBox([hm, other]))
    (picture,) = [data for data in shown if PAGE in data]
    assert picture[PAGE] == hm.saved_picture()[PAGE]
    assert sum("<figure" in str(data.get("text/html")) for data in shown) == 2  # an output for each
    html_page.display_with_picture(hm._repr_mimebundle_(), hm.saved_picture)
    assert PAGE in shown[-1]
