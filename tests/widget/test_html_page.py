"""The page without a kernel, and the still picture for saved notebooks, tested as text and bytes."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import re
import time
from html.parser import HTMLParser
from pathlib import Path

import ipywidgets
import nbformat
import numpy as np
import pandas as pd
import pytest
from PIL import Image

import liqwidget as lw
from liqwidget.checks import usd_text
from liqwidget.errors import InputError, LiqError
from liqwidget.widget.front_end import static
from liqwidget.widget.html_page import WIDGET_VIEW, entry
from liqwidget.widget.wire import decode_frame
from markets import walk

ROOT = Path(__file__).resolve().parents[2]
HOSTILE = "</script><script>alert(1)</script><!--<img src=x onerror=a()>\"'&"
MB = 1_000_000


class Element:
    def __init__(self, tag: str, attributes: dict[str, str | None]) -> None:
        self.tag, self.attributes, self.text = tag, attributes, ""


class Page(HTMLParser):
    """The elements of a page in order, each with its text up to the next start or end tag."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[Element] = []
        self.comments: list[str] = []
        self.inside = False  # an element's own text ends at its first child or at its end
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.inside = True
        self.elements.append(Element(tag, dict(attrs)))

    def handle_endtag(self, tag):
        self.inside = False

    def handle_data(self, data):
        if self.inside:
            self.elements[-1].text += data

    def handle_comment(self, data):
        self.comments.append(data)

    def all(self, tag: str, **attributes: str) -> list[Element]:
        wanted = {name.replace("_", "-"): value for name, value in attributes.items()}
        return [e for e in self.elements if e.tag == tag and wanted.items() <= e.attributes.items()]

    def one(self, tag: str, **attributes: str) -> Element:
        (found,) = self.all(tag, **attributes)
        return found


def pixels(png: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))


@pytest.fixture(scope="module")
def sample() -> lw.LiquidationHeatmap:
    return lw.LiquidationHeatmap(lw.load_sample())


@pytest.fixture(scope="module")
def html(sample) -> str:
    return sample.to_html()


def small(symbol: str = "TEST", **traits) -> lw.LiquidationHeatmap:
    market = lw.Market.from_frame(walk(60, seed=3).candles, symbol=symbol, exchange="test")
    return lw.LiquidationHeatmap(market, leverage_mix={5: 50, 25: 50}, **traits)


def test_a_week_of_the_sample_fits_in_the_budget(html) -> None:
    assert 0.2 * MB < len(html.encode()) <= 0.455 * MB


def test_a_week_of_the_real_market_fits_in_the_budget(shared_data) -> None:
    candles = pd.read_csv(shared_data("btcusdt_5m_2025-12_2026-02.csv.gz")).tail(2016)
    market = lw.Market.from_frame(candles, symbol="BTCUSDT", exchange="binance")
    assert len(lw.LiquidationHeatmap(market).to_html().encode()) <= 0.455 * MB


def test_the_page_is_the_same_twice(sample, html) -> None:
    assert sample.to_html() == html
    assert lw.LiquidationHeatmap(lw.load_sample()).to_html() == html


def test_nothing_in_it_is_fetched(sample, html) -> None:
    page = Page(html)
    links = [(e.tag, v) for e in page.elements for name, v in e.attributes.items() if name in ("src", "href", "action")]
    assert [link for link in links if not link[1].startswith("data:image/png;base64,")] == []
    assert not {"link", "iframe", "object", "embed", "base", "form"} & {e.tag for e in page.elements}
    # The bundle contains an XML namespace, a licence and a link to the maker of the chart library.
    own = html.replace(static("index.js"), "")
    assert len(own) < len(html) - 100_000
    assert not re.search(r"(https?|wss?|ftp):|[\"'(]//", own)
    assert not re.search(r"@import|url\(", sample._css)


def test_the_policy_admits_this_script_and_this_style_and_nothing_else(html) -> None:
    page = Page(html)
    policy = page.one("meta", http_equiv="Content-Security-Policy").attributes["content"]
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    script, style = page.one("script", type="module").text, page.one("style").text
    for name, text in (("script-src", script), ("style-src", style)):
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert rules.pop(name) == f"'sha256-{digest}'"
    assert rules == {
        "default-src": "'none'",
        "img-src": "data: blob:",
        "base-uri": "'none'",
        "form-action": "'none'",
        "require-trusted-types-for": "'script'",
        "trusted-types": "'none'",
    }
    before = html[: html.index("Content-Security-Policy")]
    assert "<script" not in before
    assert "<style" not in before
    assert not [e for e in page.elements for name in e.attributes if name == "style" or name.startswith("on")]


