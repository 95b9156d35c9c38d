"""`explore`: data controls, the heatmap, and panels that share its state, in one call."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import ipywidgets

from ..errors import InputError
from ..market import Market
from ..model.density import auto_decay_rate
from ..simulation.sample import load_sample
from ..widget import LiquidationHeatmap
from ..widget.html_page import display_with_picture
from .data_form.controls import DataControls
from .data_form.loading import Job, Wish
from .pace import Pace
from .panels.cards import card, check_html, list_html, map_html, scene_html
from .panels.cluster_panel import ClusterPanel
from .panels.context_panel import ContextPanel
from .panels.gate import PanelGate
from .panels.ink import DARK, LIGHT
from .panels.map_panel import MapPanel
from .panels.panel import Panel
from .readings.context import context_series, context_words
from .readings.levels import Snapshot, cluster_table, liquidation_map
from .readings.scene import scene
from .readings.selfcheck import self_check

_WATCHED = ("leverage_mix", "decay_rate", "visible", "_revision")


def explore(market: Market | None = None, *, files: bool = True, uploads: bool = True) -> Explorer:
    """Return the whole application; as a cell's last line it shows itself, in JupyterLab and in Voila.

    Parameters
    ----------
    market
        The candles to begin with; None: the bundled, simulated week.
    files
        Whether the reader may name files of the machine that runs the kernel; False for pages that others see.
    uploads
        Whether the reader may send a file of theirs, at most 64 MB.

    Returns
    -------
    Explorer
        With ``heatmap``, ``market`` and ``close()``.

    Raises
    ------
    InputError
        ``market`` is no Market.
    """
    if market is not None and not isinstance(market, Market):
        raise InputError(
            f"market: wanted a Market or None; got {type(market).__name__}. "
            "Use lw.Market.from_frame(df) for a DataFrame of candles."
        )
    return Explorer(load_sample() if market is None else market, files=files, uploads=uploads)


class Explorer(ipywidgets.VBox):  # type: ignore[misc]  # ipywidgets ships no types
    """The application. Made by `explore`.

    Attributes
    ----------
    heatmap
        The `LiquidationHeatmap`; its traits are the state that everything here shares.
    controls
        The data controls.
    """

    _is_open = False

    def __init__(self, market: Market, *, files: bool = True, uploads: bool = True) -> None:
        self.heatmap = LiquidationHeatmap(market)
        self.controls = DataControls(self._load, self._cancel, paths=files, uploads=uploads)
        self._map, self._context, self._clusters = MapPanel(), ContextPanel(), ClusterPanel(self._mark_cluster)
        self._scene, self._facts, self._check, self._about = (ipywidgets.HTML() for _ in range(4))
        self._drawing = threading.Lock()  # a patch of Bokeh's is three messages, which must stay together
        self._job: Job | None = None
        self._shown: Snapshot | None = None
        self._table: Any = None
        self._update()
        panels = of_map, of_context, of_clusters = (
            Panel(self._map.model),
            Panel(self._context.model),
            Panel(self._clusters.model),
        )
        cards = (
            card("Liquidation map", of_map, self._about, wide=True),
            card("Context", of_context, self._facts),
            card("Clusters", of_clusters, ipywidgets.HTML(CLUSTER_NOTE), wide=True),
            card("Self-check", self._check),
        )
        self._gate = PanelGate(cards, panels, self._drawing)
        super().__init__([self.controls, self._scene, self.heatmap, self._gate])
        self.add_class("liq-app")
        self._pace = Pace(self._update, self._failed)
        self.heatmap.observe(lambda _change: self._pace.ask(), _WATCHED)
        self._gate.observe(lambda _change: self._recolour(), "dark")
        self._is_open = True

    @property
    def market(self) -> Market:
        """The candles shown; assign another Market to show that one."""
        return self.heatmap.market

    @market.setter
    def market(self, market: Market) -> None:
        heatmap = self.heatmap
        automatic = heatmap.decay_rate == auto_decay_rate(heatmap.market, heatmap.turnover)
        heatmap.market = market
        if automatic:
            heatmap.decay_rate = "auto"

    def _ipython_display_(self, **_: Any) -> None:
        """Show the application, and a picture for where no kernel is."""
        display_with_picture((self._repr_mimebundle_(), {}), self.heatmap._still_html)

    def close(self) -> None:
        """End what runs, and close every widget of the application, the heatmap too."""
        if not self._is_open:
            return
        self._is_open = False
        self._cancel()
        self._pace.end()
        for widget in reversed(list(_all_in(self))):
            if widget is not self:
                widget.close()
        super().close()

    def _load(self, wish: Wish) -> None:
        if self._job is not None and not self._job.is_over:
            return
        self.controls.busy("Loading …")
        self._job = Job(wish, self._show, self.controls.progress, self._ended).start()

    def _show(self, market: Market) -> None:
        self.market = market

    def _ended(self, error: str) -> None:
        if error:
            self.controls.fail(error)
        else:
            market = self.market
            self.controls.rest(f"{len(market):,} candles of {market.symbol}")

    def _cancel(self) -> None:
        if self._job is not None:
            self._job.cancel()

    def _update(self) -> None:
        """Bring the panels to the heatmap's present state."""
        before = self._shown
        now = Snapshot.of(self.heatmap, before)
        drawn, table = liquidation_map(now), cluster_table(now)
        at_ms = float(now.ledger.time[now.at].astype("datetime64[ms]").astype(float))
        with self._drawing:
            self._shown, self._table = now, table
            self._map.show(drawn, now.ledger.leverage.tolist(), now.ledger.bin_size)
            self._clusters.show(table, now.ledger.bin_size)
            if before is None or before.market is not now.market:
                self._context.show(context_series(now.market), at_ms)
            else:
                self._context.mark(at_ms)
        self._check.value = check_html(self_check(now))
        self._scene.value = scene_html(scene(now.market, now.density, 0))
        self._facts.value = list_html(context_words(now.market, now.at))
        self._about.value = map_html(now, drawn)

    def _failed(self, error: Exception) -> None:
        self.controls.say(f"The panels show the state before: {error}")

    def _recolour(self) -> None:
        ink = DARK if self._gate.dark else LIGHT
        with self._drawing:
            self._map.recolour(ink)
            self._context.recolour(ink)

    def _mark_cluster(self, row: int) -> None:
        with self._drawing:
            now, table = self._shown, self._table
        if now is not None and row < len(table):
            cluster, time = table.iloc[row], now.ledger.time.astype("datetime64[ms]").astype(float)
            self.heatmap.selection = {
                "time_from": time[0],
                "time_to": time[now.at],
                "price_low": cluster["price_low"],
                "price_high": cluster["price_high"],
            }


CLUSTER_NOTE = (
    "Runs of bright rows, at the same candle as the map; prices and amounts in USD, all of them estimates. "
    "<em>USD before</em> stands between the price and the cluster; <em>age</em> is the mean since it was opened. "
    "Under resampled mixes and decay rates, from half to twice the present one: <em>USD range</em> holds nine in ten "
    "of 200 draws, as does how far the <em>peak moves</em> where the cluster is <em>found</em> again. That is how the "
    "estimate depends on these settings, not how wrong it is. "
    "Click a row to mark it in the chart, a header to sort."
)


def _all_in(widget: Any) -> Iterator[Any]:
    """Yield a widget and all that its traits hold, each once."""
    seen: set[int] = set()
    waiting = [widget]
    while waiting:
        one = waiting.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        for name in one.keys:
            value = getattr(one, name, None)
            held = value if isinstance(value, (list, tuple)) else [value]
            waiting += [inner for inner in held if isinstance(inner, ipywidgets.Widget)]
