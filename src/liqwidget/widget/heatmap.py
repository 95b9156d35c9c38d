"""The widget over a market."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, Unpack

from ..errors import InputError
from ..market.any_table import as_frame
from ..market.market import Market
from ..model.maintenance import MaintenanceRate
from ..model.opening import SPAN
from ..model.settings import PresetName
from .marks import Realised
from .shown import Shown, shown_of
from .traits import HeatmapTraits, refuse_unknown
from .watched import WatchedHeatmap

if TYPE_CHECKING:
    import pandas as pd


class LiquidationHeatmap(WatchedHeatmap):
    """Price candles in front of the estimated liquidation density, with its controls.

    Leverage mix, decay rate and bin size are applied in the browser at once; they need no kernel.

    Parameters
    ----------
    market
        The candles.
    leverage_mix
        Tier -> weight, or a preset's name ("balanced", "hot", "on-chain").
    decay_rate
        Share of the standing estimate that closes by itself, per hour; "auto": the rate that open interest and
        volume imply.
    bin_size
        Height of a bin, USD: a whole multiple of the model's rows, otherwise the nearest size on offer is shown and a
        message says so. None or "auto": the view chooses the size on offer whose rows are 4 to 8 device pixels high;
        until there is one, it is that nearest to a picture of 500 bins. Totals do not depend on it.
    turnover
        Share of volume that opens positions; "auto": see :func:`liqwidget.estimate`.
    maintenance_rate, fee_rate, span
        See :func:`liqwidget.estimate` ("brackets") and :func:`liqwidget.build_ledger`.
    venues
        Of a combined market: the venues whose estimate is shown; None: all.
    **traits
        ``palette``, ``scale``, ``contrast``, ``price_axis``, ``threshold``, ``opacity``, ``swept``, ``layer``,
        ``bubbles``, ``shock``, ``as_of``, ``theme``, ``height``, ``layout``.

    Attributes
    ----------
    leverage_mix
        Tier -> weight; a preset's name can be assigned.
    decay_rate
        Per hour, in force. ``"auto"`` sets ``decay_auto``, a number clears it.
    decay_auto
        Whether the rate is automatic: it then follows the market, also after ``append``.
    bin_size
        USD, in use: that of the picture, :attr:`density` and tables. ``"auto"`` sets ``bin_auto``, a number clears it.
    bin_auto
        Whether the view chooses the bin size: it then follows the zoom.
    maintenance_rate, fee_rate, turnover, span
        Settings of the ledger; assigning one updates the estimate.
    venues
        Of a combined market: names of the venues whose estimate is shown, at least one; None assigns all. Else empty.
        Prices, automatic decay rate and turnover are those of the whole market.
    selection
        Box chosen by drag, finger or keyboard: dict of ``time_from``, ``time_to`` (ms since 1970 UTC), ``price_low``,
        ``price_high`` (USD), or None. :meth:`selected` gives its levels.
    visible
        What is in view: dict of ``time_from``, ``time_to`` (ms since 1970 UTC), ``price_low``, ``price_high`` (USD;
        absent while the price axis is automatic) and ``range`` (of a range that follows new candles), or None: all
        candles. Assign a range ("24h", "3d", "1w", "1m", "all"), a pair of times, a dict of ``time`` (one of these)
        and ``price`` (a pair), or what was read here: ``hm.visible = {"time": "3d", "price": (60_000, 70_000)}``.
    as_of
        Time of a replay, ms since 1970 UTC, or None: now. Only candles that had closed by then are shown, and what
        depends on them: heat, profile, realised liquidations, :attr:`density`, tables and pictures; of ``positions``
        the snapshot that was known then. Settings, automatic ones too, stay those of the whole market. Text, datetime
        and Timestamp can be assigned; naive is UTC.
    layer
        What the heat shows: "estimate"; "realised": realised liquidations that have a price, in the estimate's bins and
        colours, each in its candle; or "both": these over a grey estimate. Thousands of them are summed as bubbles are.
    contrast
        What the colours span: "view", up to the brightest cell in view; "whole", up to the brightest of all candles,
        so that the same colour means the same USD wherever the view is. ``threshold`` is a share of that cell.
    price_axis
        "linear", or "log": equal steps along the axis are equal shares of the price. Rows keep their prices, so that
        they are the higher the lower they are; an automatic bin size is that of the rows in the middle of the view.
    palette, scale, threshold, opacity
        Colours of the heat: "plasma", "viridis", "cividis" or "inferno"; "linear", "sqrt" or "log"; the two shares of
        the brightest cell between which they are spread, ``0 <= low < high <= 1``; 0 to 1.
    swept
        Whether levels are marked where a candle liquidated them.
    theme, height
        "auto" (that of the page), "light" or "dark"; height of the chart in pixels.
    bubbles
        Whether realised liquidations are drawn as bubbles over the estimate.
    score
        How the estimate compared with realised liquidations in the last seven days, as :func:`liqwidget.validate`
        does it; read-only. A dict: ``state`` "shown" with ``rank``, ``gain``, ``false_alarm``, ``range_rank`` (that of
        range x volume), ``better`` than that (None: not clear), ``days``, ``until`` and ``every``; "hidden" with
        ``reason``; or "pending". It is computed on a thread while a view is open: once settings rest, and at most once
        a minute as data grow; and for ``to_html``.
    linked, markets_assigned
        Name of its :func:`liqwidget.link`, and how many times another market was assigned; both read-only.
    near
        Clusters near the last close that :meth:`on_near` watches for, the nearest first; read-only.
    shock
        Hypothetical move of the price, a signed fraction of the last close such as -0.03, or None; see
        :meth:`cascade`.

    Raises
    ------
    InputError
        An argument or a trait value is not valid; the widget is unchanged.

    Examples
    --------
    >>> import liqwidget as lw
    >>> hm = lw.LiquidationHeatmap(lw.load_sample(), "hot", decay_rate=0.03)
    >>> hm.leverage_mix = {10: 60, 25: 40}
    >>> hm.visible = "3d"
    >>> sorted(hm.density.clusters()["side"].unique())
    ['long', 'short']
    >>> page = hm.to_html()  # a page of its own; a path as argument writes it to a file
    >>> page.startswith("<!doctype html>")
    True
    """

    def __init__(
        self,
        market: Market,
        leverage_mix: Mapping[int, float] | Mapping[float, float] | PresetName | None = None,
        decay_rate: float | Literal["auto"] = "auto",
        bin_size: float | Literal["auto"] | None = None,
        *,
        maintenance_rate: MaintenanceRate = 0.004,
        fee_rate: float = 0.0,
        turnover: float | Literal["auto"] = "auto",
        span: float = SPAN,
        venues: Sequence[str] | None = None,
        **traits: Unpack[HeatmapTraits],
    ) -> None:
        _check_market(market)
        refuse_unknown(type(self), traits)
        wanted: dict[str, Any] = {
            "leverage_mix": leverage_mix,
            "decay_rate": decay_rate,
            "maintenance_rate": maintenance_rate,
            "fee_rate": fee_rate,
            "turnover": turnover,
            "span": span,
        }
        if bin_size is not None:
            wanted["bin_size"] = bin_size
        if venues is not None:
            wanted["venues"] = venues
        super().__init__(shown_of(market, wanted), traits)

    @property
    def market(self) -> Market:
        """The candles shown; assign another Market to show that one."""
        return self._shown.market

    @market.setter
    def market(self, market: Market) -> None:
        _check_market(market)
        with self._lock:
            before = self._shown
            wanted = {name: value for name, value in before.model.items() if name not in ("bin_size", "venues")}
            realised = Realised(market.liquidations, before.realised.revision)
            self._swap(shown_of(market, wanted, before).with_realised(realised, None), selection=None, as_of=None)
            self.set_trait("markets_assigned", self.markets_assigned + 1)

    def append(
        self,
        candles: pd.DataFrame | Market,
        *,
        replace: bool = False,
        volume_unit: str | None = None,
        open_interest_unit: str | None = None,
        contract_size: float | None = None,
    ) -> None:
        """Add live candles; the first may replace the forming one. Only the change is sent.

        Parameters
        ----------
        candles, replace, volume_unit, open_interest_unit, contract_size
            As for :meth:`liqwidget.Market.append`.
        """
        candles = candles if isinstance(candles, Market) else as_frame(candles)
        with self._lock:
            before = self._shown
            market = before.market.append(
                candles,
                replace=replace,
                volume_unit=volume_unit,
                open_interest_unit=open_interest_unit,
                contract_size=contract_size,
            )
            shown, tail = before.appended(market, len(market) - len(candles))
            marks = None
            if shown.realised.waits(columns := shown.columns):  # liquidations later than the last candle so far
                realised = shown.realised.copy()
                marks = realised.grown(columns)
                shown = shown.with_realised(realised, marks)
            self._swap(shown, ("tail", tail), ("events", marks))

    def add_columns(self, names: Sequence[str]) -> None:
        """Give the candles optional columns that :meth:`append` can fill from now on; those that are there stay.

        Parameters
        ----------
        names
            Such as ``open_interest``, ``mark_low``. A live feed calls it where a venue has no history of them.
        """
        with self._lock:
            before = self._shown
            missing = [name for name in names if name not in before.market.candles]
            if missing:
                self._swap(shown_of(before.market.with_empty(missing), before.model, before))

    def _planned(self, wanted: Mapping[str, Any]) -> Shown:
        return shown_of(self._shown.market, self._shown.wanted(wanted), self._shown)


def _check_market(market: object) -> None:
    if not isinstance(market, Market):
        raise InputError(
            f"market: wanted a Market; got {type(market).__name__}. "
            "Use lw.Market.from_frame(df) for a DataFrame of candles."
        )
