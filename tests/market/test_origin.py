"""Provenance: what a market and its picture state about the origin of their data."""

from __future__ import annotations

import time

import pandas as pd
import pytest

import liqwidget as lw
from liqwidget.market.origin import span_text
from liqwidget.widget.frames import notices_of
from markets import walk

HOUR = 3_600_000


def test_a_market_says_where_it_comes_from() -> None:
    market = walk(50)
    assert market.origin is None
    origin = lw.Origin("binance", 1_780_963_200_123, 1_780_963_200_000, {"mark_low": "none here"}, True, ("a note",))
    known = market.with_origin(origin)
    text = repr(known)
    for words in (
        "source binance, fetched 2026-06-09 00:00 UTC",
        "stale by ",
        "partial some of the requested data is missing",
        "without mark_low: none here",
        "note a note",
    ):
        assert words in text
    assert "<b>" not in known.with_origin(lw.Origin("<b>x</b>"))._repr_html_()
    for same in (known.tail(5), known.between(known.candles.index[3]), known.append(known.candles.tail(1))):
        assert same.origin is origin


@pytest.mark.parametrize(
    ("ms", "text"), [(0, "0 s"), (59_999, "59 s"), (60_000, "1 min"), (HOUR, "1 h"), (49 * HOUR, "2 d")]
)
def test_spans_in_words(ms, text) -> None:
    assert span_text(ms) == text


@pytest.mark.parametrize(("age_hours", "said"), [(5, "stale: ends 5 h ago"), (0, None)])
def test_the_picture_says_that_it_is_old_and_partial(age_hours, said) -> None:
    market = walk(50)
    shift = (
        pd.Timestamp.now("UTC").floor("min")
        - pd.Timedelta(hours=age_hours)
        - market.interval
        - market.candles.index[-1]
    )
    candles = market.candles.set_axis(market.candles.index + shift)
    now = int(time.time() * 1000)
    market = lw.Market.from_frame(candles).with_origin(lw.Origin("bybit", now, now, {}, partial=True))
    notices = notices_of(market)
    assert "partial data" in notices
    assert [text for text in notices if text.startswith("stale")] == ([said] if said else [])


def test_the_forming_candle_has_no_open_interest_yet() -> None:
    candles = walk(50).candles
    candles["open_interest"] = 1000.0
    candles.loc[candles.index[-1], "open_interest"] = float("nan")
    assert lw.Market.from_frame(candles).carried_before_last("open_interest") == 0
    candles.loc[candles.index[-3], "open_interest"] = float("nan")
    market = lw.Market.from_frame(candles)
    assert market.carried["open_interest"] == 2
    assert "no open interest in 1 candle: last value kept" in notices_of(market)


def test_candles_may_come_again_from_an_earlier_one_on() -> None:
    market = walk(50)
    late = market.candles.iloc[30:].assign(volume=7.0)
    with pytest.raises(lw.InputError, match="must not be before the last candle"):
        market.append(late)
    changed = market.append(late, replace=True)
    assert (changed.candles["volume"].iloc[30:] == 7.0).all()
    assert changed.candles.iloc[:30].equals(market.candles.iloc[:30])
    with pytest.raises(lw.InputError, match="must not be before 20"):
        market.append(market.candles, replace=True)
    hm, whole = (
        lw.LiquidationHeatmap(market, decay_rate=0.02, bin_size=1.0),
        lw.LiquidationHeatmap(changed, decay_rate=0.02, bin_size=1.0),
    )
    hm.append(late, replace=True)
    assert (hm.density.values == whole.density.values).all()
