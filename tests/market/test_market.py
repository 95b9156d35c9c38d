from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from contextlib import suppress
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from liqwidget.errors import InputError
from liqwidget.market.market import Market
from liqwidget.model.opening import opened_coins

START = 1_704_067_200  # 2024-01-01 00:00 UTC
OHLCV = ["open", "high", "low", "close", "volume"]


def bars(rows: int = 6, **columns: Any) -> pd.DataFrame:
    """Five-minute candles with a time column in ms; `columns` replace or add columns."""
    base = 42_000.0 + np.arange(rows)
    frame = {
        "time": (START + 300 * np.arange(rows, dtype=np.int64)) * 1000,
        "open": base,
        "high": base + 10.5,
        "low": base - 10.5,
        "close": base + 1,
        "volume": 1.0 + np.arange(rows),
    }
    return pd.DataFrame({**frame, **columns})


def at(frame: pd.DataFrame, column: str, row: int, value: object) -> pd.DataFrame:
    """The frame with one cell changed, whatever its type."""
    cells = list(frame[column])
    cells[row] = value
    kind = object if not isinstance(value, float) else None
    return frame.assign(**{column: pd.Series(cells, dtype=kind)})


# Accepted input


@pytest.mark.parametrize(
    ("name", "rows", "label", "extra", "widened", "carried"),
    [
        ("btcusdt_5m_2025-12_2026-02.csv.gz", 23_242, "5m", ["open_interest", "funding_rate"], 0, 0),
        (
            "btcusdt_1h_2024-06_2024-08.csv.gz",
            1_465,
            "1h",
            ["open_interest", "taker_buy_volume", "long_short_ratio"],
            0,
            2,
        ),
        ("xbtusd_1m_2020-03.csv.gz", 14_400, "1m", [], 334, 0),
    ],
)
def test_real_files_load(
    shared_data: Callable[[str], Path], name: str, rows: int, label: str, extra: Any, widened: int, carried: Any
) -> None:
    raw = pd.read_csv(shared_data(name))
    market = Market.from_frame(raw)
    assert (len(market), market.interval_label, market.missing) == (rows, label, 0)
    assert list(market.candles.columns) == OHLCV + extra
    assert str(market.candles.index.dtype) == "datetime64[ns, UTC]"
    assert market.candles.index.name == "time"
    assert (market.candles.dtypes == np.float64).all()
    np.testing.assert_array_equal(market.candles["close"], raw["close"])
    assert market.candles.index[0] == pd.Timestamp(raw["time"][0])
    assert market.widened == widened
    assert market.carried.get("long_short_ratio", 0) == carried
    body = market.candles[["open", "close"]]
    assert (market.candles["low"] <= body.min(axis=1)).all()
    assert (market.candles["high"] >= body.max(axis=1)).all()
    assert market.price_decimals == 1
    assert not market.candles[OHLCV].isna().any(axis=None)


EXPECTED = pd.DatetimeIndex([f"2024-01-01 00:{minute:02}" for minute in range(0, 30, 5)], tz="UTC", name="time")
EXPECTED = EXPECTED.as_unit("ns")
SECONDS = START + 300 * np.arange(6)
TIMES = {
    "s": SECONDS,
    "ms": SECONDS * 1000,
    "us": SECONDS * 10**6,
    "ns": SECONDS * 10**9,
    "float s": SECONDS.astype(float),
    "float ns": SECONDS * 1e9,
    "strings of ms": (SECONDS * 1000).astype(str),
    "ms, then us as Binance's archives do": np.where(np.arange(6) < 3, SECONDS * 1000, SECONDS * 10**6),
    "nullable": pd.array(SECONDS, dtype="Int64"),
    "ISO Z": EXPECTED.strftime("%Y-%m-%dT%H:%M:%SZ"),
    "ISO naive": EXPECTED.strftime("%Y-%m-%d %H:%M:%S"),
    "ISO offset": EXPECTED.tz_convert("Asia/Tokyo").strftime("%Y-%m-%dT%H:%M:%S%z"),
    "ISO of two zones": [*EXPECTED.strftime("%Y-%m-%dT%H:%M:%SZ")[:5], "2024-01-01T09:25:00+09:00"],
    "datetime64 naive": EXPECTED.tz_localize(None),
    "datetime64 s": EXPECTED.tz_localize(None).as_unit("s"),
    "datetime64 zone": EXPECTED.tz_convert("America/New_York"),
    "datetimes": pd.Series([time.to_pydatetime() for time in EXPECTED], dtype=object),
    "category": pd.Categorical(EXPECTED.strftime("%Y-%m-%d %H:%M")),
}


