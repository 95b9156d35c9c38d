"""Open interest in coins: it cannot change by more than the traded volume."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..checks import shown, stamp
from ..errors import InputError
from .candles import Bars
from .columns import Floats
from .quantities import INTEREST, INTEREST_VALUE, Quantity
from .quote import Instrument
from .volume_unit import over_limit, typical_price

_LEAST = 3  # changes
_FEW = 20  # changes: with fewer, parts of a correct market may exceed volume by chance
_LEAP = 30.0
_USUAL = (0.05, 50.0)  # daily volume over open interest: BTC 1 to 10, small coins up to 40
_ONE = 200.0  # of a single candle of five minutes or more
_CURE = (
    "Convert it, or pass open_interest_unit='quote', or open_interest_unit='contracts' with contract_size=; "
    "open_interest_unit='coins' if it is right."
)


def check_interest(bars: Bars, about: Instrument, *, judge_ends: bool = True) -> list[str]:
    """Check open interest against volume.

    Parameters
    ----------
    bars
        Checked candles before empty cells are filled: NaN where open interest is unknown.
    about
        The market's instrument.
    judge_ends
        Whether to return notices.

    Returns
    -------
    list of str
        Notices of unusual values.

    Raises
    ------
    InputError
        It changes by more than the volume in most candles, changes its unit at a row, or is impossibly large.
    """
    interest, volume, price = bars.columns["open_interest"], bars.columns["volume"], typical_price(bars)
    known = np.flatnonzero(~np.isnan(interest))
    if not len(known) or not (volume > 0).any():
        return []
    value = float(np.median(interest[known]))
    at = known[1:][np.diff(known) == 1]
    close = bars.columns["close"] if about.inverse else np.ones(len(interest))  # contracts of USD, not coins, change
    change, traded = np.abs(interest[at] - interest[at - 1] * close[at - 1] / close[at]), volume[at]
    over = change > traded
    usual = 1.0 if len(at) >= _FEW else 10.0
    if len(at) >= _LEAST and over.mean() > 0.5 and change.sum() > usual * traded.sum():
        raise InputError(
            "candles: wanted open_interest in coins, which cannot change by more than was traded; it does in "
            f"{over.sum():,} of {len(at):,} candles, by {_typical(change, traded):.3g} x volume. Is it "
            f"{_likely(change, traded, float(np.median(price)))}, or volume in a larger unit than coins? {_CURE}"
        )
    if over_limit(interest[known], price[known], about):
        most = float(interest[known].max())
        raise InputError(
            f"candles: wanted open_interest in coins; got up to {most:.3g}, more than can be open in any market. "
            f"Likely it is in the quote currency (USD) or in contracts. {_CURE}"
        )
    with np.errstate(over="ignore"):
        ratio = np.maximum(interest[at], interest[at - 1]) / np.minimum(interest[at], interest[at - 1])
    if (leap := (ratio > _LEAP) & (change > 3 * traded)).any():
        i = int(at[np.argmax(leap)])
        raise InputError(
            f"candles: open_interest must have one unit in all rows; at {stamp(int(bars.time[i]))} (UTC) it goes from "
            f"{interest[i - 1]:.6g} to {interest[i]:.6g} while {volume[i]:.6g} were traded. Convert the rows before or "
            "after it, or empty the wrong cells."
        )
    return _unusual(bars, interest, value, at) if judge_ends else []


def _typical(change: Floats, traded: Floats) -> float:
    some = (change > 0) & (traded > 0)
    return float(np.median(change[some] / traded[some])) if some.any() else float("inf")


def _likely(change: Floats, traded: Floats, price: float) -> str:
    """Return the likeliest unit, assuming that open interest changes by about 8 % of volume."""
    factor = _typical(change, traded) / 0.08
    guesses = {
        "in USD (a factor of the price)": price,
        "contracts (a factor of 10)": 10.0,
        "contracts (a factor of 100)": 100.0,
        "contracts (a factor of 1,000)": 1e3,
        "contracts (a factor of 10,000)": 1e4,
    }
    if not np.isfinite(factor):
        return "in USD or contracts"
    return min(guesses, key=lambda name: abs(np.log(factor / guesses[name])))


def _unusual(bars: Bars, interest: Floats, value: float, at: np.ndarray) -> list[str]:
    time, volume = bars.time, bars.columns["volume"]
    if len(time) < _LEAST:
        return []
    step = max(float(np.median(np.diff(time))) / (86_400 * 10**9), 1e-9)
    rate = float(volume.sum()) / (value * step * len(time))
    if not _USUAL[0] <= rate <= _USUAL[1]:
        return [
            f"volume is {rate:,.3g} times open interest a day (usual: {_USUAL[0]:g} to {_USUAL[1]:g}): "
            "check the unit of both"
        ]
    share = volume[at] / interest[at] / step
    limit = _ONE * max((5 / 1440 / step) ** 0.5, 1)
    if (odd := share > limit).any():
        i = int(at[np.argmax(odd)])
        return [f"volume at {stamp(int(time[i]))} UTC is {volume[i] / interest[i]:,.3g} times open interest: check it"]
    return []


def interest_not_taken(bars: Bars, others: Sequence[Quantity]) -> list[str]:
    """Return a notice that names columns that look like open interest but were not used."""
    taken = bars.columns.get("open_interest")
    names = []
    for one in others:
        if one.role not in (INTEREST, INTEREST_VALUE):
            continue
        if taken is not None and one.role == INTEREST_VALUE:
            known = (one.values > 0) & (taken > 0)
            price = np.divide(one.values, taken, out=np.zeros(len(taken)), where=known)
            low, high = bars.columns["low"] * 0.9, bars.columns["high"] * 1.1
            if known.any() and np.mean(((price >= low) & (price <= high))[known]) > 0.5:
                continue  # the same values as the column used
        names.append(shown(one.name))
    if not names:
        return []
    cure = "" if taken is not None else "; rename the one in coins to open_interest"
    return [f"not taken as open interest: {', '.join(names[:4])}{cure}"]
