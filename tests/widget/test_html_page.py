"""The page without a kernel, and the still picture for saved notebooks, as text and bytes."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import re
import time
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import liqwidget as lw
from liqwidget.errors import InputError, LiqError
from liqwidget.widget.html_page import WIDGET_VIEW, entry
from liqwidget.widget.still_image import _ANCHORS, HEIGHT, WIDTH, Look, draw_still
from liqwidget.widget.wire import decode_frame
from markets import walk

ROOT = Path(__file__).resolve().parents[2]
REAL = ROOT.parent / "shared" / "data" / "btcusdt_5m_2025-12_2026-02.csv.gz"
HOSTILE = "</script><script>alert(1)</script><!--<img src=x onerror=a()>\"'&"
MB = 1_000_000


class Element:
    def __init__(self, tag: str, attributes: dict[str, str | None]) -> None:
        self.tag, self.attributes, self.text = tag, attributes, ""


class Page(HTMLParser):
    """The elements of a page in their order, each with the text up to the next tag of either kind."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[Element] = []
        self.comments: list[str] = []
        self.inside = False  # an element's own text ends where a child or the element itself does
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
    assert 0.4 * MB < len(html.encode()) <= 1.2 * MB


def test_a_week_of_the_real_market_fits_in_the_budget() -> None:
    if not REAL.is_file():
        pytest.skip("the real candles lie beside the checkout, and here they do not")
    market = lw.Market.from_frame(pd.read_csv(REAL).tail(2016), symbol="BTCUSDT", exchange="binance")
    assert len(lw.LiquidationHeatmap(market).to_html().encode()) <= 1.2 * MB


def test_the_page_is_the_same_twice(sample, html) -> None:
    assert sample.to_html() == html
    assert lw.LiquidationHeatmap(lw.load_sample()).to_html() == html


def test_nothing_in_it_is_fetched(sample, html) -> None:
    page = Page(html)
    links = [(e.tag, v) for e in page.elements for name, v in e.attributes.items() if name in ("src", "href", "action")]
    assert [link for link in links if not link[1].startswith("data:image/png;base64,")] == []
    assert not {"link", "iframe", "object", "embed", "base", "form"} & {e.tag for e in page.elements}
    # The bundle names a name space, a licence and the chart's maker, who is linked.
    own = html.replace(sample._esm, "")
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
    assert set(frames) == {"bars", "ledger", "events"}
    ledger = decode_frame(sample._ledger)
    assert frames["ledger"].meta == ledger.meta
    for name, array in ledger.arrays.items():
        np.testing.assert_array_equal(frames["ledger"].arrays[name], array)
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
        hm.to_html(title=3)


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


def test_palettes_are_those_of_the_browser() -> None:
    text = (ROOT / "js" / "src" / "base" / "colour.ts").read_text(encoding="utf-8")
    assert dict(re.findall(r'^  (\w+): "([0-9a-f ]{80,})"', text, re.MULTILINE)) == _ANCHORS


def test_the_still_picture_is_a_png_of_its_size(sample) -> None:
    png = sample._still().png
    image = Image.open(io.BytesIO(png))
    image.verify()
    assert (image.format, image.size) == ("PNG", (WIDTH, HEIGHT))
    assert len(png) <= 150_000


def test_the_still_picture_shows_density_and_candles_where_they_are() -> None:
    market = lw.Market.from_frame(walk(90, seed=5).candles, symbol="TEST")
    ledger = lw.build_ledger(market, (5, 25), span=0.5)
    weights = [0.5, 0.5]
    got = pixels(draw_still(market, ledger, 0.02, weights, Look(threshold=(0.0, 1.0))).png).astype(int)
    candles, density = market.candles, ledger.replay(0.02, weights)
    low, high = candles["low"].min(), candles["high"].max()
    top, bottom = high + (high - low) / 3, low - (high - low) / 3
    up, down, ground = (0x3F, 0xE0, 0xB0), (0xFF, 0x6F, 0x7D), (0x0C, 0x0A, 0x1A)
    seen = {"heat": 0, "ground": 0}
    for t in range(0, 90, 7):
        x = round((t + 0.4) * WIDTH / 90)
        body = got[int((top - candles["high"].iloc[t]) / (top - bottom) * HEIGHT), x]
        assert tuple(body) == (up if candles["close"].iloc[t] >= candles["open"].iloc[t] else down)
        for y in range(5, HEIGHT, 31):
            price = top - (y + 0.5) * (top - bottom) / HEIGHT
            if candles["low"].iloc[t] - 1 < price < candles["high"].iloc[t] + 1:
                continue
            row = int(price / ledger.bin_size - ledger.grid.first)
            if tuple(got[y, x]) == ground:
                # A pixel may reach into the next row.
                assert density.values[row, t] < density.values.max() * 2e-3
                seen["ground"] += 1
            else:
                assert density.values[row - 1 : row + 2, t].max() >= density.values.max() * 1e-3
                seen["heat"] += 1
    assert min(seen.values()) > 10


