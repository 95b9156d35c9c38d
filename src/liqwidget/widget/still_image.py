"""A still picture of the estimate for where nothing runs: a PNG without fonts, its caption, the largest clusters."""

from __future__ import annotations

import zlib
from base64 import b64encode
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ..model.grid import decimals_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..market import Market
    from ..model.density import Density
    from ..model.ledger import Ledger

WIDTH, HEIGHT = 720, 360
_STEPS = 128  # colours of the heat; with ground and candles they fit one byte
_GROUND, _UP, _DOWN = (0x0C, 0x0A, 0x1A), (0x3F, 0xE0, 0xB0), (0xFF, 0x6F, 0x7D)
_FLOOR = 1e-3
#: Anchors from sparse to dense, as colour.ts has them.
_ANCHORS = {
    "plasma": "1d0c45 3a1073 5a1592 7b1d9c 9c2793 ba3683 d34a6f e7625a f57f43 fba12f fcc627 f4ef45",
    "viridis": "2a0a45 443983 3b528b 31688e 287c8e 21918c 1fa088 35b779 6ece58 a5db36 d2e21b fde725",
    "cividis": "00204c 00306f 2f3f6d 4a4f6c 5e5f6e 717072 848279 989376 aea571 c5b869 ddcc5c fee838",
    "inferno": "0c0826 240c4f 420a68 5d126e 781c6d 932667 ae305c c73e4c dd513a ed6925 f98e09 fcffa4",
}

Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Look:
    """How the heat is coloured: the widget's own ``palette``, ``scale`` and ``threshold``."""

    palette: str = "plasma"
    scale: str = "linear"
    threshold: tuple[float, float] = (0.0, 0.5)


@dataclass(frozen=True, eq=False)
class Still:
    """A picture, what it shows in words, and its largest clusters.

    Attributes
    ----------
    png
        The picture's bytes.
    title
        Symbol, venue and interval.
    caption
        What it shows, of when, and that it is an estimate.
    clusters
        Column names and then one tuple of words a cluster, largest first.
    """

    png: bytes
    title: str
    caption: str
    clusters: list[tuple[str, ...]]

    def html(self, more: str = "") -> str:
        """Return a figure with the picture inline; every text is escaped. ``more`` is said after the caption."""
        caption = f"{self.caption} {more}".strip()
        data = b64encode(self.png).decode("ascii")
        head, *rows = ("".join(f"<{tag}>{escape(cell)}</{tag}>" for cell in line) for tag, line in self._lines())
        table = (
            f"<table><caption>Largest clusters at the last candle</caption><thead><tr>{head}</tr></thead><tbody>"
            + "".join(f"<tr>{row}</tr>" for row in rows)
        )
        return (
            f'<figure class="liq-still"><img alt="{escape(self.title)}: {escape(self.caption)}" '
            f'width="{WIDTH}" height="{HEIGHT}" src="data:image/png;base64,{data}">'
            f"<figcaption><strong>{escape(self.title)}</strong><br>{escape(caption)}</figcaption>"
            f"{table}</tbody></table></figure>"
        )

    def _lines(self) -> list[tuple[str, tuple[str, ...]]]:
        return [("td" if i else "th", line) for i, line in enumerate(self.clusters)]


