"""Correct markets with one unit error injected: refused, corrected with a note, or visible in the picture.

Run with ``-s`` to see the shares by fault and evidence.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from liqwidget import load_sample
from liqwidget.errors import InputError
from liqwidget.market.market import Market
from liqwidget.simulation.simulate import simulate
from liqwidget.widget.frames import notices_of

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
FILES = ("btcusdt_1h_2024-06_2024-08", "btcusdt_5m_2024-09", "btcusdt_5m_2025-12_2026-02", "xbtusd_1m_2020-03")
PRICES = (1e-5, 1e-3, 0.1, 10.0, 1_000.0, 1e5)
CANDLES = ["time", "open", "high", "low", "close", "volume", "open_interest"]


@cache
def markets() -> dict[str, pd.DataFrame]:
    """Tables of correct markets: real ones (at most 1,200 rows), the sample, simulated ones, and derived ones."""
    found = {}
    for name in FILES:
        if (path := DATA / f"{name}.csv.gz").is_file():
            table = pd.read_csv(path).tail(1_200).reset_index(drop=True)
            found[name] = table[[column for column in CANDLES if column in table]]
    sample = load_sample().candles.reset_index()
    found["sample"] = sample[CANDLES]
    for price in PRICES:
        for interval in ("1m", "4h"):
            seed = round(abs(np.log10(price)))
            made = simulate(300, price=price, interval=interval, seed=seed, open_interest=3e8 / price)
            found[f"simulated at {price:g}, {interval}"] = made.market.candles.reset_index()[CANDLES]
    hours = (
        sample.set_index("time")
        .resample("6h")
        .agg({"open": "first", "high": "max", "low": "min", "close": "last", "volume": "sum", "open_interest": "last"})
    )
    found["sample, 6h"] = hours.reset_index()
    return found


def quiet(table: pd.DataFrame) -> pd.DataFrame:
    """A holiday in the middle third: a tenth of the volume and of the open interest changes, and some empty candles."""
    table, third = table.copy(), len(table) // 3
    scale = np.ones(len(table))
    scale[third : 2 * third] = 0.1
    scale[third : 2 * third : 7] = 0.0
    table["volume"] *= scale
    if "open_interest" in table:
        change = table["open_interest"].diff().fillna(0.0) * scale
        table["open_interest"] = table["open_interest"].iloc[0] + change.cumsum()
    return table


def typical(table: pd.DataFrame) -> Any:
    return (table["high"] + table["low"] + table["close"]) / 3


def with_quote(table: pd.DataFrame) -> pd.DataFrame:
    return table.drop(columns="open_interest", errors="ignore").assign(quote_volume=table["volume"] * typical(table))


def outcome(table: pd.DataFrame, right: pd.DataFrame, **options: Any) -> str:
    try:
        market = Market.from_frame(table, **options)
    except InputError:
        return "refused"
    if market.notes:
        return "corrected" if np.allclose(market.candles["volume"], right["volume"], rtol=0.05) else "noticed"
    return "silent"


Fault = Callable[[pd.DataFrame, str, int], pd.DataFrame]


def times(factor: float | str) -> Fault:
    """A column multiplied by a factor, or multiplied (or divided) by the price, from a row on."""

    def apply(table: pd.DataFrame, column: str, row: int) -> pd.DataFrame:
        table = table.copy()
        scale = {"price": typical(table), "1/price": 1 / typical(table)}.get(str(factor), factor)
        values = table[column] * scale
        table[column] = np.where(np.arange(len(table)) >= row, values, table[column])
        return table

    return apply


FAULTS: dict[str, Fault] = {
    "x price": times("price"),
    "/ price": times("1/price"),
    "x 100": times(100.0),
    "/ 100": times(0.01),
    "x 10,000": times(1e4),
    "/ 10,000": times(1e-4),
    "x 1,000": times(1e3),
}


def cases(fault: str, least: float = 5.0) -> Iterator[tuple[str, pd.DataFrame]]:
    """The markets that a fault changes noticeably: multiplying by a price of about 1 does not."""
    for name, table in markets().items():
        if "price" not in fault or not 1 / least < typical(table).median() < least:
            yield name, table


def rows_of(table: pd.DataFrame) -> list[int]:
    """All rows; and start rows, up to the last three."""
    rng = np.random.default_rng(len(table))
    return [0, int(rng.integers(5, len(table) - 5)), len(table) - 20, len(table) - 3]


@pytest.mark.slow
def test_right_markets_are_taken_as_they_are() -> None:
    for name, table in markets().items():
        for some in (table, quiet(table), with_quote(table), with_quote(quiet(table))):
            market = Market.from_frame(some)
            assert not market.notes, name
            np.testing.assert_array_equal(market.candles["volume"], some["volume"])
            if "open_interest" in some:
                np.testing.assert_array_equal(market.candles["open_interest"], some["open_interest"].ffill())
        rng = np.random.default_rng(0)
        for size in (2, 12, 60, 250):
            first = int(rng.integers(0, max(len(table) - size, 1)))
            assert Market.from_frame(table.iloc[first : first + size]).notes == (), (name, first, size)


@pytest.mark.parametrize("fault", FAULTS)
def test_beside_a_quote_volume_every_fault_is_found(fault: str) -> None:
    for name, table in cases(fault):
        right = with_quote(table)
        for row in rows_of(right):
            if not right["volume"].iloc[row:].any():
                continue
            wrong = FAULTS[fault](right, "volume", row)
            assert outcome(wrong, right) in ("refused", "corrected"), (name, row)
        coins = right.rename(columns={"volume": "base_volume"}).assign(volume=0.0)
        wrong = coins.assign(volume=FAULTS[fault](right, "volume", 0)["volume"])
        assert outcome(wrong, right) == "corrected", name


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("column", ["open_interest", "volume"])
def test_open_interest_beside_volume_tells(column: str, fault: str) -> None:
    for name, table in cases(fault, 20.0):
        if "open_interest" not in table:
            continue
        for row in rows_of(table):
            wrong = FAULTS[fault](table, column, row)
            assert outcome(wrong, table) != "silent", (name, row)


def test_zeros_of_open_interest_are_unknown_and_said() -> None:
    rng = np.random.default_rng(0)
    for name, table in markets().items():
        if "open_interest" not in table:
            continue
        for zeros in ([0], [len(table) - 1], rng.integers(1, len(table) - 1, 3).tolist(), range(len(table) // 2)):
            wrong = table.copy()
            wrong.loc[list(zeros), "open_interest"] = 0.0
            market = Market.from_frame(wrong)
            assert any("open interest" in text for text in notices_of(market)), (name, zeros)
            assert not (market.candles["open_interest"] == 0).any()


def liquidations(table: pd.DataFrame, sell: str, buy: str) -> pd.DataFrame:
    """Liquidations of a thousandth of the volume: longs in the odd candles, shorts in the even ones."""
    some = table[table["volume"] > 0].iloc[1:101]
    side = np.where(np.arange(len(some)) % 2, sell, buy)
    return pd.DataFrame({"time": some["time"], "side": side, "price": some["close"], "quantity": some["volume"] / 1000})


@pytest.mark.parametrize(
    ("exchange", "of_longs", "of_shorts"),
    [("bybit", "Buy", "Sell"), ("binance", "SELL", "BUY"), ("okx", "sell", "buy")],
)
def test_sides_follow_the_venue(exchange: str, of_longs: str, of_shorts: str) -> None:
    for name, table in markets().items():
        right = liquidations(table, "long", "short")
        for sell, buy in ((of_longs, of_shorts), ("long", "short")):
            given = liquidations(table, sell, buy)
            found = Market.from_frame(table, "BTCUSDT", exchange, given).liquidations
            assert found["side"].tolist() == right["side"].tolist(), name
        if exchange == "bybit":
            assert Market.from_frame(table, "BTCUSDT", "", liquidations(table, of_longs, of_shorts)).notes, name


def test_rows_of_other_symbols_never_count() -> None:
    for name, table in markets().items():
        right = liquidations(table, "SELL", "BUY")
        other = right.assign(symbol="ETHUSDT", price=right["price"] / 30)
        mixed = pd.concat([right.assign(symbol="BTCUSDT"), other], ignore_index=True)
        market = Market.from_frame(table, "BTCUSDT", "binance", mixed)
        assert len(market.liquidations) == len(right), name
        assert market.notes == (f"{len(right)} liquidations of other symbols left out",)
        found = Market.from_frame(table, "SOLUSDT", "binance", mixed)
        assert (len(found.liquidations), bool(found.notes)) == (0, True)
        with pytest.raises(InputError, match="one symbol"):
            Market.from_frame(table, "", "binance", mixed)
        with pytest.raises(InputError, match="near the market's"):
            Market.from_frame(table, "BTCUSDT", "binance", mixed.drop(columns="symbol"))
        with pytest.raises(InputError, match="one symbol"):
            Market.from_frame(
                table.assign(symbol=["BTCUSDT", "ETHUSDT"] * (len(table) // 2) + ["X"] * (len(table) % 2))
            )


@pytest.mark.parametrize("fault", ["x price", "x 100", "x 10,000"])
def test_quantities_of_liquidations_beside_volume(fault: str) -> None:
    """More than the traded volume is refused; a hundred times a thousandth is less, so only the notional reveals it."""
    for name, table in cases(fault):
        right = liquidations(table, "SELL", "BUY")
        scale = {"x price": right["price"], "x 100": 100.0, "x 10,000": 1e4}[fault]
        wrong = right.assign(quantity=right["quantity"] * scale)
        if np.median(wrong["quantity"] / right["quantity"]) > 1_000:
            with pytest.raises(InputError, match="what was traded"):
                Market.from_frame(table, "BTCUSDT", "binance", wrong)
        wrong["notional"] = right["price"] * right["quantity"]
        if not 0.5 < np.median(wrong["quantity"] / right["quantity"]) < 2:
            market = Market.from_frame(table, "BTCUSDT", "binance", wrong)
            np.testing.assert_allclose(market.liquidations["quantity"], right["quantity"], rtol=1e-9)
            assert market.notes == ("liquidation sizes are not coins: notional taken",), name


def test_shares_without_evidence(capsys: pytest.CaptureFixture[str]) -> None:
    """Volume alone, without a symbol: the detection rate is printed, and must not fall."""
    lines, found = [], {}
    for fault, apply in FAULTS.items():
        for where, at in (("all rows", 0), ("from a row on", 1), ("the last 20", 2), ("the last 3", 3)):
            results = []
            for _, table in cases(fault, 20.0):
                bare = table.drop(columns="open_interest", errors="ignore")
                results.append(outcome(apply(bare, "volume", rows_of(bare)[at]), bare))
            found[fault, where] = share = np.mean([one != "silent" for one in results])
            lines.append(f"{fault:9} {where:14} {share:4.0%} of {len(results)}")
    with capsys.disabled():
        print("\nfaults of volume that are found where nothing beside it tells:")
        print("\n".join(lines))
    for fault in ("x 10,000", "/ 10,000", "x 1,000"):
        assert found[fault, "from a row on"] >= 0.9
