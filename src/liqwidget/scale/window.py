"""A window of a history: what stood before it, and its columns, as fine as the span allows."""

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
    """Some columns of a history.

    Attributes
    ----------
    tile
        Candles and ledger. Where there is a past, the first column is the candle before the window: its entries are all
        that stood at its close, with their ages.
    width
        Candles a column; the first and the last may hold fewer.
    level
        Candles a column of the tiles that it was cut from.
    first, last
        Times of the first and the last column, ns.
    """

    tile: Tile
    width: int
    level: int
    first: int
    last: int


class Windows:
    """Cuts windows out of a store, and keeps the tiles used last."""

    def __init__(self, folder: Folder, settings: Settings, chunks: Sequence[Chunk], levels: list[list[int]]) -> None:
        self._folder, self._settings, self._chunks, self._levels = folder, settings, chunks, levels
        self._tiles: OrderedDict[tuple[int, int], Tile] = OrderedDict()
        self._lock, self._making = threading.Lock(), dict[tuple[int, int], threading.Lock]()

    def count(self, first: int, last: int) -> int:
        """Return about how many candles there are between two times, ns."""
        edges = np.array([time for chunk in self._chunks for time in (chunk.first, chunk.last)])
        rows = np.array([row for chunk in self._chunks for row in (chunk.begin, chunk.end - 1)])
        a, b = np.interp([first, last], edges, rows)
        return int(b - a) + 1

    def width(self, candles: int, most: int) -> int:
        """Return how many candles a column has where so many candles take at most ``most`` columns."""
        level = 0
        while level < len(self._levels) and candles > most * STRIDE**level:
            level += 1
        return int(STRIDE**level)

    def cut(self, first: int, last: int, most: int) -> Window:
        """Return the columns from one time to another, ns, at most ``most`` of them and three at the edges.

        What opened in the window is exact where columns are single candles; what stood before is to a ten-thousandth.
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
        """Load what the windows beside, below and above the one from ``first`` to ``last`` are cut from, while wanted.

        The middle first, and no more than there is room for beside the window's own.

        Raises
        ------
        ParseError, DataError
            A file is damaged or gone, or cannot be read.
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
        """Return a tile: of a level, or of level 0 a chunk's candles one by one."""
        key = level, number
        with self._lock:
            alone = self._making.setdefault(key, threading.Lock())
        try:
            with alone:  # who wants a tile that is being made waits for it
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
        """Entries of the tiles in memory."""
        return sum(len(tile.ledger.row) for tile in self._tiles.values())

    def _made(self, level: int, number: int) -> Tile:
        if level:
            return tile_at(self._folder, self._settings, level, number)
        return tile_of_chunk(Job(self._folder, self._settings, self._chunks[number]))

    def _level(self, first: int, last: int, most: int) -> int:
        width = self.width(self.count(first, last), most)
        return (width.bit_length() - 1) // (STRIDE.bit_length() - 1)

    def _between(self, level: int, first: int, last: int) -> list[int]:
        """Return the tiles of a level that hold the columns from one time to another, ns, at least one."""
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