def test_it_carries_the_picture_and_the_settings(sample, html) -> None:
    page = Page(html)
    facts = json.loads(page.one("script", id="liq-facts").text)
    assert facts["settings"]["binSize"] == sample.bin_size
    assert facts["settings"]["decayRate"] == sample.decay_rate
    assert facts["settings"]["leverageMix"] == {f"{tier}": share for tier, share in sample.leverage_mix.items()}
    assert set(facts["presets"]) == {"balanced", "hot", "on-chain"}
    frames = {
        e.attributes["data-frame"]: decode_frame(base64.b64decode(e.text, validate=True))
        for e in page.all("script", type="application/octet-stream;base64")
    }
    assert set(frames) == {"bars", "model", "events"}
    assert frames["model"].meta == decode_frame(sample._model).meta
    bars = decode_frame(sample._bars)
    for name, array in bars.arrays.items():
        np.testing.assert_array_equal(frames["bars"].arrays[name], array)
    np.testing.assert_array_equal(frames["bars"].arrays["close"], sample.market.candles["close"])


def test_it_says_what_it_is_in_words(html) -> None:
    words = " ".join(e.text for e in Page(html).elements if e.tag not in ("script", "style"))
    for wanted in (
        "an estimate, not a forecast",
        "snapshot of a simulated market up to 2026-01-14 00:00 UTC",
        "nothing in it is live",
        "Simulated market.",
    ):
        assert wanted in words
    real = small().to_html()
    assert "simulated" not in re.sub(r"<(script|style).*?</\1>", "", real, flags=re.DOTALL).lower()


def test_live_candles_are_in_it() -> None:
    hm = small()
    more = walk(63, seed=3).candles.iloc[60:]
    hm.append(more)
    page = Page(hm.to_html())
    bars = decode_frame(base64.b64decode(page.one("script", data_frame="bars").text))
    assert len(bars.arrays["close"]) == 63


@pytest.mark.parametrize("place", ["symbol", "exchange", "title", "positions"])
def test_hostile_text_is_text(place) -> None:
    symbol, exchange = (HOSTILE if place == name else "X" for name in ("symbol", "exchange"))
    market = lw.Market.from_frame(walk(60, seed=3).candles, symbol=symbol, exchange=exchange)
    hm = lw.LiquidationHeatmap(market)
    if place == "positions":

        class Positions:
            label = HOSTILE

            def profile(self, bin_size):
                centre = (np.floor(hm.market.candles["close"].iloc[-1] / bin_size) + 0.5) * bin_size
                return pd.DataFrame({"price": [centre], "long": [1.0], "short": [0.0]})

        hm.positions = Positions()
    harmless, page = Page(small().to_html()), Page(hm.to_html(title=HOSTILE if place == "title" else None))
    extra = len([1 for e in page.elements if e.attributes.get("data-frame") == "positions"])
    assert len(page.all("script")) == len(harmless.all("script")) + extra
    assert len(page.all("img")) == 1
    assert page.comments == []
    assert page.one("script", type="module").text == harmless.one("script", type="module").text
    if place == "title":
        assert page.one("h1").text == HOSTILE
        assert page.one("title").text == HOSTILE
    elif place == "symbol":
        assert HOSTILE in page.one("h1").text
        assert HOSTILE in Page(hm._repr_mimebundle_()[0]["text/html"]).one("strong").text


def test_hostile_words_in_settings_do_not_end_their_element() -> None:
    hm = small()
    hm._presets = {HOSTILE: {"5": 1.0}}
    page = Page(hm.to_html())
    text = page.one("script", id="liq-facts").text
    assert not set("<>&") & set(text)
    assert list(json.loads(text)["presets"]) == [HOSTILE]


def test_a_file_is_written_and_a_title_must_be_text(tmp_path) -> None:
    hm = small()
    assert hm.to_html(tmp_path / "page.html", title="Föö") is None
    assert (tmp_path / "page.html").read_bytes() == hm.to_html(title="Föö").encode()
    with pytest.raises(InputError, match="title: wanted text or None; got int"):
        hm.to_html(title=3)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "bundle",
    [
        "export{a as default};",
        "export{a as default,b as openPages};",
        "let x=1;",
        "let a='</SCRIPT>';export{a as openPage};",
        "let a='<!--';export{a as openPage};",
    ],
)
def test_a_bundle_that_opens_no_page_is_refused(bundle) -> None:
    with pytest.raises(LiqError, match="make build"):
        entry(bundle)


def test_the_bundle_is_called_by_the_name_it_has() -> None:
    assert entry("let $b=1;export{a as default,$b as openPage};\n").endswith("\n$b(document);\n")


def test_the_caption_and_the_clusters_are_those_of_the_last_candle(sample) -> None:
    made = sample._still()
    assert made.title == "BTCUSDT-SIM · simulated · 5m"
    assert made.caption.startswith("Simulated market. 2026-01-07 00:00 to 2026-01-14 00:00 UTC. Estimated")
    assert made.caption.endswith("Estimate, not a forecast.")
    wanted = sample.density.clusters(top=5)
    assert [line[0] for line in made.clusters[1:]] == wanted["side"].tolist()
    assert [line[3] for line in made.clusters[1:]] == [usd_text(amount) for amount in wanted["notional"]]


