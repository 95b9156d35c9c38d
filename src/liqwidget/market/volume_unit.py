"""Volume in coins: derived from the columns beside it, from plausible daily volumes, and from jumps between rows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..checks import shown, stamp
from ..errors import InputError
from .candles import Bars, Mask
from .columns import Floats
from .quantities import COINS, EITHER, QUOTE, Quantity
from .quote import Instrument

#: Coins of Bitcoin that can exist: no venue trades more in a day.
BITCOINS = 21e6
#: Most USD that one market trades in a day, or has as open interest. The largest has traded about 80e9 USD in a day.
MOST_USD = 5e11
_MOST_UNKNOWN = 1e13  # for an unknown currency: XRP/KRW trades about 6e12 KRW
_BITCOIN_PRICE = 100.0  # below it the market is not what its label says
_MOST_PRICE = 1e7  # no coin costs more USD: the currency is a different one
_DAY = 86_400 * 10**9
_SLACK = 0.05  # tolerance around the candle's range for its mean trade price
_OFF = 5.0  # a row's mean price is off by this factor: more than rounding explains
_WINDOW = 48
_LEAST = 4  # rows on each side of a jump
_JUMP = 40.0
_ALONE = 70.0  # for a few rows at an end, without open interest to compare with
_CALM = 2.5  # the factor by which candle ranges may change where volume jumps without cause


def typical_price(bars: Bars) -> Floats:
    """Return (high + low + close) / 3, at which the model converts coins to USD."""
    return (bars.columns["high"] + bars.columns["low"] + bars.columns["close"]) / 3


def fitting_volume(bars: Bars, others: Sequence[Quantity], column: str) -> Quantity | None:
    """Return the column to use in place of volume; None if volume is in coins or nothing indicates otherwise.

    Parameters
    ----------
    bars
        Checked candles, with the column named volume.
    others
        Quantities in other columns.
    column
        Name of the volume column in the input, for messages.

    Raises
    ------
    InputError
        A column contradicts volume, and no other one fits; or the unit changes at a row.
    """
    volume = bars.columns["volume"]
    some = volumes_beside(bars, others)
    quotes = [one for one in some if one.role != COINS]
    if not some or not (volume > 0).any():
        return None
    for quote in quotes:
        if fits(bars, volume, quote.values):
            _refuse_rows(bars, volume, quote, column)
            return None
    own = Quantity(column, EITHER, volume)
    for coins in sorted((one for one in some if one.role != QUOTE), key=lambda one: one.role != COINS):
        for quote in (*quotes, own):
            if quote is not coins and fits(bars, coins.values, quote.values):
                _refuse_rows(bars, coins.values, quote, coins.name)
                return coins
    for quote in quotes:
        _refuse_rows(bars, volume, quote, column, swapped=True)
        _refuse_factor(bars, volume, quote, column)
    for coins in some:
        if coins.role == COINS and (taken := _contracts(volume, coins)) is not None:
            return taken
    return None


def volumes_beside(bars: Bars, others: Sequence[Quantity]) -> list[Quantity]:
    """Return the columns that may hold the volume in another unit."""
    volume = bars.columns["volume"]
    return [one for one in others if one.role in (COINS, QUOTE, EITHER) and not _is_filler(one.values, volume)]


def _is_filler(values: Floats, volume: Floats) -> bool:
    """Return whether a column has a single value, or none, while volume varies."""
    known = values[values > 0]
    return not len(known) or bool(len(known) > 1 and (known == known[0]).all() and np.ptp(volume) > 0)


def _plausible(values: Floats) -> Mask:
    """Return which values are plausible quantities: for others no ratio is computed."""
    return (values > 1e-30) & (values < 1e30)


def fits(bars: Bars, coins: Floats, quote: Floats) -> bool:
    """Return whether candles traded at prices in their range if these are coins and quote currency, by coins."""
    known = _plausible(coins) & _plausible(quote)
    with np.errstate(over="ignore"):
        price = np.divide(quote, coins, out=np.zeros(len(coins)), where=known)
    inside = known & (price >= bars.columns["low"] * (1 - _SLACK)) & (price <= bars.columns["high"] * (1 + _SLACK))
    if not known.any():
        return False
    return inside.sum() >= 0.9 * known.sum() or bool(coins[inside].sum() >= 0.9 * coins[known].sum() > 0)


def _off(bars: Bars, coins: Floats, quote: Floats) -> Floats:
    """Return quote / (coins x price) of each candle, NaN if one of them is unknown or 0, (T,)."""
    known = _plausible(coins) & _plausible(quote)
    off: Floats = np.full(len(coins), np.nan)
    with np.errstate(over="ignore", divide="ignore"):
        return np.divide(quote, coins * typical_price(bars), out=off, where=known)


def _refuse_rows(bars: Bars, coins: Floats, quote: Quantity, name: str, swapped: bool = False) -> None:
    """Refuse columns that fit in some rows but not in others."""
    off = _off(bars, coins, quote.values)
    known = ~np.isnan(off)
    wrong = known & ((off > _OFF) | (off < 1 / _OFF))
    if not wrong.any() or (swapped and np.mean(~wrong[known]) < 0.05):
        return
    rows = np.flatnonzero(known)
    i = int(rows[np.argmax(wrong[rows] != wrong[rows[0]])])
    factor = float(np.median(off[wrong]))
    raise InputError(
        f"candles: {shown(name)} and {shown(quote.name)} must have one unit each in all rows; "
        f"{shown(quote.name)} / ({shown(name)} x close) is about 1 in some rows and {factor:.3g} in others, with a "
        f"change at {stamp(int(bars.time[i]))} (UTC){_places(bars, coins, quote.values, wrong)}. "
        "Repair those rows, or drop one of the columns and pass volume_unit=."
    )


def _places(bars: Bars, coins: Floats, quote: Floats, wrong: Floats | np.ndarray) -> str:
    turned = _off(bars, quote, coins)[wrong]
    fits = (turned < _OFF) & (turned > 1 / _OFF)
    return ": the two change places" if len(fits) and fits.mean() > 0.9 else ""


def _refuse_factor(bars: Bars, volume: Floats, quote: Quantity, column: str) -> None:
    off = _off(bars, volume, quote.values)
    if np.isnan(off).all():
        return
    factor = float(np.nanmedian(off))
    price = float(np.median(typical_price(bars)))
    power = round(np.log10(factor))
    is_same = 0.8 < factor * price < 1.25
    is_power = power != 0 and 0.7 < factor / 10.0**power < 1.4
    steady = np.nanquantile(off, 0.75) < 1.5 * np.nanquantile(off, 0.25)
    if quote.role == EITHER and not (steady and (is_same or is_power)):
        return  # the column has another meaning
    if 0.9 < factor < 1.1:
        return
    found = f"{shown(quote.name)} / ({shown(column)} x close) is {factor:.3g}, not 1"
    if is_same:
        likely = f"{shown(column)} equals {shown(quote.name)}: it is in the quote currency (or contracts of 1 USD)"
        cure = "Pass volume_unit='quote', or rename the column that is in coins to volume."
    else:
        likely = f"a unit of {shown(column)} is likely {_rounded(factor):g} coins (contracts)"
        cure = (
            f"Pass volume_unit='contracts', contract_size={_rounded(factor):g}, or volume_unit='coins' if it is right."
        )
    raise InputError(f"candles: wanted volume in coins; got {found}: {likely}. {cure}")


def _contracts(volume: Floats, coins: Quantity) -> Quantity | None:
    """Return the column of coins if volume counts something else."""
    known = _plausible(volume) & _plausible(coins.values)
    if not known.any():
        return None
    ratio = float(np.median(coins.values[known] / volume[known]))
    return None if 0.9 < ratio < 1.1 else coins


def _rounded(factor: float) -> float:
    power = 10.0 ** round(np.log10(factor))
    return power if 0.7 < factor / power < 1.4 else float(f"{factor:.2g}")


def refuse_impossible_volume(bars: Bars, about: Instrument) -> list[str]:
    """Raise InputError if more is traded in a day than is possible.

    Returns
    -------
    list of str
        A notice instead, if neither the symbol nor the prices look like those of a market.
    """
    price, volume = typical_price(bars), bars.columns["volume"]
    last = np.arange(len(volume))
    first = np.searchsorted(bars.time, bars.time - _DAY, "right")
    for amounts, most, what in _limits(volume, price, about):
        total = np.concatenate([[0.0], np.cumsum(amounts)])
        day = total[last + 1] - total[first]
        if (day > most).any():
            i = int(np.argmax(day > most))
            if not about.quote and not about.base and not _is_market(bars):
                return [f"volume x price is up to {day.max():.3g} a day: check the unit of volume"]
            raise InputError(
                f"candles: wanted volume in coins; got {day[i]:.3g} {what} in the day up to {stamp(int(bars.time[i]))} "
                f"(UTC), more than any market trades. Likely volume is in the quote currency (USD) or in contracts: "
                f"pass volume_unit='quote', or volume_unit='contracts' with contract_size=; volume_unit='coins' "
                "if it is right."
            )
    return []


def _is_market(bars: Bars) -> bool:
    """Return whether prices move little between and within most of at least ten candles."""
    if len(bars.time) < 10:
        return False
    within = np.log(bars.columns["high"] / bars.columns["low"])
    between = np.abs(np.diff(np.log(bars.columns["close"])))
    return bool(max(np.quantile(within, 0.9), np.quantile(between, 0.9)) < np.log(2))


def _limits(coins: Floats, price: Floats, about: Instrument) -> list[tuple[Floats, float, str]]:
    limits = [(coins, BITCOINS, "BTC")] if about.is_bitcoin and np.median(price) > _BITCOIN_PRICE else []
    if about.is_usd:
        if about.quote:
            limits.append((coins * price, MOST_USD, "USD"))
        elif not (price > _MOST_PRICE).any():
            limits.append((coins * price, _MOST_UNKNOWN, "(volume x price)"))
    return limits


def over_limit(coins: Floats, price: Floats, about: Instrument) -> bool:
    """Return whether an open interest is impossibly large."""
    return any(bool((amounts > most).any()) for amounts, most, _ in _limits(coins, price, about))


def refuse_jump(bars: Bars, *, judge_ends: bool = True) -> list[str]:
    """Raise InputError if volume jumps at a row but the candles' ranges do not.

    Returns
    -------
    list of str
        With `judge_ends` a notice if too few rows to decide stand out at either end.
    """
    volume, price = bars.columns["volume"], typical_price(bars)
    traded = np.flatnonzero(volume > 0)
    if len(traded) < 2 * _LEAST or not _is_market(bars):
        return []
    size = np.log(volume[traded])
    reach = np.log((bars.columns["high"] - bars.columns["low"])[traded] / price[traded] + 1e-5)
    for k in _candidates(size):
        before, after = slice(max(k - _WINDOW, 0), k), slice(k, k + _WINDOW)
        step = float(np.median(size[after]) - np.median(size[before]))
        up, down = (after, before) if step > 0 else (before, after)
        apart = float(np.quantile(size[up], 0.25) - np.quantile(size[down], 0.75))
        calm = abs(float(np.median(reach[after]) - np.median(reach[before]))) < np.log(_CALM)
        if abs(step) < np.log(_JUMP) or apart < np.log(_JUMP / 2) or not calm:
            continue
        row = traded[k]
        guesses = {"100": 100.0, "1,000": 1e3, "10,000": 1e4, "the price": float(price[row])}
        near = min(guesses, key=lambda name: abs(abs(step) - abs(np.log(guesses[name]))))
        if abs(abs(step) - abs(np.log(guesses[near]))) < np.log(2.5):
            verb = "rises" if step > 0 else "falls"
            raise InputError(
                f"candles: volume must have one unit in all rows; from {stamp(int(bars.time[row]))} (UTC) on it {verb} "
                f"by a factor of {np.exp(abs(step)):,.0f}, about {near}, while the candles' ranges do not change. "
                "Convert the rows before or after it, or pass volume_unit='coins' if they are right."
            )
    return _stand_out(bars, traded, size, reach) if judge_ends else []


def _candidates(size: Floats) -> list[int]:
    """Return rows k where the medians of the four rows before and from k on differ greatly, (least first)."""
    windows = np.lib.stride_tricks.sliding_window_view(size, _LEAST)
    middle = np.sort(windows, axis=1)[:, 1:3].mean(axis=1)
    step = np.abs(middle[_LEAST:] - middle[:-_LEAST])
    rows = np.flatnonzero(step > np.log(_JUMP / 2)) + _LEAST
    most = rows[np.argsort(-step[rows - _LEAST], kind="stable")][:400]
    return [int(row) for row in most]


def _stand_out(bars: Bars, traded: np.ndarray, size: Floats, reach: Floats) -> list[str]:
    """Return a notice if up to three rows at an end exceed all others near them by a factor of 8."""
    for end in (1, -1):
        near, far = size[::end], reach[::end]
        for many in range(1, _LEAST):
            mine, rest = near[:many], near[many : many + _WINDOW]
            if len(rest) < 3 * _LEAST:
                continue
            gap = max(mine.min() - rest.max(), rest.min() - mine.max())
            calm = abs(float(np.median(far[:many]) - np.median(far[many : many + _WINDOW]))) < np.log(_CALM)
            has_interest = "open_interest" in bars.columns
            if gap > np.log(3 if has_interest and many == _LEAST - 1 else 8) and calm:
                row = traded[0] if end == 1 else traded[len(traded) - many]
                factor = np.exp(abs(np.median(mine) - np.median(rest)))
                is_one_low = many == 1 and mine.max() < rest.min()
                if factor < _ALONE and (is_one_low or not has_interest):
                    continue
                when = stamp(int(bars.time[row]))
                return [f"volume at {when} UTC differs from its neighbours by a factor of {factor:,.0f}: check it"]
    return []
