"""Times, row orders and tables as found in practice; the correct candles are written by hand."""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable
from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import liqwidget as lw
from liqwidget.errors import InputError
from liqwidget.market.clock import interval_of
from liqwidget.market.market import Market
from liqwidget.widget.frames import notices_of

# Open, high, low, close, volume of 2025-02-01, in five-minute candles from 00:00 (UTC).
CANDLES = [
    [97000.0, 97215.9, 96951.5, 97167.32, 32.8],
    [97167.32, 97311.99, 97118.73, 97263.35, 182.65],
    [97263.35, 97482.16, 97214.72, 97433.44, 182.01],
    [97433.44, 97849.19, 97384.73, 97800.29, 58.67],
    [97800.29, 98140.13, 97751.39, 98091.08, 91.59],
    [98091.08, 98140.13, 97817.74, 97866.67, 238.71],
    [97866.67, 97915.61, 97487.93, 97536.7, 225.81],
    [97536.7, 97745.03, 97487.93, 97696.19, 115.33],
    [97696.19, 97745.03, 97449.31, 97498.06, 97.67],
    [97498.06, 97546.81, 97446.89, 97495.64, 105.44],
    [97495.64, 97708.35, 97446.89, 97659.52, 217.39],
    [97659.52, 97708.35, 97290.31, 97338.98, 65.17],
]
SECONDS = [1_738_368_000 + 300 * i for i in range(12)]
INDEX = pd.date_range("2025-02-01", periods=12, freq="5min", tz="UTC")
NAMES = ["open", "high", "low", "close", "volume"]


def frame(time: Any = None, name: str = "time") -> pd.DataFrame:
    """The candles with a given time column."""
    table = pd.DataFrame(CANDLES, columns=NAMES)
    table.insert(0, name, SECONDS if time is None else time)
    return table


def is_right(market: Market) -> bool:
    """Whether a market has exactly these candles."""
    np.testing.assert_array_equal(market.candles[NAMES], CANDLES)
    assert list(market.candles.index) == list(INDEX)
    assert (market.interval_label, market.missing, market.widened) == ("5m", 0, 0)
    return True


# Times


@pytest.mark.parametrize("pattern", ["%Y%m%d%H%M%S", "%Y%m%d%H%M", "%Y%m%d%H%M%S000"])
@pytest.mark.parametrize("kind", [str, int, float, object])
def test_digits_are_dates(pattern: str, kind: type) -> None:
    digits = INDEX.strftime(pattern)
    if kind is float and len(digits[0]) == 17:
        with pytest.raises(InputError, match="row 0 of 'time' is"):  # float64 cannot represent 17 digits
            Market.from_frame(frame(digits.astype("int64").astype(float)))
        return
    assert is_right(Market.from_frame(frame(pd.Series(digits).astype("int64").astype(kind))))


def test_hours_and_days_as_digits() -> None:
    hours = pd.date_range("2025-02-01", periods=12, freq="h", tz="UTC")
    for times, pattern in ((hours, "%Y%m%d%H"), (pd.date_range("2025-02-20", periods=12, tz="UTC"), "%Y%m%d")):
        for kind in (int, str):
            market = Market.from_frame(frame(times.strftime(pattern).astype("int64").astype(kind)))
            assert list(market.candles.index) == list(times)


def test_seconds_of_2034_stay_seconds() -> None:
    market = Market.from_frame(frame([2_025_020_100 + 60 * i for i in range(12)]))
    assert market.candles.index[0] == pd.Timestamp("2034-03-03 17:35:00", tz="UTC")


@pytest.mark.parametrize(
    "time",
    [
        [20250231000000 + i for i in range(12)],  # 31 February
        [20251301000000 + i for i in range(12)],
        [20250201240000 + i for i in range(12)],
        [99990101000000 + i for i in range(12)],
        [1 + i for i in range(12)],
        [1_199_145_600 + i for i in range(12)],  # 2008
        [4_133_980_800 + i for i in range(12)],  # 2101
        [2**62 + i for i in range(12)],
        [-1_738_368_000] * 12,
        [1e300] * 12,
        [np.inf] * 12,
        ["1e400"] * 12,
        ["18446744073709551615"] * 12,
        pd.Series([2**64 - 1] * 12, dtype="uint64"),
        pd.date_range("2008-12-31 23:55", periods=12, freq="min"),
        pd.date_range("2105-01-01", periods=12, freq="min"),
        ["2500-01-01"] * 12,
        ["0001-01-01"] * 12,
    ],
)
def test_years_outside_2009_to_2100_are_refused(time: Any) -> None:
    with pytest.raises(InputError, match=r"from 2009 to 2100; row \d+ of 'time' is"):
        Market.from_frame(frame(time))


