"""`explore`: the application with data controls, the heatmap, and panels that share its state."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import Any

import ipywidgets

from ..errors import InputError
from ..market.market import Market
from ..simulation.sample import load_sample
from ..widget.heatmap import LiquidationHeatmap
from ..widget.html_page import display_with_picture
from .data_form.controls import DataControls
from .data_form.loading import Choice, FromVenue, Job
from .failure import failure_text
from .guard import guard, widgets_in
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

_WATCHED = ("leverage_mix", "decay_rate", "visible", "as_of", "_revision")


def explore(
    market: Market | None = None, *, files: bool = True, uploads: bool = True, trust_env: bool = False
) -> Explorer:
    """Return the application; as the last line of a cell it is displayed, in JupyterLab and in Voila.

    Parameters
    ----------
    market
        The initial candles; None: the bundled, simulated week.
    files
        Whether the user may open files of the kernel's machine; False for pages served to others.
    uploads
        Whether the user may upload a file, at most 64 MB.
    trust_env
        Take proxies and certificates from the environment, as for :func:`liqwidget.fetch`.

    Returns
    -------
    Explorer
        With ``heatmap``, ``market`` and ``close()``.

    Raises
    ------
    InputError
        ``market`` is not a Market.

    Examples
    --------
    >>> import liqwidget as lw
    >>> app = lw.explore()
    >>> app.market.simulated
    True
    >>> app.heatmap.decay_rate = 0.05
    >>> app.close()
    """
    if market is not None and not isinstance(market, Market):
        raise InputError(
            f"market: wanted a Market or None; got {type(market).__name__}. "
            "Use lw.Market.from_frame(df) for a DataFrame of candles."
        )
    return Explorer(load_sample() if market is None else market, files=files, uploads=uploads, trust_env=trust_env)


class Explorer(ipywidgets.VBox):  # type: ignore[misc]  # ipywidgets ships no types
    """The application; created by `explore`.

    Attributes
    ----------
    heatmap
        The `LiquidationHeatmap`; its traits are the shared state.
    controls
        The data controls.
    """

    _is_open = False

    def __init__(self, market: Market, *, files: bool = True, uploads: bool = True, trust_env: bool = False) -> None:
        self.heatmap: LiquidationHeatmap = LiquidationHeatmap(market)
        self._trust_env = bool(trust_env)
        self.controls: DataControls = DataControls(self._load, self._cancel, paths=files, uploads=uploads)
        self._map, self._context, self._clusters = MapPanel(), ContextPanel(), ClusterPanel(self._mark_cluster)
        self._scene, self._facts, self._check, self._about = (ipywidgets.HTML() for _ in range(4))
        self._drawing = threading.Lock()  # a patch in Bokeh is three messages, which must stay together
        self._job: Job | None = None
        self._shown: Snapshot | None = None
        self._table: Any = None
        self._update()
        panels = of_map, of_context, of_clusters = (
            Panel(self._map.model),
            Panel(self._context.model),
            Panel(self._clusters.model, self._clusters.model.source),
        )
        cards = (
            card("Liquidation map", of_map, self._about, wide=True),
            card("Context", of_context, self._facts),
            card("Clusters", ipywidgets.Box([of_clusters]), ipywidgets.HTML(CLUSTER_NOTE), wide=True),
            card("Self-check", self._check),
        )
        self._gate = PanelGate(cards, panels, self._drawing)
        super().__init__([self.controls, self._scene, self.heatmap, self._gate])
        self.add_class("liq-app")
        guard(self)
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
        self.heatmap.market = market

    def _ipython_display_(self, **_: Any) -> None:
        """Show the application, and a picture for where no kernel is."""
        display_with_picture(self._repr_mimebundle_(), self.heatmap.saved_picture)

    def close(self) -> None:
        """Stop running loads and updates, and close every widget of the application, the heatmap included."""
        if not self._is_open:
            return
        self._is_open = False
        self._cancel()
        self._pace.end()
        for widget in reversed(list(widgets_in(self))):
            if widget is not self:
                widget.close()
        super().close()

    def _load(self, choice: Choice) -> None:
        if self._job is not None and not self._job.is_over:
            return
        if isinstance(choice, FromVenue):
            choice = replace(choice, trust_env=self._trust_env)
        self.controls.busy("Loading …")
        self._job = Job(choice, self._show, self.controls.progress, self._ended).start()

    def _show(self, market: Market) -> None:
        self.market = market

    def _ended(self, error: str) -> None:
        if error:
            self.controls.fail(error)
        else:
            market = self.market
            self.controls.rest(f"{len(market):,} candles{' of ' * bool(market.symbol)}{market.symbol}")

    def _cancel(self) -> None:
        if self._job is not None:
            self._job.cancel()

    def _update(self) -> None:
        """Update the panels to the heatmap's current state."""
        before = self._shown
        now = Snapshot.of(self.heatmap, before)
        drawn, table = liquidation_map(now), cluster_table(now)
        at_ms = float(now.ledger.time[now.at].astype("datetime64[ms]").astype(float))
        with self._drawing:
            self._shown, self._table = now, table
            self._map.show(drawn, now.ledger.leverage.tolist(), now.bin_size, now.market.currency)
            self._clusters.show(table, now.bin_size, now.market.currency)
            if before is None or before.market is not now.market:
                self._context.show(context_series(now.market), at_ms)
            else:
                self._context.mark(at_ms)
        self._check.value = check_html(self_check(now))
        self._scene.value = scene_html(scene(now.market, now.density, 0))
        self._facts.value = list_html(context_words(now.market, now.at))
        self._about.value = map_html(now, drawn)

    def _failed(self, error: Exception) -> None:
        self.controls.say(f"The panels could not be updated and show an earlier state. {failure_text(error, 'panels')}")

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
    "A cluster is an unbroken run of bright rows, at the same candle as the map; prices and amounts in USD or the "
    "market's currency. <em>USD before</em> stands between the price and the cluster; <em>age</em> is the mean time "
    "since the positions opened. <em>USD range</em> and <em>peak moves</em> are what 90 % of 200 other settings give "
    "(random leverage mixes, and decay rates from half to twice the current one), <em>found</em> is how many of them "
    "show the cluster at all. These ranges show how the estimate depends on the settings, not its error. "
    "Click a row to mark it in the chart, a header to sort."
)