def draw_still(
    market: Market, ledger: Ledger, decay_rate: float, weights: Sequence[float] | npt.NDArray[Any], look: Look
) -> Still:
    """Draw a market and the density of its ledger.

    Parameters
    ----------
    market, ledger
        Candles and what they opened, one column a candle.
    decay_rate, weights
        As for :func:`liqwidget.model.density.replay`; weights sum to 1.
    look
        Colours.

    Notes
    -----
    Where candles are narrower than a pixel, every n-th candle's close is shown, and the high and low of all n.
    """
    T = len(ledger)
    group = -(-T // WIDTH)
    kept = np.minimum(np.arange(group - 1, T + group - 1, group), T - 1)
    density = ledger.replay(decay_rate, weights, columns=kept)
    candles = market.candles
    first = np.arange(0, T, group)
    low, high = (
        how.reduceat(candles[name].to_numpy(), first) for how, name in ((np.minimum, "low"), (np.maximum, "high"))
    )
    rising = candles["close"].to_numpy()[kept] >= candles["open"].to_numpy()[first]
    # A fifth of the height above and below the candles, as the widget fits them.
    room = (high.max() - low.min() or low.min() * 0.01) / 3
    bottom, top = max(low.min() - room, 0.0), high.max() + room
    heat = _heat(density, bottom, top, look)

    def line(price: npt.NDArray[Any]) -> npt.NDArray[Any]:
        pixel: npt.NDArray[Any] = np.clip(((top - price) / (top - bottom) * HEIGHT).astype(int), 0, HEIGHT - 1)
        return pixel

    across = np.arange(WIDTH) * len(kept) // WIDTH
    pixels = heat[:, across]
    _draw_candles(pixels, line(high)[across], line(low)[across], rising[across], across)
    return Still(
        _png(pixels, _palette(look.palette)), _title(market), _caption(market, bottom, top), _clusters(density)
    )


def heat_png(share: npt.NDArray[Any]) -> bytes:
    """Return heat alone as a PNG: shares of the brightest colour, shape (P, T), lowest price first; 0 is the ground."""
    step = np.where(share > 0, np.clip(share * _STEPS, 0, _STEPS - 1).astype(int) + 1, 0)
    return _png(step[::-1].astype(np.uint8), _palette("plasma"))


def _heat(density: Density, bottom: float, top: float, look: Look) -> Pixels:
    """Return colour numbers, shape (HEIGHT, columns), highest price first: 0 is the ground."""
    values = density.values
    size, first = density.grid.bin_size, density.grid.first
    edges = (top - (top - bottom) * np.arange(HEIGHT + 1) / HEIGHT) / size - first  # in rows
    a = np.clip(np.floor(edges[1:]).astype(int), 0, len(values) - 1)
    b = np.clip(np.ceil(edges[:-1]).astype(int), a + 1, len(values))
    most = float(values.max(initial=0.0))
    if most <= 0:
        return np.zeros((HEIGHT, values.shape[1]), np.uint8)
    shown = values[a]
    for step in range(1, int((b - a).max())):
        shown = np.maximum(shown, values[np.minimum(a + step, b - 1)])
    low = max(look.threshold[0], _FLOOR) * most
    high = max(look.threshold[1] * most, low * (1 + 1e-6))
    if look.scale == "log":
        share = np.log(np.maximum(shown, low) / low) / np.log(high / low)
    else:
        share = (np.maximum(shown, low) - low) / (high - low)
        share = np.sqrt(share) if look.scale == "sqrt" else share
    step = np.clip((share * _STEPS).astype(int), 0, _STEPS - 1) + 1
    inside = (edges[:-1] > 0) & (edges[1:] < len(values))
    return np.where((shown >= low) & inside[:, None], step, 0).astype(np.uint8)


def _draw_candles(
    pixels: Pixels,
    top: npt.NDArray[Any],
    bottom: npt.NDArray[Any],
    rising: npt.NDArray[np.bool_],
    column: npt.NDArray[Any],
) -> None:
    """Draw a line from high to low in the pixels of each column, with a gap where there is room for one."""
    line = np.arange(HEIGHT)[:, None]
    wide = column[:1].size and int((column == column[0]).sum()) > 3
    last = np.r_[column[1:] != column[:-1], True] if wide else np.zeros(len(column), bool)
    inside = (line >= top) & (line <= bottom) & ~last
    pixels[...] = np.where(inside, np.where(rising, _STEPS + 1, _STEPS + 2), pixels)


def _palette(name: str) -> Pixels:
    """Return the colours by number, shape (_STEPS + 3, 3): ground, heat, rising, falling."""
    anchors = np.array([[int(hexes[i : i + 2], 16) for i in (0, 2, 4)] for hexes in _ANCHORS[name].split()], float)
    place = np.linspace(0, len(anchors) - 1, _STEPS)
    heat = np.stack([np.interp(place, np.arange(len(anchors)), anchors[:, c]) for c in range(3)], axis=1)
    return np.concatenate([[_GROUND], np.floor(heat + 0.5), [_UP, _DOWN]]).astype(np.uint8)


def _png(pixels: Pixels, palette: Pixels) -> bytes:
    """Return colour numbers, shape (H, W), as a PNG with a palette (ISO/IEC 15948)."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return len(data).to_bytes(4, "big") + name + data + zlib.crc32(name + data).to_bytes(4, "big")

    height, width = pixels.shape
    lines = np.zeros((height, width + 1), np.uint8)  # each starts with its filter: none
    lines[:, 1:] = pixels
    head = width.to_bytes(4, "big") + height.to_bytes(4, "big") + bytes([8, 3, 0, 0, 0])
    body = zlib.compress(lines.tobytes(), 6)
    parts = ((b"IHDR", head), (b"PLTE", palette.tobytes()), (b"IDAT", body), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts)


def _title(market: Market) -> str:
    return " · ".join(filter(None, [market.symbol, market.exchange, market.interval_label]))


def _caption(market: Market, bottom: float, top: float) -> str:
    index, decimals = market.candles.index, market.price_decimals
    kind = "Simulated market. " if market.simulated else ""
    return (
        f"{kind}{index[0]:%Y-%m-%d %H:%M} to {index[-1] + market.interval:%Y-%m-%d %H:%M} UTC. Estimated liquidation "
        f"density, dark (sparse) to bright (dense), behind candles; prices from {bottom:,.{decimals}f} to "
        f"{top:,.{decimals}f} USD. Estimate, not a forecast."
    )


def _clusters(density: Density, top: int = 5) -> list[tuple[str, ...]]:
    """Return the largest clusters of the last candle in words, under their column names."""
    names = ("side", "price from", "price to", "estimated USD", "from close")
    decimals = decimals_of(density.grid.bin_size)
    return [
        names,
        *(
            (
                line.side,
                f"{line.price_low:,.{decimals}f}",
                f"{line.price_high:,.{decimals}f}",
                f"{line.notional:,.0f}",
                f"{line.distance:+.2%}",
            )
            for line in density.clusters(top=top).itertuples()
        ),
    ]