@pytest.mark.parametrize(
    ("time", "cure"),
    [
        ([45_689 + i for i in range(12)], r"unit='D', origin='1899-12-30'"),
        ([f"{i:02}/02/2025" for i in range(1, 13)], r"pd.to_datetime\(df\['time'\], dayfirst=True\)"),
    ],
)
def test_times_that_need_a_word_say_it(time: Any, cure: str) -> None:
    with pytest.raises(InputError, match=cure):
        Market.from_frame(frame(time))


@pytest.mark.parametrize("zone", [" UTC", " GMT", " +0000 UTC", "+00:00"])
def test_zones_as_words(zone: str) -> None:
    assert is_right(Market.from_frame(frame(INDEX.strftime("%Y-%m-%d %H:%M:%S") + zone)))


@pytest.mark.parametrize("pattern", ["%d.%m.%Y %H:%M", "%d/%m/%Y %H:%M:%S", "%m/%d/%Y %H:%M", "%m-%d-%Y %H:%M UTC"])
def test_day_and_month_where_it_is_sure_which_is_which(pattern: str) -> None:
    days = pd.date_range("2025-02-01", periods=40, tz="UTC")
    price = np.full(40, 97_000.0)
    bars = {"time": days.strftime(pattern), "open": price, "high": price, "low": price, "close": price, "volume": 1.0}
    assert list(Market.from_frame(pd.DataFrame(bars)).candles.index) == list(days)
    if "." not in pattern:
        with pytest.raises(InputError, match=r"row 0 of 'time' is .*Day first or month first\?"):
            Market.from_frame(pd.DataFrame(bars).iloc[:10])


def test_two_columns_of_one_time_are_one() -> None:
    ms = [second * 1000 for second in SECONDS]
    text = INDEX.strftime("%Y-%m-%d %H:%M:%S+00:00")
    both = frame(ms, "timestamp").assign(date=text)
    assert is_right(Market.from_frame(both))
    assert Market.from_frame(both).ignored == ("date",)
    assert is_right(Market.from_frame(both[both.columns[::-1]]))
    assert is_right(Market.from_frame(both.assign(date=INDEX.strftime("%Y-%m-%d"))))  # its date
    assert is_right(Market.from_frame(both.assign(dt=INDEX.floor("h")).iloc[:, ::-1]))
    assert is_right(Market.from_frame(both.set_index(INDEX)))
    clock = frame(INDEX.strftime("%Y.%m.%d"), "<DATE>".strip("<>"))
    assert is_right(Market.from_frame(clock.assign(time=INDEX.strftime("%H:%M"))))


def test_times_that_differ_are_refused_with_their_distance() -> None:
    local = INDEX.tz_convert("Europe/Berlin").strftime("%Y-%m-%d %H:%M:%S")
    with pytest.raises(InputError, match=r"'timestamp' and 'date' that differ: row 0 .*1 h apart: local time\?"):
        Market.from_frame(frame(SECONDS, "timestamp").assign(date=local))


def test_a_poll_has_its_median_interval(shared_case: Callable[[str], Path]) -> None:
    market = Market.from_frame(pd.read_csv(shared_case("11_polled_jitter.csv")))
    assert (market.interval, market.interval_label, market.missing) == (pd.Timedelta("15min"), "~15m", 0)


