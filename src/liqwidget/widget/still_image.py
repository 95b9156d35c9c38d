"""A static picture of the estimate, for pages without scripts: a PNG, its caption, the largest clusters."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ..checks import usd_text
from ..market.facts import contract_text
from ..model.grid import decimals_of
from .png import GROUND, Pixels, encode_png, heat_colours, ramp, rgb
from .still_axes import PriceAxis, amount_at, apart, time_ticks
from .stroke_font import baseline, draw_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from ..market.market import Market
    from ..model.density import Density
    from ..model.ledger import Ledger

#: Size of the picture and its margins around the plot, CSS pixels; it has twice as many pixels each way.
WIDTH, HEIGHT = 720, 396
TOP, RIGHT, BOTTOM = 26, 72, 62
PLOT = (WIDTH - RIGHT, HEIGHT - TOP - BOTTOM)
RATIO = 2
#: Width and height of a cell of the heat, CSS pixels: finer ones cost bytes, and a saved notebook has few to spare.
CELL = (4, 2)
#: Numbers of the colours: the ground is 0, then come the heat, a rising and a falling candle, text on the ground and
#: text on the label of the last price.
STEPS, _INKS = 32, 4
_UP, _DOWN, _TEXT = STEPS + 1, STEPS + 2, STEPS + 3
_TAG = _TEXT + _INKS
_INK, _CANDLES = "dcd9e6", ("3fe0b0", "ff6f7d")
_FLOOR = 1e-3
_CAPITAL = 8.2  # height of a capital letter, CSS pixels


@dataclass(frozen=True)
class Look:
    """How it looks: the widget's own ``palette``, ``scale``, ``threshold`` and ``price_axis``."""

    palette: str = "plasma"
    scale: str = "linear"
    threshold: tuple[float, float] = (0.0, 0.5)
    price_axis: str = "linear"


