"""Whose position was liquidated, from the word that a venue uses: one rule for live feeds and users' tables."""

from __future__ import annotations

from collections.abc import Mapping

_OF_ORDER = {"sell": "long", "buy": "short"}  # the closing order's side
_OF_POSITION = {"buy": "long", "sell": "short"}
#: Venues whose Buy and Sell refer to the position, not to the order that closes it.
OF_POSITION = frozenset({"bybit"})
_ANYWHERE = {"long": "long", "short": "short", "longs": "long", "shorts": "short"}


def sides_of(exchange: str) -> Mapping[str, str]:
    """Return what each word for a side means at a venue, keyed by lower case: "long" or "short"."""
    return {**_ANYWHERE, **(_OF_POSITION if exchange.strip().lower() in OF_POSITION else _OF_ORDER)}


def side_of(word: object, exchange: str) -> str | None:
    """Return "long" or "short", the side that was liquidated; None if the word is not a side.

    Examples
    --------
    >>> side_of("SELL", "binance"), side_of("Sell", "bybit"), side_of("long", "bybit")
    ('long', 'short', 'long')
    """
    return sides_of(exchange).get(word.strip().lower()) if isinstance(word, str) else None
