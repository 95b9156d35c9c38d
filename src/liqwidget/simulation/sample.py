"""The bundled sample: a simulated week of candles, to try everything offline.

``sample.npz`` beside this module is made by ``scripts/make_sample.py`` of the repository.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files

import numpy as np
import pandas as pd

from ..market.market import Market
from ..market.units import IN_COINS

_EVENT = "liquidation_"


@cache
def load_sample() -> Market:
    """Return the bundled sample: one simulated week of 5-minute candles of a Bitcoin-like market.

    Returns
    -------
    Market
        2,016 candles with all optional columns but mark prices, and each realised liquidation; labelled simulated.
        It shows a range, a rally, a volatile top, a cascade of liquidated longs and a partial recovery. The file is
        read once per process; the same object is returned each time.

    Examples
    --------
    >>> market = load_sample()
    >>> len(market.candles), market.simulated
    (2016, True)
    """
    with files(__package__).joinpath("sample.npz").open("rb") as file, np.load(file) as stored:
        arrays = dict(stored)
    columns = {name: values for name, values in arrays.items() if name != "time" and not name.startswith(_EVENT)}
    events = {name: arrays[_EVENT + name] for name in ("time", "long", "price", "quantity")}
    liquidations = pd.DataFrame(
        {
            "time": events["time"],
            "side": np.where(events["long"], "long", "short"),
            "price": events["price"],
            "quantity": events["quantity"],
        }
    )
    return Market.from_frame(
        pd.DataFrame({"time": arrays["time"], **columns}),
        symbol="BTCUSDT-SIM",
        exchange="simulated",
        liquidations=liquidations,
        simulated=True,
        **IN_COINS,
    )


def is_sample(market: Market) -> bool:
    """Tell whether a market is the bundled sample, or consecutive candles of it."""
    if not market.simulated or not load_sample.cache_info().currsize:  # not loaded yet, so it cannot be the sample
        return False
    sample, candles = load_sample(), market.candles
    same = (sample.symbol, sample.exchange) == (market.symbol, market.exchange)
    return same and bool(sample.candles.loc[candles.index[0] : candles.index[-1]].equals(candles))