@dataclass(frozen=True, eq=False)
class Still:
    """A picture, its caption, and its largest clusters.

    Attributes
    ----------
    png
        The picture's bytes.
    title
        Symbol, venue and interval.
    caption
        What it shows, for which time, and that it is an estimate.
    clusters
        Column names, then one tuple of text a cluster, largest first.
    """

    png: bytes
    title: str
    caption: str
    clusters: list[tuple[str, ...]]

    def html(self, more: str = "") -> str:
        """Return a figure with the picture inline; all text is escaped. ``more`` follows the caption."""
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
    market: Market,
    ledger: Ledger,
    decay_rate: float,
    weights: Sequence[float] | npt.NDArray[Any],
    bin_size: float | None,
    look: Look,
) -> Still:
    """Draw a market and the density of its ledger.

    Parameters
    ----------
    market, ledger
        Candles and what they opened, one column a candle.
    decay_rate, weights, bin_size
        As for :meth:`liqwidget.Ledger.replay`; weights sum to 1.
    look
        Colours and the price axis.

    Notes
    -----
    If candles are narrower than a pixel, n of them share a column: their high and low, and the density at the last.
    """
    T, (across, down) = len(ledger), PLOT
    group = -(-T // across)
    kept = np.minimum(np.arange(group - 1, T + group - 1, group), T - 1)
    density = ledger.replay(decay_rate, weights, columns=kept, bin_size=bin_size)
    candles = {name: market.candles[name].to_numpy() for name in ("open", "high", "low", "close")}
    first = np.arange(0, T, group)
    low, high = np.minimum.reduceat(candles["low"], first), np.maximum.reduceat(candles["high"], first)
    # A fifth of the height above and below the candles, as the widget fits them.
    axis = PriceAxis.around(low.min(), high.max(), look.price_axis == "log")
    bottom, top = axis.bottom, axis.top

    def line(price: Any) -> npt.NDArray[np.int64]:
        pixel = (axis.depth(price) * down * RATIO).astype(np.int64)
        inside: npt.NDArray[np.int64] = np.clip(pixel, 0, down * RATIO - 1)
        return inside

    paper = np.zeros((HEIGHT * RATIO, WIDTH * RATIO), np.uint8)
    span = _span(density, look)
    cells = np.arange(across // CELL[0])
    column = np.minimum(-(-(cells + 1) * len(kept) * CELL[0] // across), len(kept)) - 1
    heat = _heat(density, axis.prices(down // CELL[1]), span, look.scale)[:, column]
    plot = paper[TOP * RATIO : (TOP + down) * RATIO, : across * RATIO]
    plot[...] = heat.repeat(RATIO * CELL[1], axis=0).repeat(RATIO * CELL[0], axis=1)
    opened, closed = candles["open"][first], candles["close"][kept]
    edges = (np.arange(len(kept) + 1) * across * RATIO) // len(kept)
    _draw_candles(plot, [line(price) for price in (high, opened, closed, low)], edges)
    sheet = _Sheet(paper, market.currency)
    sheet.prices(axis, line, closed[-1], market.price_decimals)
    sheet.times(market.candles.index.tz_localize(None).to_numpy(), group, edges)
    sheet.words(_title(market), span, look, density.grid.bin_size)
    up = closed[-1] >= opened[-1]
    ground, tag = ramp(GROUND, _INK, _INKS), ramp(_CANDLES[0 if up else 1], GROUND, _INKS)
    colours = [heat_colours(look.palette, STEPS), *(rgb(candle)[None] for candle in _CANDLES), ground, tag]
    return Still(
        encode_png(paper, np.concatenate(colours)),
        _title(market),
        _caption(market, bottom, top),
        _clusters(density, market.currency),
    )


def heat_png(share: npt.NDArray[Any], steps: int = 128) -> bytes:
    """Return heat alone as a PNG: shares of the brightest colour, (P, T), from the lowest price; 0: background."""
    step = np.where(share > 0, np.clip(share * steps, 0, steps - 1).astype(np.int64) + 1, 0)
    return encode_png(step[::-1].astype(np.uint8), heat_colours("plasma", steps))


def _span(density: Density, look: Look) -> tuple[float, float]:
    """Return the amounts at the ends of the colour scale; twice 0 if nothing is estimated."""
    most = float(density.values.max(initial=0.0))
    low = max(look.threshold[0], _FLOOR) * most
    return low, max(look.threshold[1] * most, low * (1 + 1e-6))


def _heat(density: Density, edges: npt.NDArray[np.float64], span: tuple[float, float], scale: str) -> Pixels:
    """Return colour numbers between these prices, highest first, shape (edges - 1, columns); 0 is the background."""
    values, (low, high) = density.values, span
    size, first = density.grid.bin_size, density.grid.first
    edges = edges / size - first  # in rows
    a = np.clip(np.floor(edges[1:]).astype(np.int64), 0, len(values) - 1)
    b = np.clip(np.ceil(edges[:-1]).astype(np.int64), a + 1, len(values))
    if high <= 0:
        return np.zeros((len(a), values.shape[1]), np.uint8)
    shown = values[a]
    for step in range(1, int((b - a).max())):
        shown = np.maximum(shown, values[np.minimum(a + step, b - 1)])
    if scale == "log":
        share = np.log(np.maximum(shown, low) / low) / np.log(high / low)
    else:
        share = (np.maximum(shown, low) - low) / (high - low)
        share = np.sqrt(share) if scale == "sqrt" else share
    step = np.clip((share * STEPS).astype(np.int64), 0, STEPS - 1) + 1
    inside = (edges[:-1] > 0) & (edges[1:] < len(values))
    return np.where((shown >= low) & inside[:, None], step, 0).astype(np.uint8)


def _draw_candles(plot: Pixels, lines: list[npt.NDArray[np.int64]], edges: npt.NDArray[np.int64]) -> None:
    """Draw candles into the columns between these edges: wick and body if there is room, from high to low if not."""
    wide = np.diff(edges)
    number = np.repeat(np.arange(len(wide)), wide)
    high, opened, closed, low = (line[number].astype(np.int16) for line in lines)  # short numbers: twice as fast
    y = np.arange(len(plot), dtype=np.int16)[:, None]
    drawn = (y >= high) & (y <= low)
    if wide.min() >= 3 * RATIO:
        x, body = np.arange(plot.shape[1]) - edges[number], (wide - np.maximum(wide // 5, RATIO))[number]
        drawn &= np.abs(2 * x + 1 - body) <= RATIO
        drawn |= (y >= np.minimum(opened, closed)) & (y < np.maximum(opened, closed) + RATIO) & (x < body)
    colour = np.where(closed <= opened, _UP, _DOWN).astype(np.uint8)  # a higher price is a lower line
    np.copyto(plot, np.broadcast_to(colour, plot.shape), where=drawn)


class _Sheet:
    """The words and lines around the plot. Places are CSS pixels from the left upper corner."""

    def __init__(self, paper: Pixels, currency: str) -> None:
        self._paper, self._currency = paper, currency

    def prices(self, axis: PriceAxis, line: Callable[[Any], Any], last: float, decimals: int) -> None:
        """Label round prices, and the last close with a line across the plot."""
        x, down = PLOT
        said = f"{last:,.{decimals}f}"
        while decimals > 0 and self._width(said) > RIGHT - 10:
            decimals -= 1
            said = f"{last:,.{decimals}f}"
        level = TOP + int(line(last)) / RATIO
        below = np.inf  # the tick before
        for price, label in axis.ticks(down // 40):
            y = TOP + int(line(price)) / RATIO
            if TOP + 6 < y < TOP + down - 6 and abs(y - level) > 15 and below - y > (15 if axis.is_log else 0):
                below = y
                self._fill(x, y, 4, 1)
                self._write(label, x + 8, y, shade=0.8)
        for dash in range(0, x, 8):
            self._fill(dash, level, 3, 0.5)
        self._fill(x, level - 8, RIGHT, 17, _TAG)
        self._write(said, x + 8, level, number=_TAG)

    def times(self, time: npt.NDArray[np.datetime64], group: int, edges: npt.NDArray[np.int64]) -> None:
        """Label round times under the plot."""
        x, down = PLOT
        y = TOP + down
        ticks = time_ticks(time, x // 80)
        middles = [float(edges[column // group]) / RATIO for column, _ in ticks]
        for (_, label), middle, (start, fits) in zip(
            ticks, middles, self._spread(ticks, middles, 2, x - 2), strict=True
        ):
            if fits:
                self._fill(middle, y, 1, 4)
                self._write(label, start, y + 12, shade=0.8)
        self._write("UTC", x + 8, y + 12, shade=0.8)

    def words(self, title: str, span: tuple[float, float], look: Look, bin_size: float) -> None:
        """Write the title, the sides and the colour scale with its amounts."""
        down = PLOT[1]
        estimate = "estimate, not a forecast"
        self._write(title, 8, 13, width=WIDTH - self._width(estimate) - 30)
        self._write(estimate, WIDTH - 8 - self._width(estimate), 13)
        for label, y in (("short above the price", TOP + 14), ("long below the price", TOP + down - 14)):
            self._fill(6, y - 9, self._width(label) + 9, 18, 0)
            self._write(label, 11, y)
        y, bar = TOP + down + 26, 330
        if span[1] <= 0:
            self._write("Nothing is estimated: no volume.", 8, y + 6, shade=0.8)
            return
        colours = np.arange(bar * RATIO) * STEPS // (bar * RATIO) + 1
        self._paper[y * RATIO : (y + 10) * RATIO, 8 * RATIO : (8 + bar) * RATIO] = colours
        place = np.linspace(0, 1, 3 if self._currency else 5)
        amounts = [usd_text(amount_at(share, *span, look.scale), currency=self._currency) for share in place]
        amounts[-1] += "+" if look.threshold[1] < 1 else ""
        middles = (8 + (bar - 1) * place).tolist()
        shown = self._spread(list(enumerate(amounts)), middles, 8, bar + 8)
        for amount, middle, (start, fits) in zip(amounts, middles, shown, strict=True):
            if fits:
                self._fill(middle, y + 10, 1, 3)
                self._write(amount, start, y + 22, shade=0.8)
        size = f"{bin_size:,.{decimals_of(bin_size)}f}"
        self._write(f"estimated {self._currency or 'USD'}, sparse to dense", bar + 26, y + 5, shade=0.8)
        scale = "" if look.scale == "linear" else f", {look.scale} scale"
        self._write(f"per {size} of price, at each candle{scale}", bar + 26, y + 22, shade=0.8)

    def _spread(
        self, ticks: Sequence[tuple[int, str]], middles: Sequence[float], left: float, right: float
    ) -> Iterator[tuple[float, bool]]:
        """Return where the label of each tick starts, inside these bounds, and whether it is apart from the last."""
        widths = [self._width(label) for _, label in ticks]
        starts = [
            min(max(middle - width / 2, left), right - width) for middle, width in zip(middles, widths, strict=True)
        ]
        spans = [(start, start + width) for start, width in zip(starts, widths, strict=True)]
        return zip(starts, apart(spans, 8), strict=True)

    def _width(self, text: str) -> float:
        return float(draw_text(text, _CAPITAL * RATIO).shape[1] / RATIO)

    def _fill(self, x: float, y: float, width: float, height: float, number: int = _TEXT + _INKS // 2) -> None:
        left, upper = round(x * RATIO), round(y * RATIO)
        self._paper[upper : upper + round(height * RATIO), left : left + round(width * RATIO)] = number

    def _write(
        self, text: str, x: float, y: float, *, number: int = _TEXT, shade: float = 1.0, width: float = WIDTH
    ) -> None:
        """Write text whose capitals are centred at y; what does not fit the width or the picture is left out."""
        drawn = draw_text(text, _CAPITAL * RATIO)[:, : round(width * RATIO)]
        left, upper = round(x * RATIO), round((y + _CAPITAL / 2) * RATIO) - baseline(_CAPITAL * RATIO)
        here = self._paper[upper : upper + drawn.shape[0], left : left + drawn.shape[1]]
        ink = np.floor(drawn[: here.shape[0], : here.shape[1]] * shade * (_INKS - 1) + 0.5).astype(np.uint8)
        here[ink > 0] = number + ink[ink > 0]


def _title(market: Market) -> str:
    contract = contract_text(market.contract)
    return " · ".join(filter(None, [market.symbol, contract, market.exchange, market.interval_label]))


def _caption(market: Market, bottom: float, top: float) -> str:
    index, decimals = market.candles.index, market.price_decimals
    kind = "Simulated market. " if market.simulated else ""
    currency = market.currency or "USD"
    notes = "".join(f" {note[:1].upper()}{note[1:]}." for note in market.notes)
    return (
        f"{kind}{index[0]:%Y-%m-%d %H:%M} to {index[-1] + market.interval:%Y-%m-%d %H:%M} UTC. Estimated liquidation "
        f"density, dark (sparse) to bright (dense), behind candles; prices from {bottom:,.{decimals}f} to "
        f"{top:,.{decimals}f} {currency}. Estimate, not a forecast.{notes}"
    )


def _clusters(density: Density, currency: str = "", top: int = 5) -> list[tuple[str, ...]]:
    """Return column names and the largest clusters of the last candle, as text."""
    names = ("side", "price from", "price to", f"estimated {currency or 'USD'}", "from close")
    decimals = decimals_of(density.grid.bin_size)
    return [
        names,
        *(
            (
                line["side"],
                f"{line['price_low']:,.{decimals}f}",
                f"{line['price_high']:,.{decimals}f}",
                usd_text(line["notional"], currency=currency),
                f"{line['distance']:+.2%}",
            )
            for line in density.clusters(top=top).to_dict("records")
        ),
    ]