def test_interval_of_irregular_and_sparse_candles() -> None:
    minute, rng = 60 * 10**9, np.random.default_rng(7)
    start = SECONDS[0] * 10**9
    jitter = start + np.arange(61) * 15 * minute + rng.integers(-40 * 10**9, 40 * 10**9, 61)
    jitter = np.sort(np.append(jitter, jitter[30] + 12 * 10**9))  # restarted after 12 s
    assert interval_of(jitter) == (15 * minute, False)
    whole = jitter - jitter % 10**9
    assert interval_of(whole) == (15 * minute, False)
    untraded = np.sort(rng.choice(np.arange(2_000), 700, replace=False)) * minute + start  # a third of the minutes
    assert interval_of(untraded) == (minute, True)
    assert interval_of(np.array([start])) == (0, True)
    assert interval_of(np.array([start, start + 7 * minute])) == (7 * minute, True)


# Rows


@pytest.mark.parametrize(
    ("order", "extra"),
    [
        ("ohlcv", []),
        ("lhocv", []),  # Coinbase
        ("ochlv", []),  # Bitfinex
        ("ohlcv", [11]),  # Kraken's CSV
        ("ohlcv", ["turnover"]),  # Bybit
        ("ochlv", ["turnover"]),  # KuCoin
        ("ohlc", ["close", "volume", 11]),  # Kraken: vwap, volume, count
        ("ohlcv", [1_738_368_299_999, "turnover"]),  # MEXC
        ("ohlc", ["contracts", "volume", "turnover", 1]),  # OKX, swap
        ("ohlcv", ["turnover", "turnover", 1]),  # OKX, spot
        ("ohlc", ["turnover", "volume"]),  # Bybit, inverse: USD, then coins
    ],
)
@pytest.mark.parametrize("as_text", [False, True])
@pytest.mark.parametrize("newest_first", [False, True])
def test_rows_without_names(order: str, extra: list[Any], as_text: bool, newest_first: bool) -> None:
    rows: list[list[Any]] = []
    for second, candle in zip(SECONDS, CANDLES, strict=True):
        cell: dict[Any, Any] = dict(zip("ohlcv", candle, strict=True))
        cell |= {"volume": candle[4], "close": candle[3], "contracts": candle[4] * 100}
        cell["turnover"] = round(candle[4] * candle[3] * 1.0004, 2)
        rows.append([second * 1000, *(cell[letter] for letter in order), *(cell.get(each, each) for each in extra)])
    if as_text:
        rows = [[str(cell) for cell in row] for row in rows]
    if newest_first:
        rows.reverse()
    assert is_right(Market.from_frame(rows, sort=newest_first))
    assert is_right(Market.from_frame(pd.DataFrame(rows), sort=newest_first))


def test_rows_of_an_unknown_order_are_refused_by_name() -> None:
    rows = [[second, *candle[:4], 5e7, 5, 5, "x"] for second, candle in zip(SECONDS, CANDLES, strict=True)]
    with pytest.raises(InputError, match=r"rows of 9 cells as one of OKX swap .*fits none. Name the columns"):
        Market.from_frame(rows)
    with pytest.raises(InputError, match=r"wanted rows of 6, 7, 8, 9 or 12 cells.*got 10 cells"):
        Market.from_frame([[*row, 1] for row in rows])


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["low", "high", "open", "close"], r"They look like low, high, open, close \(Coinbase\): rename them"),
        (["open", "close", "high", "low"], r"They look like open, close, high, low \(Bitfinex\): rename them"),
        (["high", "open", "low", "close"], "They look like high, open, low, close: rename them"),
        (["open", "low", "high", "close"], "They look like open, low, high, close: rename them"),
    ],
)
def test_columns_in_another_order_are_never_widened(names: list[str], said: str) -> None:
    table = frame()
    wrong = table[["time", *names, "volume"]].set_axis(["time", *NAMES], axis=1)
    with pytest.raises(InputError, match=rf"\d+ of 12 candles are outside, first row 0 .*{said}"):
        Market.from_frame(wrong)


def test_columns_in_any_other_order_are_refused(shared_data: Callable[[str], Path]) -> None:
    for name in ("btcusdt_5m_2024-09.csv.gz", "xbtusd_1m_2020-03.csv.gz"):
        raw = pd.read_csv(shared_data(name))[["time", *NAMES]].iloc[:300]
        for order in permutations(NAMES):
            if list(order) != NAMES:
                with pytest.raises(InputError):
                    Market.from_frame(raw.set_axis(["time", *order], axis=1))