@pytest.mark.parametrize("times", TIMES.values(), ids=TIMES.keys())
def test_times_in_every_unit(times: Any) -> None:
    market = Market.from_frame(bars().assign(time=times))
    pd.testing.assert_index_equal(market.candles.index, EXPECTED)
    indexed = bars().drop(columns="time").set_index(pd.Index(list(times), name="Open time"))
    assert Market.from_frame(indexed).candles.equals(market.candles)


def test_fractions_of_a_second_are_kept() -> None:
    found = Market.from_frame(bars(time=SECONDS + 0.5)).candles.index
    assert found.equals(EXPECTED + pd.Timedelta("500ms"))


@pytest.mark.parametrize("name", ["time", "Timestamp", "DATE", "datetime", "open_time", "Open time", "opentime", "ts"])
def test_time_columns_by_name(name: str) -> None:
    assert Market.from_frame(bars().rename(columns={"time": name})).candles.index[0] == EXPECTED[0]


@pytest.mark.parametrize(
    ("field", "names"),
    [
        ("open", ["o", "Open", "OPEN"]),
        ("close", ["c", "Close"]),
        ("volume", ["v", "Vol", "base_volume"]),
        ("open_interest", ["oi", "sum_open_interest", "sumOpenInterest"]),
        ("taker_buy_volume", ["taker_buy_base", "Taker buy base asset volume", "taker_buy_base_volume"]),
        ("funding_rate", ["last_funding_rate", "fundingRate"]),
        ("long_short_ratio", ["longShortRatio", "count_long_short_ratio"]),
    ],
)
def test_columns_by_their_other_names(field: Any, names: Any) -> None:
    for name in names:
        values = np.linspace(42_000, 42_005, 6)
        frame = bars().assign(**{field: values}).rename(columns={field: name})
        np.testing.assert_array_equal(Market.from_frame(frame).candles[field], values)


def test_shapes_of_ccxt_binance_and_yfinance() -> None:
    wanted = Market.from_frame(bars()).candles
    rows = bars().to_numpy().tolist()
    assert Market.from_frame(rows).candles.equals(wanted)
    assert Market.from_frame(pd.DataFrame(rows)).candles.equals(wanted)
    klines = [[*row, 0, "1", 5, "0.25", "9", "0"] for row in bars().astype(str).to_numpy().tolist()]
    assert Market.from_frame(klines).candles["taker_buy_volume"].eq(0.25).all()
    archive = bars(close_time=0, quote_volume=1.0, count=5, taker_buy_volume=0.25, taker_buy_quote_volume=9.0, ignore=0)
    market = Market.from_frame(archive.rename(columns={"time": "open_time"}))
    assert market.candles[OHLCV].equals(wanted)
    assert market.ignored == ("close_time", "quote_volume", "count", "taker_buy_quote_volume", "ignore")
    yahoo = bars().drop(columns="time").set_index(EXPECTED.rename("Datetime")).assign(adj_close=1.0)
    yahoo.columns = pd.MultiIndex.from_product([[*(name.title() for name in OHLCV), "Adj Close"], ["BTC-USD"]])
    assert Market.from_frame(yahoo).candles.equals(wanted)
    assert Market.from_frame(yahoo).ignored == ("Adj Close",)
    assert Market.from_frame(bars().set_index(EXPECTED)).candles.equals(wanted)  # index and column agree


def test_numbers_as_text_decimal_and_int32() -> None:
    wanted = Market.from_frame(bars()).candles
    assert Market.from_frame(bars().astype(str)).candles.equals(wanted)
    decimals = bars().assign(close=[Decimal(str(price)) for price in bars()["close"]])
    assert Market.from_frame(decimals.astype({"volume": "int32"})).candles.equals(wanted)


def test_the_input_is_not_touched_and_not_shared() -> None:
    frame = bars(open_interest=[1.0, np.nan, 3, 4, 5, 6])
    before = frame.copy()
    market = Market.from_frame(frame)
    frame.loc[:, "close"] = 1.0
    assert market.candles["close"].iloc[0] == 42_001
    seen = market.candles
    with suppress(ValueError):  # before pandas 3 the values are read-only
        seen.iloc[0, 0] = 1.0
    assert market.candles["open"].iloc[0] == 42_000
    assert before["open_interest"].isna().sum() == 1


