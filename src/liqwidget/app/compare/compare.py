"""`compare`: a page of many markets, the one with the nearest large cluster first."""

from __future__ import annotations

import json
import threading
from base64 import b64encode
from collections.abc import Mapping, Sequence
from functools import cached_property
from hashlib import sha256
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import anywidget
import numpy as np
import pandas as pd
import traitlets
from bokeh.embed import json_item
from bokeh.models import LayoutDOM
from bokeh.util.paths import server_path

from ...checks import is_finite, shown, usd_text, whole
from ...errors import InputError
from ...market.market import Market
from ...model.settings import PresetName, check_decay_rate, check_mix
from ...run.progress import Told, counting
from ...widget.html_page import display_with_picture, new_picture_id, notebook_figure, view_of
from ...widget.still_image import heat_png
from ..guard import guard
from ..panels.gate import PanelGate
from .distances import PER, Axes, Distances, distances
from .small_multiples import INKS, PAGE, brightest, percent, small_multiples

if TYPE_CHECKING:
    import os

    import numpy.typing as npt

MOST = 100
_ESTIMATES = "All amounts are estimates: of vulnerability, never of direction."
_SMALL = (48, 120)  # pixels of a still picture: rows, columns
_NAMES = ("symbol", "exchange", "close", "side", "distance", "peak_price", "notional", "share", "notes")


def compare(
    markets: Sequence[Market] | Mapping[str, Market],
    leverage_mix: Mapping[int, float] | Mapping[float, float] | PresetName | None = None,
    decay_rate: float | Literal["auto"] | None = "auto",
    *,
    distance: float = 0.15,
    columns: int = 300,
    large: float = 0.05,
    progress: bool | Told | None = None,
) -> Comparison:
    """Return a page of small heatmaps, one per market, sorted by the distance of their nearest large cluster.

    All panels share the axis of time (UTC), the axis of price as a distance from the last close, and one scale of
    colour: estimated USD in 0.1 % of price as a share of the USD that the market trades in a mean day of its last
    week. Volume is used because open interest is not always known.

    Parameters
    ----------
    markets
        1 to 100 markets of any symbols, venues, intervals and lengths; in a dict, the keys are their names.
    leverage_mix
        Tier -> weight, or a preset's name, for all of them. None: "balanced".
    decay_rate
        Per hour, for all of them; "auto" or None: each market's own, see :func:`liqwidget.auto_decay_rate`.
    distance
        How far rows reach to each side of the last close, as a share of it, 0.005 to 0.9; clusters are cut there too.
    columns
        Steps of time, 10 to 1,000, over all that any market has. A column shows the close of its last candle, or
        the candle it lies in where candles are longer.
    large
        Share of all USD that stand within ``distance`` at the last close from which on a cluster (a run of bright
        rows, :meth:`liqwidget.Density.clusters`) counts as large, in (0, 1].
    progress
        As for :func:`liqwidget.fetch`: True, False, None, or a function called with markets done, markets, and 0.

    Returns
    -------
    Comparison
        Displayed as the last line of a cell; has ``table``, ``figure`` and ``save(path)``.

    Raises
    ------
    InputError
        There are no markets, too many markets, or an argument is out of its range.

    Examples
    --------
    >>> import liqwidget as lw
    >>> page = lw.compare({"calm": lw.load_sample(), "short": lw.load_sample().tail(300)})  # doctest: +SKIP
    >>> page.save("levels.html")  # doctest: +SKIP
    """
    named = _named(markets)
    mix = check_mix(leverage_mix)
    rate: float | Literal["auto"] = (
        "auto" if decay_rate is None or decay_rate == "auto" else check_decay_rate(decay_rate)
    )
    if not is_finite(distance) or not 0.005 <= distance <= 0.9:
        raise InputError(f"distance: wanted a share of the price from 0.005 to 0.9; got {shown(distance)}.")
    columns = whole("columns", columns, 10, 1000)
    if not is_finite(large) or not 0 < large <= 1:
        raise InputError(f"large: wanted a share in (0, 1]; got {shown(large)}.")
    axes = Axes.over([market for _, market in named], float(distance), columns)
    found = []
    with counting("compare", "markets", len(named), progress) as told:
        for name, market in named:
            found.append(distances(name, market, axes, mix, rate, float(large)))
            told()
    return Comparison(sorted(found, key=_nearest_first), axes, float(large))


