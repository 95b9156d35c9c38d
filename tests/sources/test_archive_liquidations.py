"""Files of realised liquidations: every order is listed twice and counts once, and a calibration works on them."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import liqwidget as lw
from archive_files import DAY, KLINE, MINUTE, day, pack

LIQUIDATIONS = (
    "time,side,order_type,time_in_force,original_quantity,price,average_price,order_status,last_fill_quantity,"
    "accumulated_fill_quantity"
)
START = 1_704_067_200_000  # 2024-01-01
STEP = 15 * MINUTE


def line(time: int, side: str, price: float, quantity: float, filled: float | None = None) -> str:
    filled = quantity if filled is None else filled
    return f"{time},{side},LIMIT,IOC,{quantity},{price * 0.99},{price if filled else 0},FILLED,{filled},{filled}"


def klines(folder: Path, days: int, seed: int = 1) -> np.ndarray:
    """Write candles of a random walk; return their closes."""
    rng = np.random.default_rng(seed)
    price = np.round(42_000 * np.exp(np.cumsum(rng.normal(0, 0.002, days * DAY // STEP))), 1)
    before = np.append(price[:1], price[:-1])
    high, low = np.maximum(price, before) + 20, np.minimum(price, before) - 20
    for at in range(START, START + days * DAY, DAY):
        i = (at - START) // STEP
        lines = [
            f"{at + k * STEP},{before[i + k]},{high[i + k]},{low[i + k]},{price[i + k]},500.5,"
            f"{at + (k + 1) * STEP - 1},1,9,250.5,1,0"
            for k in range(DAY // STEP)
        ]
        pack(folder / "um" / "klines" / f"BTCUSDT-15m-{day(at)}.zip", lines, KLINE)
    return price


def write(folder: Path, at: int, lines: list[str], header: str = LIQUIDATIONS) -> None:
    pack(folder / "um" / f"BTCUSDT-liquidationSnapshot-{day(at)}.zip", lines, header)


@pytest.mark.parametrize("header", [LIQUIDATIONS, ""])
def test_each_order_counts_once_and_a_sale_closes_a_long(tmp_path, header) -> None:
    price = klines(tmp_path, 1)[0]
    one, other = line(START + 1000, "SELL", price, 0.5), line(START + 2000, "BUY", price + 5, 2.0, filled=1.5)
    unfilled = line(START + 1500, "BUY", price, 0.25, filled=0.0)
    # Two equal orders in one millisecond are four rows; a row that is listed once is an order too.
    write(tmp_path, START, [other, one, other, one, unfilled, one, one], header)
    market = lw.read_archive(tmp_path)
    found = market.liquidations
    assert Counter(found["side"]) == {"long": 2, "short": 2}
    assert found["quantity"].tolist() == [0.5, 0.5, 0.25, 1.5]
    np.testing.assert_allclose(found["price"], [price, price, price * 0.99, price + 5])
    assert found["time"].is_monotonic_increasing
    assert not market.origin.notes


def test_a_file_of_a_day_that_is_there_twice_counts_once(tmp_path) -> None:
    price = klines(tmp_path, 1)[0]
    for folder in (tmp_path, tmp_path / "again"):
        write(folder, START, [line(START + 1000, "SELL", price, 0.5)] * 2)
    assert len(lw.read_archive(tmp_path).liquidations) == 1


def test_orders_outside_the_candles_are_left_out(tmp_path) -> None:
    price = klines(tmp_path, 1)[0]
    write(tmp_path, START + DAY, [line(START + DAY + 1000, "SELL", price, 0.5)] * 2)
    assert lw.read_archive(tmp_path).liquidations is None


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        (f"{START},HOLD,LIMIT,IOC,1,1,1,FILLED,1,1", "side must be BUY or SELL; got 'HOLD'"),
        (f"{START},SELL,LIMIT,IOC,0,1,1,FILLED,0,0", "quantity must be above 0"),
        (f"{START},SELL,LIMIT,IOC,1,0,0,FILLED,1,1", "price must be above 0"),
        (f"{START},SELL,LIMIT,IOC,1,x,1,FILLED,1,1", "price must be a number"),
        (f"{START - 9 * DAY},SELL,LIMIT,IOC,1,1,1,FILLED,1,1", "renamed or changed"),
    ],
)
def test_an_order_that_cannot_be_is_refused_by_name(tmp_path, bad, said) -> None:
    klines(tmp_path, 1)
    write(tmp_path, START, [bad, bad])
    with pytest.raises(lw.ParseError, match=f"BTCUSDT-liquidationSnapshot-2024-01-01.zip: .*{said}"):
        lw.read_archive(tmp_path)


def test_a_calibration_works_on_them(tmp_path) -> None:
    days = 8
    price = klines(tmp_path, days, seed=3)
    rng = np.random.default_rng(4)
    known = []
    for at in range(START, START + days * DAY, DAY):
        rows = []
        for k in range((at - START) // STEP, (at - START + DAY) // STEP):
            change = price[k] / price[max(k - 1, 0)] - 1
            side, quantity = ("SELL" if change < 0 else "BUY"), round(0.01 + abs(change) * 100, 3)
            rows += [line(START + k * STEP + 1000, side, price[k], quantity)] * 2
            known.append((START + k * STEP + 1000, "long" if change < 0 else "short", price[k], quantity))
        write(tmp_path, at, [rows[i] for i in rng.permutation(len(rows))])
    market = lw.read_archive(tmp_path)
    table = pd.DataFrame(known, columns=["time", "side", "price", "quantity"])
    right = lw.Market.from_frame(market.candles, "BTCUSDT", "binance", table, volume_unit="coins")
    pd.testing.assert_frame_equal(market.liquidations, right.liquidations)
    found, wanted = lw.calibrate(market), lw.calibrate(right)
    assert found.leverage_mix == wanted.leverage_mix
    assert found.decay_rate == wanted.decay_rate
