"""The axes of a sweep, checked: mixes, decay rates, moments, bin sizes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from numbers import Real
from typing import Any

import pandas as pd

from ...checks import is_finite, moment, shown
from ...errors import InputError
from ...market.market import Market
from ...model.estimate import shown_bin
from ...model.grid import check_bin_size, model_rows
from ...model.opening import SPAN
from ...model.settings import MAX_TIERS, check_mix, shares


def check_mixes(mixes: object) -> pd.DataFrame:
    """Return shares, a line per mix, a column per tier of any of them."""
    if isinstance(mixes, pd.DataFrame):
        given = dict(zip(mixes.index, mixes.to_dict("records"), strict=True))
        if len(given) != len(mixes):
            raise InputError("mixes: wanted an index without repetitions; it names the mixes")
    elif isinstance(mixes, Mapping) and not any(isinstance(value, Real) for value in mixes.values()):
        given = dict(mixes)
    else:
        alone = isinstance(mixes, Mapping | str)
        listed: list[Any] = [mixes] if alone else list(mixes) if isinstance(mixes, Sequence) else []
        presets = [one for one in listed if isinstance(one, str)]
        given = {one if isinstance(one, str) and presets.count(one) == 1 else i: one for i, one in enumerate(listed)}
    if not given:
        raise InputError(
            f"mixes: wanted a list of mixes such as ['balanced', {{10: 60, 25: 40}}], a dict that gives them names, or "
            f"a DataFrame with a column a tier; got {shown(mixes)}"
        )
    checked = {}
    for name, mix in given.items():
        try:
            checked[name] = check_mix(mix)
        except InputError as error:
            raise InputError(f"mixes: {shown(name)}: {error}") from error
    tiers = sorted({tier for mix in checked.values() for tier in mix})
    if len(tiers) > MAX_TIERS:
        raise InputError(f"mixes: wanted at most {MAX_TIERS} tiers in all; got {len(tiers)}. Sweep them apart.")
    lines = [dict(zip(mix, shares(mix), strict=True)) for mix in checked.values()]
    index = pd.Index(list(checked), name="mix", tupleize_cols=False)
    return pd.DataFrame([[line.get(tier, 0.0) for tier in tiers] for line in lines], index, tiers)


def several(name: str, values: object) -> list[Any]:
    """Return one value, or several in a list or array, as a non-empty list."""
    listed = [values] if isinstance(values, str) or not hasattr(values, "__iter__") else list(values)
    if not listed:
        raise InputError(f"{name}: wanted at least one; got none")
    return listed


def check_rates(decay_rates: object) -> list[float]:
    """Return decay rates per hour."""
    rates = several("decay_rates", decay_rates)
    for rate in rates:
        if not is_finite(rate) or not 0 <= rate <= 1e6:
            raise InputError(f"decay_rates: wanted rates per hour >= 0 (half-life = ln 2 / rate); got {shown(rate)}")
    return [float(rate) for rate in rates]


def candles_at(name: str, market: Market, at: object) -> list[int]:
    """Return the last candles that had closed by the moments, counted from 0."""
    if at is None:
        return [len(market) - 1]
    over = market.candles.index + market.interval
    found = []
    for one in several("at", at):
        time = pd.Timestamp(moment("at", one), tz="UTC")
        if time < over[0]:
            raise InputError(f"at: {name} has its first close at {over[0]:%Y-%m-%d %H:%M} UTC; got {time}")
        found.append(int(over.searchsorted(time, "right")) - 1)
    return found


def check_sizes(name: str, market: Market, bin_sizes: object) -> list[float]:
    """Return the bin sizes of a market, USD, as for `estimate`."""
    if isinstance(bin_sizes, Mapping):
        if name not in bin_sizes:
            raise InputError(f"bin_sizes: wanted those of each market; {name} has none")
        bin_sizes = bin_sizes[name]
    low, high, close = (market.candles[name].to_numpy() for name in ("low", "high", "close"))
    rows = model_rows(low, high, close, SPAN)
    sizes = [None] if bin_sizes is None else [check_bin_size(size) for size in several("bin_sizes", bin_sizes)]
    return [shown_bin(rows, size, "bin_sizes") for size in sizes]