class Comparison:
    """A page of markets; created by `compare`. All amounts are estimates.

    Attributes
    ----------
    table
        DataFrame, one line a market, as sorted: ``symbol`` (the name, where one was given), ``exchange``, ``close``
        (USD); of the nearest large cluster ``side`` ("long" or "short"), ``distance`` of its peak from the close as a
        signed fraction, ``peak_price`` and ``notional`` (USD), ``share`` of all that stands within the page's
        distance; ``notes`` on the data. Without a large cluster these are missing.
    figure
        The page as a Bokeh layout.

    Examples
    --------
    >>> import liqwidget as lw
    >>> page = lw.compare({"week": lw.load_sample(), "last day": lw.load_sample().tail(288)})
    >>> page.table[["symbol", "side"]].columns.to_list()
    ['symbol', 'side']
    """

    def __init__(self, shown: list[Distances], axes: Axes, large: float) -> None:
        self._shown, self._axes, self._large = shown, axes, large
        self._picture_id = new_picture_id()
        lines = [
            {
                "symbol": one.name,
                "exchange": one.market.exchange,
                "close": one.close,
                "notes": "; ".join(one.notes),
                **(one.cluster or {}),
            }
            for one in shown
        ]
        self.table: pd.DataFrame = pd.DataFrame(lines).reindex(columns=list(_NAMES))

    def __repr__(self) -> str:
        return f"{self._heading}. {self._words}\n{self._in_words().to_string(index=False)}"

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the page as one HTML file that works without a kernel and without a network."""
        Path(path).write_text(self._page(), encoding="utf-8", newline="\n")

    def close(self) -> None:
        """Close the widgets that a notebook shows."""
        if "_gate" in vars(self):
            for widget in (*self._gate.children, self._gate):
                widget.close()
            del self._gate

    @cached_property
    def figure(self) -> LayoutDOM:
        """The page as a Bokeh layout."""
        return small_multiples(self._shown, self._axes, self._heading, self._words)

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        """Return the page, and a table with pictures for front ends without widgets."""
        data, metadata = self._view(**kwargs)
        return {**data, "text/html": self._still_html()}, metadata

    def _ipython_display_(self, **_: Any) -> None:
        display_with_picture(self._view(), lambda: {"text/html": self._still_html()})

    def _view(self, **kwargs: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        data, metadata = view_of(self._gate._repr_mimebundle_(**kwargs))
        return {**data, "text/plain": repr(self)}, metadata

    def _still_html(self) -> str:
        """Return the page as a table with a small picture per market; all text is escaped."""
        words = self._in_words()
        bound = brightest(self._shown, self._axes) * self._axes.step / PER
        head = "".join(f"<th>{escape(name)}</th>" for name in ("", *words))
        rows = "".join(
            f'<tr><td><img alt="" width="{_SMALL[1]}" height="{_SMALL[0]}" src="data:image/png;base64,'
            f'{b64encode(heat_png(_small(one, bound))).decode()}"></td>'
            + "".join(f"<td>{escape(str(cell))}</td>" for cell in line)
            + "</tr>"
            for one, line in zip(self._shown, words.itertuples(index=False), strict=True)
        )
        return notebook_figure(
            '<figure class="liq-still" style="max-width:none">'
            f"<figcaption><strong>{escape(self._heading)}</strong><br>{escape(self._order)}. "
            f"{_ESTIMATES} In the pictures, one scale of colour for all, time runs to the right and the distance from "
            f"the last price upwards. {self._time} With a kernel, run the cell again for the panels.</figcaption>"
            f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></figure>",
            self._picture_id,
        )

    @property
    def _heading(self) -> str:
        return f"Estimated liquidation levels of {len(self._shown)} market{'s'[: len(self._shown) > 1]}"

    @property
    def _words(self) -> str:
        return (
            f"{self._order}; it is marked at the right edge. The white line is the price, as a distance from the last "
            f"one. {self._time} {_ESTIMATES} Drag to move and hold Ctrl to zoom with the wheel, all panels together."
        )

    @property
    def _time(self) -> str:
        if not self._axes.aligned:
            return "Times are UTC."
        return "These markets share no time: they are aligned at their ends, which the notes name."

    @property
    def _order(self) -> str:
        reach = self._axes.step * self._axes.half
        return (
            f"Sorted by the nearest large cluster: bright rows that hold at least {percent(self._large)} of all that "
            f"stands within {percent(reach)} of the last price"
        )

    def _in_words(self) -> pd.DataFrame:
        table = self.table
        missing = table["side"].isna()
        return pd.DataFrame(
            {
                "symbol": table["symbol"],
                "exchange": table["exchange"],
                "last price": [f"{one.close:,.{one.market.price_decimals}f}" for one in self._shown],
                "nearest large cluster": table["side"].mask(missing, "none"),
                "distance": [
                    ("" if none else f"{far:+.1%}") for none, far in zip(missing, table["distance"], strict=True)
                ],
                "estimate": [
                    ("" if none else usd_text(usd)) for none, usd in zip(missing, table["notional"], strict=True)
                ],
                "of what stands": [
                    ("" if none else f"{s:.0%}") for none, s in zip(missing, table["share"], strict=True)
                ],
                "notes": table["notes"],
            }
        )

    @cached_property
    def _item(self) -> str:
        """The layout as JSON that is safe inside HTML: no text in it can end its element or begin a comment."""
        text = json.dumps(json_item(self.figure), separators=(",", ":"))
        for sign in "<>&":
            text = text.replace(sign, f"\\u{ord(sign):04x}")
        return text

    @cached_property
    def _gate(self) -> PanelGate:
        gate = PanelGate((_Sheet(_item=self._item, _picture_id=self._picture_id),), (), threading.Lock())
        guard(gate)
        return gate

    def _page(self) -> str:
        library = (server_path() / "static" / "js" / "bokeh.min.js").read_text(encoding="utf-8")
        script = f"{_JS}\nopenPage(document);\n"
        admitted = " ".join(
            f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'" for text in (library, script)
        )
        table = self._in_words().to_html(index=False, border=0)
        return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; script-src {admitted}; \
style-src 'unsafe-inline'; img-src data: blob:; base-uri 'none'; form-action 'none'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>{escape(self._heading)}</title>
<style>{_CSS}</style>
</head>
<body>
<main>
<div id="liq-host"></div>
<noscript><p>The panels need JavaScript.</p></noscript>
<details><summary>As a table</summary>{table}</details>
</main>
<footer><p>Made with liqwidget.</p></footer>
<script type="application/json" id="liq-item">{self._item}</script>
<script>{library}</script>
<script type="module">{script}</script>
</body>
</html>
"""