def test_swapped_open_and_close_are_refused(shared_data: Callable[[str], Path]) -> None:
    raw = pd.read_csv(shared_data("btcusdt_5m_2024-09.csv.gz"))
    with pytest.raises(InputError, match=r"close is near the open before\. Swap open and close"):
        Market.from_frame(raw.rename(columns={"open": "close", "close": "open"}))


def test_a_bitmex_minute_may_open_at_the_close_before(shared_data: Callable[[str], Path]) -> None:
    raw = pd.read_csv(shared_data("xbtusd_1m_2020-03.csv.gz"))
    market = Market.from_frame(raw)
    outside = market._bars.widened
    some = raw[np.r_[outside[1:], False] | outside]  # only such minutes and those before them
    assert Market.from_frame(some).widened > len(some) / 3


# Clocks


def local(start: str, zone: str, minutes: int, count: int = 200) -> pd.DataFrame:
    """Candles whose naive times are local."""
    index = pd.date_range(start, periods=count, freq=f"{minutes}min", tz="UTC").tz_convert(zone).tz_localize(None)
    price = 50_000.0 + np.arange(count)
    bars = {"time": index, "open": price, "high": price + 2, "low": price - 1, "close": price + 1, "volume": 1.0}
    return pd.DataFrame(bars)


@pytest.mark.parametrize("minutes", [5, 60])
@pytest.mark.parametrize("sort", [False, True])
@pytest.mark.parametrize(("start", "zone"), [("2024-11-03", "America/New_York"), ("2024-10-26 20:00", "Europe/Berlin")])
def test_an_hour_that_comes_twice_names_the_clocks(minutes: int, sort: bool, start: str, zone: str) -> None:
    wrong = local(start, zone, minutes)
    with pytest.raises(InputError, match=r"when clocks go back\? .*tz_localize\('America/New_York', ambiguous"):
        Market.from_frame(wrong, sort=sort)
    cured = wrong.assign(time=wrong["time"].dt.tz_localize(zone, ambiguous="infer"))
    assert Market.from_frame(cured).missing == 0
    stamps = wrong.assign(time=wrong["time"].dt.as_unit("ms").astype("int64"))
    with pytest.raises(InputError) as caught:
        Market.from_frame(stamps, sort=sort)  # numeric times are UTC
    assert "clocks" not in str(caught.value)


def test_an_hour_that_is_missing_names_the_clocks() -> None:
    market = Market.from_frame(local("2024-03-10 02:00", "America/New_York", 5))
    assert market.missing == 12
    said = "no candles from 2024-03-10 02:00 for an hour: are these naive local times"
    assert any(said in text for text in notices_of(market))
    assert said in repr(market.tail(20))
    utc = local("2024-03-10 02:00", "America/New_York", 5)
    known = Market.from_frame(utc.assign(time=utc["time"].dt.tz_localize("America/New_York")))
    assert not known.notes
    assert not Market.from_frame(local("2024-03-12", "America/New_York", 5)).notes


def test_bitmex_stamps_are_ends(shared_case: Callable[[str], Path]) -> None:
    raw = pd.read_csv(shared_case("02_bitmex_bucketed.csv")).assign(volume=lambda df: df["homeNotional"])
    market = Market.from_frame(raw.iloc[:8])
    assert market.candles.index[0] == pd.Timestamp("2021-02-28 23:55", tz="UTC")
    assert any("ends of candles" in text for text in notices_of(market))
    whole = market.append(raw.iloc[8:])
    assert list(whole.candles.index) == list(pd.date_range("2021-02-28 23:55", periods=12, freq="5min", tz="UTC"))
    plain = raw.drop(columns=["homeNotional", "foreignNotional", "turnover"])  # ccxt gives open times
    assert Market.from_frame(plain, exchange="bitmex").candles.index[0] == pd.Timestamp("2021-03-01", tz="UTC")


# Tables of other libraries


