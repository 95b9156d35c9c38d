"""Columns of a table of candles that contain quantities besides volume: they reveal the unit of volume."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from .columns import CANDLE_NAMES, Floats
from .quote import QUOTES, USD_LIKE, Instrument

COINS, QUOTE, EITHER, INTEREST, INTEREST_VALUE = "coins", "quote", "either", "interest", "interest value"

_NAMES = {
    COINS: "basevolume homenotional volumebase volumefrom volbase basevol volumecoin volumecoins volumeinbase",
    QUOTE: "quotevolume quoteassetvolume quotevol turnover foreignnotional volccyquote volquote volumequote volumeto "
    "volumecurrency usdvolume usdtvolume dollarvolume notionalvolume volumenotional turnoverusd quoteturnover "
    "volumevalue volumeinquote quoteamount",
    EITHER: "amount sum value notional money volccy volume vol v q qv bv",
    INTEREST_VALUE: "sumopeninterestvalue openinterestvalue openinterestusd openinterestusdt oiusd oivalue "
    "openinterestnotional openinterestquote oinotional openinterestamountusd",
}
_ROLES = {name: role for role, names in _NAMES.items() for name in names.split()}
_INTEREST = re.compile(r".*openinterest.*|oi(open|high|low|close|coins?|btc|contracts?|ccy|value|usd)|sumoi")


@dataclass(frozen=True)
class Quantity:
    """A column beside the recognised ones: its name in the input, its role according to the name, and values (T,)."""

    name: str
    role: str
    values: Floats


def plain(name: object) -> str:
    """Return a column's name reduced to lower case letters and digits."""
    return re.sub(r"[^a-z0-9]+", "", name[:64].lower()) if isinstance(name, str) else ""


def role_of(name: object, about: Instrument) -> str | None:
    """Return what a column's name implies about its unit; None if it does not look like a quantity."""
    text = plain(name)
    if text in _ROLES:
        return _ROLES[text]
    if _INTEREST.fullmatch(text):
        return INTEREST
    if found := re.fullmatch(r"(?:volume|vol)(?:in)?([a-z0-9]{2,8})|([a-z0-9]{2,8})(?:volume|vol)", text):
        code = (found[1] or found[2]).upper()
        code = {"XBT": "BTC"}.get(code, code)
        if code in (about.quote, "QUOTE") or (code in USD_LIKE and not about.quote):
            return QUOTE
        if code == about.base:
            return COINS
        return (QUOTE if code in USD_LIKE else EITHER) if code in QUOTES else None
    return None


def quantities(frame: Any, ignored: Mapping[str, int], rows: Any, about: Instrument) -> list[Quantity]:
    """Return the columns that look like quantities, in the order of the rows of a table.

    Parameters
    ----------
    frame
        DataFrame.
    ignored
        Name -> position of the unrecognised columns.
    rows
        Position in the frame of each row of the table, int64 (T,).
    about
        The market's instrument.
    """
    found = []
    for name, position in ignored.items():
        role = role_of(name, about)
        if role is not None:
            found.append(Quantity(name, role, numbers(frame.iloc[:, position])[rows]))
    return found


def numbers(column: Any) -> Floats:
    """Return a column as float64, NaN for what is not a number."""
    try:
        values = pd.to_numeric(column, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
    except (TypeError, ValueError, OverflowError):
        return np.full(len(column), np.nan)
    return np.where(np.isfinite(values), values, np.nan)


def named_volume(frame: Any, about: Instrument) -> tuple[Any, str, str]:
    """Find a table's volume if no column has exactly that name.

    Returns
    -------
    frame, name, role
        The frame with the column renamed to "volume"; its original name, and `COINS` or `QUOTE`. The frame is unchanged
        and both texts are empty if there is a volume already, or no candidate.
    """
    if not isinstance(frame, pd.DataFrame) or frame.columns.nlevels != 1:
        return frame, "", ""
    squeezed = [re.sub(r"[\s_.\-]+", "", name[:64]).lower() if isinstance(name, str) else "" for name in frame.columns]
    if any(name in CANDLE_NAMES["volume"] for name in squeezed):
        return frame, "", ""
    roles = [role_of(name, about) for name in frame.columns]
    base = [i for i, name in enumerate(frame.columns) if roles[i] == EITHER and plain(name) != "value"]
    for some, role in (
        ([i for i, found in enumerate(roles) if found == COINS], COINS),
        (base if QUOTE in roles else [], COINS),
        ([i for i, found in enumerate(roles) if found == QUOTE], QUOTE),
    ):
        if len(some) == 1:
            names = list(frame.columns)
            name, names[some[0]] = names[some[0]], "volume"
            return frame.set_axis(names, axis=1), str(name), role
    return frame, "", ""