_JS = (files(__package__) / "compare.js").read_text(encoding="utf-8").replace("INKS", json.dumps(INKS))
_DARK_PAGE, _LIGHT_PAGE = ("; ".join(f"{name}: {pair[i]}" for name, pair in PAGE.items()) for i in (0, 1))
_SHEET_CSS = f".liq-sheet {{ {_LIGHT_PAGE}; }}\n.liq-sheet[data-dark=true] {{ {_DARK_PAGE}; }}\n"
_CSS = (
    f"""
:root {{ color-scheme: light dark; {_LIGHT_PAGE}; }}
@media (prefers-color-scheme: dark) {{ :root {{ {_DARK_PAGE}; }} }}
{_SHEET_CSS}"""
    + """
body { margin: 0; background: var(--liq-sheet-paper); color: var(--liq-sheet-ink);
  font: 13px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
details, footer { padding: 0 18px 12px; color: var(--liq-sheet-dim); overflow-x: auto; }
th, td { text-align: left; padding: 2px 14px 2px 0; font-weight: 400; font-variant-numeric: tabular-nums; }
"""
)


class _Sheet(anywidget.AnyWidget):
    """A Bokeh item in a notebook; `PanelGate` loads BokehJS first."""

    _esm = _JS
    _css = _SHEET_CSS
    _item = traitlets.Unicode().tag(sync=True)
    _picture_id = traitlets.Unicode().tag(sync=True)

    def set_state(self, sync_data: dict[str, Any]) -> None:
        """Ignore state from the browser."""


def _small(one: Distances, bound: float) -> npt.NDArray[np.float32]:
    """Return shares of the brightest colour, reduced to few cells by taking the densest of each."""
    share = one.usd / (bound * one.day_usd) if one.day_usd > 0 else np.zeros_like(one.usd)
    for axis, most in enumerate(_SMALL):
        size = share.shape[axis]
        share = np.maximum.reduceat(share, np.unique(np.arange(most) * size // most), axis=axis)
    return share


def _named(markets: object) -> list[tuple[str, Market]]:
    wanted = f"markets: wanted a list of 1 to {MOST} Markets, or a dict of name -> Market"
    if isinstance(markets, Mapping):
        pairs = list(markets.items())
    elif isinstance(markets, Sequence) and not isinstance(markets, str | bytes):
        pairs = [(getattr(market, "symbol", ""), market) for market in markets]
    else:
        raise InputError(f"{wanted}; got {type(markets).__name__}.")
    if not 1 <= len(pairs) <= MOST:
        raise InputError(f"{wanted}; got {len(pairs):,}.")
    for place, (name, market) in enumerate(pairs):
        if not isinstance(market, Market):
            raise InputError(
                f"{wanted}; number {place} is a {type(market).__name__}. Use lw.Market.from_frame(df, symbol=...)."
            )
        if not isinstance(name, str) or len(name) > 64 or not name.isprintable():
            raise InputError(f"markets: wanted names of at most 64 printable characters; got {shown(name)}.")
    return pairs


def _nearest_first(one: Distances) -> tuple[bool, float, float]:
    found = one.cluster
    return (True, 0.0, 0.0) if found is None else (False, abs(found["distance"]), -found["share"])