@pytest.mark.parametrize("library", ["pyarrow", "polars", "duckdb"])
def test_tables_with_the_arrow_interface(library: str) -> None:
    module = importlib.import_module(library)
    named = frame(INDEX)
    if library == "pyarrow":
        tables = [module.Table.from_pandas(named), module.RecordBatch.from_pandas(named)]
    elif library == "polars":
        tables = [module.DataFrame({name: list(named[name]) for name in named})]
    else:
        tables = [module.from_arrow(importlib.import_module("pyarrow").Table.from_pandas(named))]
    for table in tables:
        assert is_right(Market.from_frame(table))
    later = Market.from_frame(named.iloc[:2]).append(tables[0][1:] if library != "duckdb" else tables[0].limit(99, 1))
    assert is_right(later)
    sums = {"time": list(INDEX), "side": ["long"] * 12, "notional": [1.0] * 12}
    found = Market.from_frame(named, liquidations=importlib.import_module("polars").DataFrame(sums)).liquidations
    assert found is not None
    assert len(found) == 12


def test_a_lazy_table_is_told_how_to_be_collected() -> None:
    polars = importlib.import_module("polars")
    with pytest.raises(
        InputError, match=r"wanted a table in memory; got polars.LazyFrame. Pass its result: df.collect"
    ):
        Market.from_frame(polars.DataFrame({"time": SECONDS}).lazy())


# Appending


def test_append_takes_what_people_have() -> None:
    head, last = Market.from_frame(frame().iloc[:11]), frame().iloc[11]
    for candle in (last, last.to_dict(), [last.to_dict()], [last.tolist()], frame().iloc[11:].to_dict("list")):
        assert is_right(head.append(candle))
    assert is_right(head.append(frame(INDEX).set_index("time").iloc[11]))
    assert is_right(Market.from_frame(frame().to_dict("records")))
    for wrong in (pd.Series([1.0, 2.0]), {"close": 1}, [{"close": 1.0}], 5, "x"):
        with pytest.raises(InputError, match="candles: wanted"):
            head.append(wrong)


def test_candles_that_overlap_say_replace() -> None:
    market = Market.from_frame(frame())
    with pytest.raises(InputError, match=r"first is row 0 .*Pass replace=True to replace the candles from there on"):
        market.append(frame().iloc[6:])
    assert is_right(market.append(frame().iloc[6:], replace=True))
    with pytest.raises(InputError, match="build a new Market"):
        market.append(frame())


def test_the_widget_appends_one_candle_of_any_kind() -> None:
    for candle in (frame().iloc[11], frame().iloc[11].to_dict(), [frame().iloc[11].to_dict()]):
        heatmap = lw.LiquidationHeatmap(Market.from_frame(frame().iloc[:11]))
        heatmap.append(candle)
        assert is_right(heatmap.market)
        whole = lw.LiquidationHeatmap(Market.from_frame(frame()), bin_size=heatmap.bin_size)
        np.testing.assert_allclose(heatmap.density.column(-1), whole.density.column(-1), rtol=1e-6)
        heatmap.close()
        whole.close()


# Files that were read with the wrong settings


@pytest.mark.parametrize(
    ("name", "cure"),
    [
        ("13_yfinance_three_headers.csv", r"pd.read_csv\(f, header=\[0, 1\], index_col=0, parse_dates=True\)"),
        ("14_kraken_headerless.csv", r"the first line of the file is numbers, not names: .*header=None\)"),
        ("16_semicolon_comma.csv", r"pd.read_csv\(f, sep=';', decimal=','\)"),
        ("03_cdd_swapped_volumes.csv", r"pd.read_csv\(f, skiprows=1\)"),
    ],
)
def test_frames_of_such_files_name_the_cure(shared_case: Callable[[str], Path], name: str, cure: str) -> None:
    with pytest.raises(InputError, match=rf"{cure}, or lw.Market.read\(f\)\."):
        Market.from_frame(pd.read_csv(shared_case(name)))


@pytest.mark.parametrize("name", ["08_coinbase_rows.json", "09_yyyymmddhhmmss.csv", "12_two_equal_times.csv"])
def test_cases_are_read(shared_case: Callable[[str], Path], name: str) -> None:
    path = shared_case(name)
    given = json.loads(path.read_text()) if path.suffix == ".json" else pd.read_csv(path)
    assert is_right(Market.from_frame(given, sort=True))
    assert is_right(Market.read(path))