def test_sort() -> None:
    assert Market.from_frame(bars().iloc[::-1], sort=True).candles.equals(Market.from_frame(bars()).candles)
    with pytest.raises(InputError, match=r"close must be .* row 1 \(2024-01-01 00:20 UTC\)"):
        Market.from_frame(at(bars(), "close", 4, -1.0).iloc[::-1], sort=True)


# Rejected input

NASTY = "<script>alert(1)</script>\x00" * 1000


class Hostile:
    def __repr__(self) -> str:
        raise RuntimeError


@pytest.mark.parametrize(
    ("frame", "said"),
    [
        ({"a": 1}, "candles: wanted a pandas DataFrame; got dict"),
        (None, "got NoneType"),
        ([[1, 2, 3]], r"candles: wanted rows \[ms, open, high, low, close, volume\]; row 0 is \[1, 2, 3\]"),
        ([], "wanted at least one row"),
        (bars(0), "wanted at least one row"),
        (bars()[["time", "open", "close", "high"]], "missing low, volume; got 'time', 'open', 'close', 'high'"),
        (bars().drop(columns="time"), "wanted a time: a DatetimeIndex, or a column named time"),
        (bars().assign(Close=1.0), "wanted one column for close; got 'close' and 'Close'"),
        (bars().assign(timestamp=1), "wanted one column for time; got 'time' and 'timestamp'"),
        (bars().set_index(EXPECTED + pd.Timedelta("1min")), "wanted one time; got an index and 'time' that differ"),
        (bars().iloc[[0, 1, 3, 2, 4]], "times must increase; row 3 is 2024-01-01 00:10 after 2024-01-01 00:15 "),
        (bars().iloc[[0, 1, 3, 2, 4]], r"\(UTC\). Sort by time, or pass sort=True\."),
        (bars().iloc[[0, 1, 1, 2]], r"times must be unique; row 2 is 2024-01-01 00:05 again, as row 1 \(UTC\)"),
        (at(bars(), "time", 2, None), "row 2 of 'time' is None"),
        (at(bars(), "time", 2, np.nan), "row 2 of 'time' is nan"),
        (at(bars(), "time", 3, "yesterday"), "row 3 of 'time' is 'yesterday'"),
        (
            at(bars(time=EXPECTED.strftime("%Y-%m-%d %H:%M")), "time", 5, "01/02/2024"),
            "row 5 of 'time' is '01/02/2024'",
        ),
        (bars(time=np.arange(6)), "row 0 of 'time' is"),
        (bars(time=True), "row 0 of 'time' is"),
        (at(bars(time=list(EXPECTED)), "time", 4, Hostile()), "row 4 of 'time' is <"),
        (bars(time=["9999-01-01"] * 6), "row 0 of 'time' is '9999-01-01'"),
        (
            at(bars(), "close", 4, np.nan),
            r"close must be a finite price above 0; row 4 \(2024-01-01 00:20 UTC\) has nan",
        ),
        (at(bars(), "low", 0, 0.0), "low must be a finite price above 0; row 0 .* has 0.0"),
        (at(bars(), "high", 0, np.inf), "high must be a finite price above 0; row 0 .* has inf"),
        (at(bars(), "volume", 1, np.nan), "volume must be a finite number, 0 or more; row 1 .* has nan"),
        (at(bars(), "volume", 1, -1.0), "volume must be .* has -1.0"),
        (at(bars(), "volume", 1, np.inf), "volume must be .* has inf"),
        (at(bars(open_interest=1.0), "open_interest", 1, -1.0), "open_interest must be .* has -1.0"),
        (at(bars(open_interest=1.0), "open_interest", 1, np.inf), "open_interest must be .* has inf"),
        (at(bars(funding_rate=1.0), "funding_rate", 1, np.inf), "funding_rate must be .* has inf"),
        (at(bars(), "close", 2, "12,5"), r"close must be a number; row 2 \(2024-01-01 00:10 UTC\) has '12,5'"),
        (at(bars(), "close", 2, True), "close must be a number; row 2 .* has True"),
        (at(bars(), "close", 2, [1]), r"close must be a number; row 2 .* has \[1\]"),
        (at(bars(), "close", 2, Hostile()), "close must be a number; row 2 .* has <"),
        (bars(close=EXPECTED), "close must be a number"),
        (at(bars(), "high", 2, 100.0), "high must not be below low; row 2 .* has 100.0 below 41991.5"),
        (at(bars(), "open", 3, 42_500.0), "open must be between low and high .* row 3 .* has 42500.0 outside"),
        (at(bars(), "close", 3, 41_000.0), "close must be between low and high .* row 3 .* has 41000.0 outside"),
        (bars(mark_low=1.0), "wanted mark_low and mark_high, or neither; got mark_low without mark_high"),
        (bars(mark_low=2.0, mark_high=1.0), "mark_high must not be below mark_low; row 0"),
        (bars(mark_low=-2.0, mark_high=1.0), "mark_low must be a finite price above 0; row 0"),
    ],
)
def test_refusals_say_what_where_and_the_cure(frame: Any, said: str) -> None:
    with pytest.raises(InputError, match=said) as caught:
        Market.from_frame(frame)
    assert str(caught.value).endswith((".", ".)", "?"))


