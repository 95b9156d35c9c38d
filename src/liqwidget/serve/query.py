"""The parameters of a visitor's address that the notebook reads, as `QUERY_STRING` in the environment of its kernel."""

from __future__ import annotations

from collections.abc import Collection
from urllib.parse import parse_qsl, urlencode

#: Most characters of a value; most values in all.
LONGEST_VALUE, MOST_VALUES = 200, 20


class QueryRefusedError(ValueError):
    """An address that no reader of the notebook is given."""


def asked_of(query: str, names: Collection[str]) -> str:
    """Return the part of a query that the notebook reads, in one spelling: ASCII, percent-encoded, in its order.

    Parameters
    ----------
    query : str
        What follows ``?`` in the address.
    names : collection of str
        Parameters that the notebook reads; all others stay in the browser.

    Raises
    ------
    QueryRefusedError
        A value that is too long or has characters that are not printable, or too many values.

    Examples
    --------
    >>> asked_of("symbol=ETHUSDT&utm_source=x&days=7", ["symbol", "days"])
    'symbol=ETHUSDT&days=7'
    """
    try:
        pairs = parse_qsl(query, keep_blank_values=True, errors="strict", max_num_fields=1_000)
    except ValueError:  # not UTF-8, or very many fields
        raise QueryRefusedError("query: wanted UTF-8") from None
    kept = [(name, value) for name, value in pairs if name in names]
    if len(kept) > MOST_VALUES:
        raise QueryRefusedError(f"query: wanted at most {MOST_VALUES} values; got {len(kept)}")
    for name, value in kept:
        if len(value) > LONGEST_VALUE or not value.isprintable():
            raise QueryRefusedError(
                f"{name}: wanted at most {LONGEST_VALUE} printable characters; got {len(value)} characters"
            )
    return urlencode(kept)