def test_the_bundle_has_the_view_and_the_picture_and_is_made_quickly(sample) -> None:
    data, metadata = sample._repr_mimebundle_()
    assert data[WIDGET_VIEW]["model_id"] == sample.model_id
    assert metadata == {"image/png": {"width": 720, "height": 396}}
    assert base64.b64decode(data["image/png"]) == sample._still().png
    page = Page(data["text/html"])
    png = base64.b64decode(page.one("img").attributes["src"].removeprefix("data:image/png;base64,"))
    assert png == sample._still().png
    assert len(json.dumps(data)) < 250_000
    # A ratio of CPU times holds on any machine. With axes and words the picture has four times the pixels of before.
    took: dict[str, list[float]] = {"picture": [], "ledger": []}
    for _ in range(40):  # the least of many, on a machine with other work
        for name, make in (("picture", sample._still), ("ledger", lambda: lw.LiquidationHeatmap(sample.market).ledger)):
            start = time.thread_time()
            make()
            took[name].append(time.thread_time() - start)
    assert min(took["picture"]) < 2.5 * min(took["ledger"])


def test_a_display_is_the_view_and_then_the_picture_but_inside_an_output_the_view_alone(monkeypatch) -> None:
    import IPython.display

    shown = []
    monkeypatch.setattr(IPython.display, "display", lambda data, **_: shown.append(sorted(data)))
    hm = small()
    hm._ipython_display_()
    assert shown == [[WIDGET_VIEW, "text/plain"], ["image/png", "text/html", "text/plain"]]
    shown.clear()
    out = ipywidgets.Output()
    out.msg_id = "a cell's"
    hm._ipython_display_()
    assert shown == [[WIDGET_VIEW, "text/plain"]]
    out.close()
    hm._ipython_display_()
    assert len(shown) == 3


@pytest.fixture
def displayed(monkeypatch, tmp_path):
    """Have a shell of IPython display a thing; returns the mime bundles that it publishes."""
    from IPython.core.interactiveshell import InteractiveShell
    from IPython.utils.capture import capture_output
    from traitlets.config import Config

    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    shell = InteractiveShell.instance(config=Config({"HistoryManager": {"enabled": False}}))

    def display(thing) -> list[dict]:
        with capture_output() as seen:
            data, _ = shell.display_formatter.format(thing)
        return [output.data for output in seen.outputs] + ([data] if data else [])

    yield display
    InteractiveShell.clear_instance()


def pictures(bundle) -> list[str]:
    return re.findall(r'<img alt="([^"]+)', bundle["text/html"])


def test_boxes_leave_the_pictures_of_the_heatmaps_inside_and_no_text_above(displayed) -> None:
    a, b = small("AAA"), small("BBB")
    row = ipywidgets.HBox([a])
    for box, symbols in (
        (row, ["AAA"]),
        (ipywidgets.Tab([ipywidgets.VBox([ipywidgets.Label("x"), b]), row]), ["BBB", "AAA"]),
        (ipywidgets.Accordion([row, ipywidgets.VBox([a])]), ["AAA"]),  # once
        (ipywidgets.GridBox([a, b]), ["AAA", "BBB"]),
    ):
        view, *seen = displayed(box)
        assert view[WIDGET_VIEW]["model_id"] == box.model_id
        assert view["text/plain"] == ""
        assert [alt.split(" ")[0] for picture in seen for alt in pictures(picture)] == symbols
        assert [picture["text/plain"].split("=")[0] for picture in seen] == [f"{type(box).__name__}(children", ""][
            : len(seen)
        ]
    view, picture = displayed(a)
    assert (view["text/plain"], picture["text/plain"]) == ("", repr(a))


def test_boxes_without_a_heatmap_and_those_of_others_are_displayed_as_ever(displayed) -> None:
    class Own(ipywidgets.HBox):
        def _ipython_display_(self) -> None:
            print("mine")

    box = ipywidgets.HBox([ipywidgets.Label("x")])
    before = displayed(box)
    small()
    assert displayed(box) == before
    assert sorted(before[0]) == [WIDGET_VIEW, "text/plain"]
    assert displayed(Own([small()])) == []


def test_a_way_of_displaying_boxes_that_somebody_registered_stays(displayed) -> None:
    from IPython import get_ipython

    seen: list[object] = []
    get_ipython().display_formatter.ipython_display_formatter.for_type(ipywidgets.Box, seen.append)
    box = ipywidgets.HBox([small()])
    assert displayed(box) == []
    assert seen == [box]


def test_a_saved_notebook_of_a_week_is_small(sample) -> None:
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("import liqwidget as lw")])
    notebook.cells[0].outputs = [nbformat.v4.new_output("display_data", data=sample._repr_mimebundle_()[0])]
    state = ipywidgets.Widget.get_manager_state(widgets=[sample, sample.layout])
    notebook.metadata["widgets"] = {"application/vnd.jupyter.widget-state+json": state}
    assert len(nbformat.writes(notebook)) <= 400_000