@pytest.mark.parametrize("column", ["time", "close"])
def test_hostile_cells_are_shown_short(column: Any) -> None:
    for frame in (at(bars(), column, 1, NASTY), at(bars(), column, 1, 10**5000), bars().assign(**{NASTY: 1})[[NASTY]]):
        with pytest.raises(InputError) as caught:
            Market.from_frame(frame)
        assert len(str(caught.value)) < 400
        assert str(caught.value).isprintable()


@pytest.mark.parametrize("label", ["x" * 65, "BTC\n", "BTC\u202e", 7, None])
def test_labels_are_checked(label: Any) -> None:
    for name in ("symbol", "exchange"):
        with pytest.raises(InputError, match=f"{name}: wanted text"):
            Market.from_frame(bars(), **{name: label})


# Repairs, which are counted


def test_an_open_a_little_outside_widens() -> None:
    frame = at(at(bars(), "open", 1, 42_100.0), "close", 3, 41_900.0)
    market = Market.from_frame(frame)
    assert market.widened == 2
    assert market.candles["high"].iloc[1] == 42_100
    assert market.candles["low"].iloc[3] == 41_900
    far = at(at(at(bars(), "open", 3, 42_002.5), "close", 2, 42_002.5), "high", 3, 41_000.0)
    far = at(far, "low", 3, 40_000.0)
    assert Market.from_frame(at(far, "close", 3, 41_000.0)).widened == 1  # opens at the last close, 2.4 % away


def test_optional_values_are_carried_and_mark_prices_are_not() -> None:
    nan = np.nan
    market = Market.from_frame(
        bars(
            open_interest=[nan, 5, nan, nan, 7, nan],
            funding_rate=nan,
            mark_low=[nan, 41_000, 41_000, nan, 41_000, 41_000],
            mark_high=43_000.0,
        )
    )
    np.testing.assert_array_equal(market.candles["open_interest"], [nan, 5, 5, 5, 7, 7])
    assert market.candles["mark_low"].isna().sum() == 2
    assert market.carried == {"open_interest": 3, "mark_low": 2, "mark_high": 0}
    assert "funding_rate" not in market.candles
    assert market.tail(2).carried == {"open_interest": 1, "mark_low": 0, "mark_high": 0}


def test_open_interest_of_zero_is_no_value() -> None:
    nan = np.nan
    market = Market.from_frame(bars(open_interest=[0, 5, 0, -0.0, 7, nan], taker_buy_volume=0.0))
    np.testing.assert_array_equal(market.candles["open_interest"], [nan, 5, 5, 5, 7, 7])
    assert market.carried == {"open_interest": 3, "taker_buy_volume": 0}
    assert (market.candles["taker_buy_volume"] == 0).all()
    later = bars(2, time=(START + 300 * np.arange(5, 7)) * 1000, open_interest=["0.000", "8"])
    grown = market.append(later)
    np.testing.assert_array_equal(grown.candles["open_interest"], [nan, 5, 5, 5, 7, 7, 8])
    assert market.append(later.assign(open_interest=0)).carried["open_interest"] == 4
    nothing = Market.from_frame(bars(open_interest=0))
    assert "open_interest" not in nothing.candles
    assert "open_interest" not in nothing.carried


def test_nothing_opens_where_open_interest_comes_back() -> None:
    interest = np.full(60, 80_000.0)
    interest[20:40] = 0.0
    market, whole = (Market.from_frame(bars(60, open_interest=values)) for values in (interest, 80_000.0))
    np.testing.assert_array_equal(opened_coins(market)[0], opened_coins(whole)[0])


def test_gaps_are_counted() -> None:
    market = Market.from_frame(bars(20).drop(index=[3, 9, 10, 11]))
    assert market.missing == 4
    assert market.gaps["missing"].tolist() == [1, 3]
    assert market.gaps["after"][0] == pd.Timestamp("2024-01-01 00:10", tz="UTC")
    assert market.gaps["before"][0] == pd.Timestamp("2024-01-01 00:20", tz="UTC")
    assert Market.from_frame(bars()).gaps.empty


