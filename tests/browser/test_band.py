"""The band on the profile, in a real JupyterLab: Python's numbers, painted in place, for the shown settings."""

from __future__ import annotations

import json

import numpy as np
import pytest
from chart import drag, frames, pixels, place, point

pytestmark = pytest.mark.browser

BEGIN = """import json, liqwidget as lw
market = lw.load_sample().tail(600)
later = market.candles.tail(1)
later.index += market.interval
hm = lw.LiquidationHeatmap(market, height=760, bubbles=False)
hm"""
PROFILE = "lw.sensitivity(hm.market, {mix}, {rate}, bin_size={size}, bin_sizes={size}, at={at}).profile"
BAND = "view.chart.profile.band"
# Record every later value of the band.
WATCH = """(() => { const { profile } = view.chart; let { band } = profile; window.bands = [];
  Object.defineProperty(profile, 'band', { get: () => band, set: (now) => { window.bands.push(now); band = now; } });
})()"""


def python_s(session, at=-1):
    """Python's profile and band for what the page shows, once the page has a band computed from the same numbers."""
    session.until(f"{BAND} !== null")
    shown = session.view("view.source.settings")
    mix = {float(tier): share for tier, share in shown["leverageMix"].items()}
    code = PROFILE.format(mix=mix, rate=shown["decayRate"], size=shown["binSize"], at=at)
    told = json.loads(session.python(f"print(json.dumps({code}.to_dict('list')))"))
    profile = {name: np.array(values) for name, values in told.items()}
    for name, ends in zip(("low", "high"), session.view(f"{BAND}.map((ends) => [...ends])"), strict=True):
        np.testing.assert_allclose(ends, profile[name], rtol=2e-6, atol=1e-3)
    return profile


def check_painted(session, profile):
    """Pale from low to high, over the estimate's own colour where the two overlap, and nothing beyond."""
    frames(session)
    image = pixels(session, ".liq-profile")[..., :3]
    width = image.shape[1]
    height = session.view("view.chart.api.paneSize(0).height")
    estimate = profile["long"] + profile["short"]
    ends = profile["price"][[0, -1]]
    at = np.interp(profile["price"], ends, [place(session, 0, price)[1] for price in ends])
    half = abs(at[1] - at[0]) / 2
    scale = (width - 6) / (2 * estimate[(at > -half) & (at < height + half)].max())
    right_ones = []
    for y, *lengths in zip(at, profile["low"] * scale, estimate * scale, profile["high"] * scale, strict=True):
        low, middle, high = lengths
        if not 60 < y < height - 40 or low < 4 or middle - low < 6 or high - middle < 6 or high + 4 > width:
            continue
        sure, within, above, beyond = (
            image[round(y), round(x)] for x in (low / 2, (low + middle) / 2, (middle + high) / 2, high + 3)
        )
        coloured = abs(sure[0] - sure[2]) > 70 and abs(within[0] - within[2]) > 40
        pale = within.min() > sure.min() + 20 and np.ptp(above) < 30 and above.min() > beyond.max() + 20
        right_ones.append(coloured and pale)
    assert len(right_ones) > 12
    assert np.mean(right_ones) > 0.8  # the curves cross at a few places


def test_the_band_is_python_s_and_follows_what_is_shown(notebook):
    session = notebook(BEGIN)
    first = python_s(session)
    check_painted(session, first)

    drag(session, ".liq-deck .liq-slider", 0.45)
    frames(session)
    second = python_s(session)
    assert abs(second["high"].sum() / first["high"].sum() - 1) > 0.2
    check_painted(session, second)

    # A changed setting removes the band until the slider is idle; a new candle does not.
    session.view(WATCH)
    assert session.view(f"(view.source.set({{ decayRate: 0.03 }}), {BAND})") is None
    python_s(session)
    session.python("hm.append(later)")
    session.until("view.source.field.columns === 601 && window.bands.length === 3")
    python_s(session)
    assert session.view("window.bands.map((band) => band === null)") == [True, False, False]

    # The band of the candle under the pointer; the readout has it as text.
    point(session, *place(session, 400, 87_050.0))
    session.page.locator(".liq-plot").focus()
    session.page.keyboard.press("i")
    session.until("root.querySelector('.liq-cell').textContent.includes('under other likely mixes and decay rates')")
    time = session.page.locator(".liq-candle span").first.inner_text().strip()
    at = int(session.python(f"print(hm.market.candles.index.get_loc('{time}'))"))
    assert at == pytest.approx(400, abs=1)  # a column is barely wider than a pixel
    third = python_s(session, at)
    check_painted(session, third)
    assert session.page.problems == []
