"""A window of a history: the entries standing before it, and its columns, as fine as the span allows."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .build import Job, Settings, entries_of, tile_at, tile_of_chunk
from .chunks import Chunk, candles_of
from .store import Folder
from .tiles import STRIDE, Tile, joined

_KEPT = 8_000_000  # entries of tiles in memory: about 160 MB


@dataclass(frozen=True, eq=False)
class Window:
    """Consecutive columns of a history.

    Attributes
    ----------
    tile
        Candles and ledger. Unless the window begins with the history, the first column is the candle before the window:
        its entries are all that stood at its close, with their ages.
    width
        Candles per column; the first and the last may have fewer.
    level
        Candles per column of the tiles that it was cut from.
    first, last
        Times of the first and the last column, ns.
    """

    tile: Tile
    width: int
    level: int
    first: int
    last: int


class Windows:
    """Cuts windows out of a store, and caches the most recently used tiles."""

    def __init__(self, folder: Folder, settings: Settings, chunks: Sequence[Chunk], levels: list[list[int]]) -> None:
        self._folder, self._settings, self._chunks, self._levels = folder, settings, chunks, levels
        self._tiles: OrderedDict[tuple[int, int], Tile] = OrderedDict()
        self._lock, self._making = threading.Lock(), dict[tuple[int, int], threading.Lock]()

    def count(self, first: int, last: int) -> int:
        """Return approximately how many candles lie between two times, ns."""
        edges = np.array([time for chunk in self._chunks for time in (chunk.first, chunk.last)])
        rows = np.array([row for chunk in self._chunks for row in (chunk.begin, chunk.end - 1)])
        a, b = np.interp([first, last], edges, rows)
        return int(b - a) + 1

    def width(self, candles: int, most: int) -> int:
        """Return the candles per column for which this many candles take at most ``most`` columns."""
        level = 0
        while level < len(self._levels) and candles > most * STRIDE**level:
            level += 1
        return int(STRIDE**level)

    def cut(self, first: int, last: int, most: int) -> Window:
        """Return the columns from one time to another, ns, at most ``most`` of them and three at the edges.

        Entries opened in the window are exact where columns are single candles; those from before are accurate to 1e-4.
        """
        level = self._level(first, last, most)
        numbers = self._between(level, first, last)
        tile = joined([self.tile(level, number) for number in numbers])
        time = tile.ledger.time.view(np.int64)
        a = max(int(np.searchsorted(time, first, "right")) - 1, 0)
        b = max(int(np.searchsorted(time, last, "right")), a + 1)
        chunk = self._chunks[numbers[0]]
        standing = entries_of(self._folder.need(f"openings/{chunk.name}", self._settings.plan)[0])
        if a > 0:
            standing, before = standing.behind(tile.cut(0, a).ledger), tile.candles.iloc[a - 1 : a]
        elif chunk.since:
            before = candles_of(self._folder, chunk, self._settings.candles).iloc[:1]
        else:
            before = None
        some = tile.cut(a, b)
        more = -(-len(some) // (most + 2))  # the coarsest level may still be too fine
        some = some.merged(more)
        whole = some if before is None else some.behind(standing, before)
        width = STRIDE**level
        return Window(whole, width * more, width, int(time[a]), int(time[b - 1]))

    def prefetch(self, first: int, last: int, most: int, wanted: Callable[[], bool]) -> None:
        """Load the tiles of the windows beside, below and above the one from ``first`` to ``last``, while ``wanted()``.

        Tiles in the middle come first; no more are loaded than the cache can hold beside the window's own.

        Raises
        ------
        ParseError, DataError
            A file is damaged, missing, or cannot be read.
        """
        span, level = last - first, self._level(first, last, most)
        beside = level, first - span // 2, last + span // 2
        above = level + 1, first - 3 * span // 2, last + 3 * span // 2
        keys: dict[tuple[int, int], None] = {}
        for at, a, b in ((level, first, last), beside, (level - 1, first, last), above):
            numbers = self._between(at, a, b) if 0 <= at <= len(self._levels) else []
            keys |= dict.fromkeys((at, n) for n in sorted(numbers, key=lambda n: abs(n - numbers[len(numbers) // 2])))
        loaded = 0
        for key in keys:
            if loaded > _KEPT * 3 // 4 or not wanted():
                return
            loaded += len(self.tile(*key).ledger.row)

    def tile(self, level: int, number: int) -> Tile:
        """Return a tile of a level; of level 0, a chunk with a column per candle."""
        key = level, number
        with self._lock:
            alone = self._making.setdefault(key, threading.Lock())
        try:
            with alone:  # a tile that another thread is making is waited for
                with self._lock:
                    if key in self._tiles:
                        self._tiles.move_to_end(key)
                        return self._tiles[key]
                tile = self._made(level, number)
                with self._lock:
                    self._tiles[key] = tile
                    while self.held > _KEPT and len(self._tiles) > 1:
                        self._tiles.popitem(last=False)
        finally:
            with self._lock:
                self._making.pop(key, None)
        return tile

    @property
    def held(self) -> int:
        """Number of entries in the cached tiles."""
        return sum(len(tile.ledger.row) for tile in self._tiles.values())

    def _made(self, level: int, number: int) -> Tile:
        if level:
            return tile_at(self._folder, self._settings, level, number)
        return tile_of_chunk(Job(self._folder, self._settings, self._chunks[number]))

    def _level(self, first: int, last: int, most: int) -> int:
        width = self.width(self.count(first, last), most)
        return (width.bit_length() - 1) // (STRIDE.bit_length() - 1)

    def _between(self, level: int, first: int, last: int) -> list[int]:
        """Return the tiles of a level that contain the columns from one time to another, ns, at least one."""
        numbers = self._numbers(level)
        starts = np.array([self._chunks[number].first for number in numbers])
        i = max(int(np.searchsorted(starts, first, "right")) - 1, 0)
        return numbers[i : max(int(np.searchsorted(starts, last, "right")), i + 1)]

    def _numbers(self, level: int) -> list[int]:
        return self._levels[max(level - 1, 0)]


def candles_between(folder: Folder, settings: Settings, chunks: Sequence[Chunk], first: int, last: int) -> Any:
    """Return the candles from one time to another, ns, as a list of frames; empty where there are none."""
    frames = []
    for chunk in chunks:
        if chunk.last >= first and chunk.first <= last:
            candles = candles_of(folder, chunk, settings.candles).iloc[chunk.since :]
            time = candles.index.as_unit("ns").asi8
            frames.append(candles[(time >= first) & (time <= last)])
    return [frame for frame in frames if len(frame)]