@pytest.mark.parametrize(
    ("seconds", "label"),
    [(1, "1s"), (60, "1m"), (90, "90s"), (300, "5m"), (3600, "1h"), (5400, "90m"), (86400, "1d"), (604800, "1w")],
)
def test_interval_label(seconds: int, label: str) -> None:
    market = Market.from_frame(bars(time=START + seconds * np.arange(6)))
    assert market.interval_label == label
    assert market.interval == pd.Timedelta(seconds=seconds)
    assert (market.tail(1).interval, market.tail(1).interval_label) == (pd.Timedelta(0), "")


@pytest.mark.parametrize(
    ("price", "decimals"), [(42_000.0, 0), (42_000.5, 1), (0.1 + 0.2, 1), (0.00001234, 8), (1e-14, 12), (1 / 3, 9)]
)
def test_price_decimals(price: Any, decimals: int) -> None:
    flat = bars(open=price, high=price, low=price, close=price)
    assert Market.from_frame(flat).price_decimals == decimals
    assert Market.from_frame(flat).candles["close"].iloc[0] == price


# Output of a market


def liquidations() -> pd.DataFrame:
    times = (START + np.array([1600, 10, 700, 310])) * 1000
    return pd.DataFrame({"time": times, "side": ["SELL", "buy", "Long", "short"], "price": 42_000.0, "qty": 0.5})


def test_liquidations_are_normalised() -> None:
    found = Market.from_frame(bars(), liquidations=liquidations()).liquidations
    assert list(found.columns) == ["time", "side", "price", "quantity", "notional"]
    assert found["side"].tolist() == ["short", "short", "long", "long"]
    assert found["time"].is_monotonic_increasing
    assert str(found["time"].dtype) == "datetime64[ns, UTC]"
    assert found["notional"].eq(21_000.0).all()
    sums = liquidations().drop(columns=["price", "qty"]).assign(notional=7)
    again = Market.from_frame(bars(), liquidations=sums).liquidations
    assert again[["price", "quantity"]].isna().all(axis=None)
    assert Market.from_frame(bars(), liquidations=again).liquidations.equals(again)
    assert len(Market.from_frame(bars(), liquidations=again.iloc[:0]).liquidations) == 0
    assert Market.from_frame(bars()).liquidations is None


def test_binance_force_orders(shared_data: Callable[[str], Path]) -> None:
    raw = pd.read_csv(shared_data("binance_force_orders_sample.csv.gz"))
    found = Market.from_frame(bars(), liquidations=raw[raw["symbol"] == "BTC"]).liquidations
    assert len(found) == 108
    assert (found["side"] == "long").sum() == (raw[raw["symbol"] == "BTC"]["side"] == "SELL").sum()


@pytest.mark.parametrize(
    ("frame", "said"),
    [
        ([1], "liquidations: wanted a pandas DataFrame; got list"),
        (liquidations().drop(columns="side"), "liquidations: wanted the columns side; missing side"),
        (liquidations().drop(columns="qty"), r"need notional \(USD\), or price and quantity"),
        (
            at(liquidations(), "side", 0, "up"),
            r"side must be long or short .* row 0 \(2024-01-01 00:26:40 UTC\) has 'up'",
        ),
        (at(liquidations(), "side", 0, None), "side must be long or short .* has "),
        (at(liquidations(), "price", 0, -1.0), "price must be a finite price above 0, or NaN; row 0 .* has -1.0"),
        (at(liquidations(), "qty", 1, np.inf), "quantity must be finite, >= 0, or NaN; row 1 .* has inf"),
        (at(liquidations(), "qty", 1, np.nan), "notional must be .* row 1 .* has nan"),
        (at(liquidations(), "time", 1, "x"), "row 1 of 'time' is 'x'"),
    ],
)
def test_bad_liquidations_are_refused(frame: Any, said: str) -> None:
    with pytest.raises(InputError, match=said):
        Market.from_frame(bars(), liquidations=frame)


