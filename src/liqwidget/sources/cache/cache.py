"""The cache of market data on this machine: its location, its contents, and how to clear it.

One series is a `Store`. In the cache folder, only ``v1`` belongs to it.
"""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from pathlib import Path

import pandas as pd

from ...cache_folder import folder
from .series_folder import SeriesFolder, check_name, series_below
from .series_store import Look, Store, stored_columns

__all__ = ["Cache", "Look", "Store", "cache"]

_TIMES = ("first", "last", "fetched")


class Cache:
    """Cached market data on this machine; ``liqwidget.cache`` is the user's cache.

    Parameters
    ----------
    given
        Its folder; None: the result of `cache_folder.folder` at each use.

    Examples
    --------
    >>> import liqwidget as lw
    >>> market = lw.fetch("BTCUSDT", exchange="binance", interval="1h", days=1)
    >>> lw.cache.info()[["kind", "interval", "gaps"]].head(2)
          kind interval  gaps
    0  candles       1h     0
    1  funding      any     0
    >>> freed = lw.cache.clear("binance")
    >>> lw.cache
    Cache: 0 series, 0.0 MB
    """

    def __init__(self, given: str | Path | None = None) -> None:
        self._given = given

    @property
    def folder(self) -> Path:
        """Path of the cache; it is created when something is stored."""
        return folder(self._given)

    def info(self) -> pd.DataFrame:
        """Return the contents of the cache.

        Returns
        -------
        DataFrame
            One row per series: ``exchange``, ``symbol``, ``kind``, ``interval``; ``first``, ``last``, the times (UTC)
            of its first and last row; ``rows``; ``gaps``, holes between the ranges that were fetched; ``bytes``; and
            ``fetched``, the newest fetch (UTC). Damaged files count only as bytes: they are fetched again.
        """
        columns = ["exchange", "symbol", "kind", "interval", "first", "last", "rows", "gaps", "bytes", "fetched"]
        lines = []
        for store in _stores(self.folder):
            found = store.summary()
            lines.append([*store.series, found.first, found.last, found.rows, found.gaps, found.size, found.fetched])
        frame = pd.DataFrame(lines, columns=columns)
        times = {name: pd.to_datetime(frame[name].astype("Int64"), unit="ms", utc=True) for name in _TIMES}
        return frame.astype(dict.fromkeys(("rows", "gaps", "bytes"), "int64")).assign(**times)

    def clear(self, exchange: str | None = None, symbol: str | None = None, interval: str | None = None) -> int:
        """Delete cached data, all or part of it.

        Parameters
        ----------
        exchange, symbol, interval
            Only series with these values; None: any.

        Returns
        -------
        int
            Bytes freed. Only files of this cache are deleted; empty folders and locks stay, since another process may
            be waiting for a lock.

        Raises
        ------
        InputError
            An argument is not valid.
        DataError
            A file cannot be deleted, or another process keeps it.
        """
        asked = {"exchange": exchange, "symbol": symbol, "interval": interval}
        wanted = {what: check_name(what, name) for what, name in asked.items() if name is not None}
        freed = 0
        for store in _stores(self.folder):
            names = dict(zip(("exchange", "symbol", "kind", "interval"), store.series, strict=True))
            if wanted.items() <= names.items():
                freed += store.clear()
        return freed

    def __repr__(self) -> str:
        sizes = [store.size for store in _stores(self.folder)]
        return f"Cache: {len(sizes):,} series, {sum(sizes) / 1e6:,.1f} MB"

    def _repr_html_(self) -> str:
        return f"<p>{escape(repr(self))}</p>{self.info().to_html(index=False, escape=True)}"


def _stores(root: Path) -> Iterator[Store]:
    for series in series_below(root):
        venue, symbol, kind, interval = series
        yield Store(root, venue, symbol, kind, interval, stored_columns(SeriesFolder(root, series)))


cache: Cache = Cache()