@pytest.mark.parametrize("scale", ["linear", "sqrt", "log"])
def test_brighter_is_denser_on_every_scale(scale) -> None:
    hm = small(scale=scale, threshold=(0.0, 1.0))
    seen = pixels(hm._still().png).astype(int).sum(axis=2)
    assert len(np.unique(seen)) > 20
    dim = small(scale=scale, threshold=(0.4, 1.0))
    assert (pixels(dim._still().png) == (0x0C, 0x0A, 0x1A)).all(axis=2).mean() > 0.3


@pytest.mark.parametrize("candles", [1, 2, 719, 720, 721, 2000])
def test_any_number_of_candles_makes_a_picture(candles) -> None:
    market = lw.Market.from_frame(walk(candles, seed=2).candles, symbol="TEST")
    hm = lw.LiquidationHeatmap(market)
    assert pixels(hm._still().png).shape == (HEIGHT, WIDTH, 3)
    assert hm.to_html().count('data-frame="') == 2


def test_a_flat_market_without_volume_makes_an_empty_picture() -> None:
    time_ = pd.date_range("2026-01-01", periods=5, freq="h", tz="UTC")
    flat = pd.DataFrame({"time": time_, "open": 5.0, "high": 5.0, "low": 5.0, "close": 5.0, "volume": 0.0})
    hm = lw.LiquidationHeatmap(lw.Market.from_frame(flat, symbol="FLAT"))
    assert (pixels(hm._still().png) == (0x0C, 0x0A, 0x1A)).all(axis=2).mean() > 0.9
    assert len(hm._still().clusters) == 1


def test_the_caption_and_the_clusters_are_those_of_the_last_candle(sample) -> None:
    made = sample._still()
    assert made.title == "BTCUSDT-SIM · simulated · 5m"
    assert made.caption.startswith("Simulated market. 2026-01-07 00:00 to 2026-01-14 00:00 UTC. Estimated")
    assert made.caption.endswith("Estimate, not a forecast.")
    wanted = sample.density.clusters(top=5)
    assert [line[0] for line in made.clusters[1:]] == wanted["side"].tolist()
    assert [float(line[3].replace(",", "")) for line in made.clusters[1:]] == pytest.approx(
        wanted["notional"].tolist(), abs=1
    )


def test_the_bundle_has_the_view_and_the_picture_and_is_made_quickly(sample) -> None:
    data, metadata = sample._repr_mimebundle_()
    assert data[WIDGET_VIEW]["model_id"] == sample.model_id
    assert metadata == {}
    page = Page(data["text/html"])
    png = base64.b64decode(page.one("img").attributes["src"].removeprefix("data:image/png;base64,"))
    assert png == sample._still().png
    assert len(json.dumps(data)) < 250_000
    # A ratio, so that it holds on any machine: a view costs at most three times what it cost without the picture.
    took = {"picture": [], "widget": []}
    for _ in range(3):
        for name, make in (("picture", sample._still), ("widget", lambda: lw.LiquidationHeatmap(sample.market))):
            start = time.perf_counter()
            make()
            took[name].append(time.perf_counter() - start)
    assert min(took["picture"]) < 2 * min(took["widget"])


def test_a_display_is_the_view_and_then_the_picture_but_inside_an_output_the_view_alone(monkeypatch) -> None:
    import IPython.display
    import ipywidgets

    shown = []
    monkeypatch.setattr(IPython.display, "display", lambda data, **_: shown.append(sorted(data)))
    hm = small()
    hm._ipython_display_()
    assert shown == [[WIDGET_VIEW, "text/plain"], ["text/html", "text/plain"]]
    shown.clear()
    out = ipywidgets.Output()
    out.msg_id = "a cell's"
    hm._ipython_display_()
    assert shown == [[WIDGET_VIEW, "text/plain"]]
    out.close()
    hm._ipython_display_()
    assert len(shown) == 3