def test_tail_and_between() -> None:
    market = Market.from_frame(bars(), "ETHUSDT", "okx", liquidations(), simulated=True)
    last = market.tail(4)
    assert last.candles.equals(market.candles.iloc[-4:])
    assert (last.symbol, last.exchange, last.simulated) == ("ETHUSDT", "okx", True)
    assert len(last.liquidations) == 2
    assert len(market.tail(100)) == 6
    middle = market.between("2024-01-01 00:05", dt.datetime(2024, 1, 1, 0, 10))
    assert middle.candles.equals(market.candles.iloc[1:3])
    assert len(middle.liquidations) == 2
    assert len(market.between(end="2024-01-01T01:05+01:00")) == 2
    assert len(market.between()) == 6
    with pytest.raises(InputError, match=r"wanted candles from '2025' to None; got none\. The market has"):
        market.between("2025")
    for bad in ("soon", 5, True, pd.NaT, object()):
        with pytest.raises(InputError, match="start: wanted a date or time"):
            market.between(bad)
    not_counts: tuple[Any, ...] = (0, -1, 1.0, True, "3")
    for bad in not_counts:
        with pytest.raises(InputError, match="n: wanted a whole number of at least 1"):
            market.tail(bad)


@given(st.integers(1, 11), st.booleans())
def test_appending_is_reading_in_one_go(cut: int, again: bool) -> None:
    nan = np.nan
    frame = bars(12, open_interest=[nan, 2, nan, 4, nan, nan, 7, 8, nan, nan, 11, nan])
    whole = Market.from_frame(frame)
    first = Market.from_frame(frame.iloc[:cut])
    before = first.candles.copy()
    both = first.append(frame.iloc[cut - again :])
    if "open_interest" in first.candles:
        assert both.candles.equals(whole.candles)
        assert both.carried == whole.carried
    else:
        assert both.candles.equals(whole.candles[OHLCV])
    assert first.candles.equals(before)


def test_append_replaces_the_forming_candle() -> None:
    market = Market.from_frame(
        bars(open_interest=[5.0] * 5 + [6.0], mark_low=41_000.0, mark_high=43_000.0), liquidations=liquidations()
    )
    update = bars(7).iloc[5:].assign(close=42_007.5, extra=1, long_short_ratio=1.0)
    grown = market.append(update)
    assert (len(market), len(grown)) == (6, 7)
    assert grown.candles["close"].iloc[-2:].tolist() == [42_007.5, 42_007.5]
    assert grown.candles["open_interest"].tolist() == [5.0] * 5 + [6.0, 6.0]
    assert grown.candles["mark_low"].isna().tolist() == [False] * 5 + [True, True]
    assert grown.carried == {"open_interest": 2, "mark_low": 2, "mark_high": 2}
    assert set(grown.ignored) == {"extra", "long_short_ratio"}
    assert len(grown.liquidations) == 4
    with pytest.raises(
        InputError, match=r"must not be before the last candle, 2024-01-01 00:25 \(UTC\); first is row 0"
    ):
        market.append(bars())
    with pytest.raises(InputError, match="at least one row"):
        market.append(bars(0))
    with pytest.raises(InputError, match="times must increase"):
        market.append(bars(9).iloc[[7, 6]])
    assert len(market.tail(1).append(update)) == 2


def test_repr_is_one_line_and_html_is_escaped() -> None:
    symbol = "<b onload=x>&"
    frame = bars(20, open_interest=[np.nan, 1.0] * 10).drop(index=[7, 8])
    market = Market.from_frame(frame, symbol, "binance", liquidations(), simulated=True)
    line = repr(market)
    assert "\n" not in line
    for words in (
        "binance",
        "5m",
        "(simulated)",
        "2024-01-01 00:00 to 2024-01-01 01:35",
        "rows 18",
        "(2 candles missing)",
    ):
        assert words in line
    assert "with open_interest" in line
    assert "liquidations 4" in line
    html = market._repr_html_()
    assert "<b" not in html
    assert "&lt;b onload=x&gt;&amp;" in html
    assert "simulated" not in repr(Market.from_frame(bars()))


prices = st.floats(1e-9, 1e9)


@given(st.lists(st.tuples(prices, prices, st.floats(0, 1e12)), min_size=1, max_size=30))
def test_any_honest_candles_come_through_unchanged(rows: Any) -> None:
    ends = np.array([row[:2] for row in rows])
    frame = pd.DataFrame(
        {
            "t": START + 60 * np.arange(len(rows)),
            "o": ends[:, 0],
            "h": ends.max(axis=1),
            "l": ends.min(axis=1),
            "c": ends[:, 1],
            "v": [row[2] for row in rows],
        }
    )
    market = Market.from_frame(frame)
    np.testing.assert_array_equal(market.candles, frame.drop(columns="t"))
    assert market.widened == market.missing == 0
