"""What both widgets offer: density, tables, overlays, export and live status."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..analysis.cascade.cascade import Cascade, cascade
from ..errors import InputError
from ..market.market import Market
from ..model.density import Density
from ..model.ledger import Ledger
from ..model.settings import check_mix
from ..model.turnover import AUTO, Turnover
from .box_display import leave_pictures_of_boxes
from .export import Exporter, write_table
from .front_end import STYLE, static
from .html_page import PNG_SIZE, SETTINGS, Page, display_with_picture, notebook_picture, view_of
from .link import LINKED, checked_view, view_text
from .marks import Realised
from .outlined import OutlinedHeatmap
from .page_copy import page_copy
from .presence import Views, live_status
from .shown import FRAMES, Shown
from .still_image import Look, Still, draw_still
from .tables import TableName, Taken, selected
from .traits import mix_to_json
from .visible import now_in_view

if TYPE_CHECKING:
    import os

    import pandas as pd

    from ..analysis.calibration.result import Calibration


class HeatmapWidget(OutlinedHeatmap):
    """Candles in front of an estimated liquidation density, with its controls; see its subclasses."""

    def __init__(self, shown: Shown, traits: Mapping[str, Any]) -> None:
        self._seen: tuple[object, Density] | None = None
        self._views = Views()
        self._exporter = Exporter(self._take, self._send_file)
        super().__init__(shown, traits)
        self.on_msg(self._on_message)
        leave_pictures_of_boxes()

    @property
    def market(self) -> Market:
        """The candles shown."""
        return self._shown.market

    @property
    def ledger(self) -> Ledger:
        """Opened entries and sweeps of the market, one column per candle, for the tiers of mix and presets."""
        return self._shown.ledger

    @property
    def density(self) -> Density:
        """The mixed density under the current settings, one column a candle; during a replay those closed by then."""
        with self._lock:
            shown = self._shown
            columns = shown.closed_by(self.as_of)
            key = (shown.picture, shown.decay_rate, tuple(shown.weights), shown.bin_size, shown.venues, columns)
            if self._seen is None or self._seen[0] != key:
                _, ledger = shown.until(self.as_of)
                self._seen = (key, ledger.replay(shown.decay_rate, shown.weights, bin_size=shown.bin_size))
            return self._seen[1]

    def selected(self, *, cells: bool = False) -> pd.DataFrame:
        """Return the levels inside ``selection``; empty without one.

        Parameters
        ----------
        cells
            Return every cell instead of one line a price row.

        Returns
        -------
        DataFrame
            By rising ``price`` (row centre, USD): ``first`` and ``last``, the open times (UTC) of the first and the
            last candle of the box at whose close something stood there, and ``long`` and ``short``, USD that stood
            there at ``last``. The sums of both are those that the box shows. With ``cells``: ``time`` (UTC),
            ``price``, ``side``, ``density`` (USD), candle by candle, cells that are not zero.
        """
        return selected(self.density, self.selection, cells)

    @property
    def view(self) -> str:
        """Settings and visible range as a short text, without data; assign one to show the same, or InputError.

        Pages read it from their address, after ``#`` or ``?``; *copy link* in the save menu writes it.
        """
        with self._lock:
            return view_text({name: getattr(self, name) for name in LINKED})

    @view.setter
    def view(self, text: str) -> None:
        with self._lock, self.hold_sync():
            model, others = checked_view(text, self)
            if model:
                self._change(model)
            for name, value in others.items():
                setattr(self, name, value)

    def apply(self, calibration: Calibration) -> None:
        """Show the estimate of a calibration: its leverage mix, decay rate, turnover and maintenance rate.

        The bin size stays. The mix is offered as the preset "fitted" from then on.

        Parameters
        ----------
        calibration
            What :func:`liqwidget.calibrate` returned, for this market or another one.

        Raises
        ------
        InputError
            A setting is missing or not valid; the widget is unchanged.
        """
        names = ("leverage_mix", "decay_rate", "turnover", "maintenance_rate", "fee_rate")
        missing = [name for name in names if not hasattr(calibration, name)]
        if missing:
            raise InputError(
                f"calibration: wanted what liqwidget.calibrate returns; got {type(calibration).__name__}, which has no "
                f"{missing[0]}. Pass lw.calibrate(market)."
            )
        found = {name: getattr(calibration, name) for name in names}
        if isinstance(found["turnover"], Turnover) and found["turnover"].auto:
            found["turnover"] = AUTO  # it follows the decay rate, which the user may change
        self._change({**found, "fitted": check_mix(calibration.leverage_mix)})

    def cascade(self, shock: float | None = None, **how: Any) -> Cascade:
        """Return the cascade that a move of the price from the last close would start; see :func:`liqwidget.cascade`.

        Parameters
        ----------
        shock
            The move, a signed fraction of the close; None: ``hm.shock``, which the views show.
        **how
            ``at``, ``impact``, ``depth``, ``volatility``, ``volume``, ``window_hours`` of :func:`liqwidget.cascade`.

        Raises
        ------
        InputError
            As :func:`liqwidget.cascade`; or ``shock`` and ``hm.shock`` are both None.
        """
        with self._lock:
            shown, push, at = self._shown, self.shock if shock is None else shock, how.pop("at", -1)
            market, ledger = shown.until(self.as_of)
        if push is None:
            raise InputError("shock: wanted a signed fraction; got None. Pass shock=-0.03 or set hm.shock.")
        T = len(ledger)
        if isinstance(at, bool) or not isinstance(at, int) or not -T <= at < T:
            raise InputError(
                f"at: wanted a candle from {-T} to {T - 1}; got {str(at)[:40]}. Leave it out for the last."
            )
        density = ledger.replay(shown.decay_rate, shown.weights, [at % T])
        return cascade(density, shock=push, market=market, **how)

    @property
    def liquidations(self) -> pd.DataFrame | None:
        """The realised liquidations shown: those of the market, unless others were assigned.

        Assign a DataFrame, in the form that :meth:`liqwidget.Market.from_frame` takes, to show other ones, or None to
        show none. Assigning ``market`` replaces them by that market's. A row whose price is NaN is a sum from its time
        to that of the next row; it is drawn hollow, at the low (longs) or the high (shorts) of that time. Venues do not
        report all of their liquidations: sums are lower bounds.
        """
        with self._lock:
            return self._shown.realised.frame

    @liquidations.setter
    def liquidations(self, liquidations: Any) -> None:
        with self._lock:
            shown = self._shown
            frame, told = (None, []) if liquidations is None else shown.market.read_liquidations(liquidations)
            changed = shown.with_realised(Realised(frame, shown.realised.revision), None)
            self._swap(replace(changed, note="; ".join(told)))

    def add_liquidations(self, liquidations: Any) -> None:
        """Add live realised liquidations; only the new ones are sent.

        Parameters
        ----------
        liquidations
            As for :meth:`liqwidget.Market.from_frame`. Those after the last candle are shown once
            their candle is appended.

        Raises
        ------
        InputError
            The table does not hold liquidations; the widget is unchanged.
        """
        frame, _ = self._shown.market.read_liquidations(liquidations)
        with self._lock:
            shown, realised = self._shown, self._shown.realised.copy()
            tail = realised.add(frame, shown.columns)
            self._swap(shown.with_realised(realised, tail), ("events", tail))

    def views_alive(self, within: float = 150.0) -> int:
        """Return how many views of this widget are open.

        Parameters
        ----------
        within
            Seconds: a view counts if it sent a heartbeat within this time. Views send one every 4 to 20 s, in hidden
            tabs once a minute.

        Notes
        -----
        Where the front end delivers messages on the kernel's main thread, no heartbeat arrives while a cell runs.
        """
        with self._lock:
            return self._views.alive(within)

    def locked(self) -> AbstractContextManager[object]:
        """Return the widget's lock: in its ``with`` block no other thread changes what is shown."""
        return self._lock

    def set_live(self, state: str, **facts: Any) -> None:
        """Set the status of the live feed that the views show.

        Parameters
        ----------
        state
            "off" (shows nothing), "live", "delayed", "disconnected" or "stopped".
        **facts
            ``since``: start of the state, ms since 1970 UTC; default: now, if the state is a new one. ``last``: time of
            the last update, ms since 1970 UTC. ``message``: the reason, as text; it is cleared when the state changes.
            ``every_ms``: expected interval of updates; after three times as long the browser shows the feed as
            delayed. Other facts keep their values if omitted.

        Raises
        ------
        InputError
            The state or a fact is unknown, or a fact has the wrong type.
        """
        with self._lock:
            self._live = live_status(self._live, state, facts)

    def export(self, path: str | os.PathLike[str], what: TableName = "levels") -> None:
        """Write a table of what is shown; the file is written completely or not at all.

        Parameters
        ----------
        path
            File to write: ``.csv`` or ``.parquet``. Parquet needs the extra ``data``; its metadata holds symbol, venue,
            settings and version.
        what
            ``"levels"``: non-empty rows at the close of the last candle in view, by rising price, with
            ``cumulative_usd`` (between the close and the far edge of the row) and ``distance`` (signed fraction of the
            close). ``"clusters"``: :meth:`liqwidget.Density.clusters` of that candle. ``"grid"``: non-empty rows of
            all candles in view. ``"selection"`` and ``"cells"``: :meth:`selected` without and with ``cells``.

        Raises
        ------
        InputError
            The table or the file extension is unknown, or nothing is selected.
        ModuleNotFoundError
            Parquet needs pyarrow; the message says how to install it.
        OSError
            The file cannot be written.

        Notes
        -----
        All tables have ``symbol``, ``price_low`` and ``price_high``; all but ``"selection"`` have ``time_utc`` (open
        time of the candle), ``side`` and ``estimate_usd``: an estimate, not a forecast. Rows are bins of ``bin_size``;
        the bin that holds the close has a row for each side. If no candle is in view, all of them are exported.
        """
        write_table(self._take(), path, what)

    def to_html(
        self, path: str | os.PathLike[str] | None = None, *, title: str | None = None, embed: bool = False
    ) -> str | None:
        """Write what is shown as one HTML file that needs no kernel and no network.

        All controls work in it, and pictures and tables can be saved from it. That of a
        :class:`liqwidget.LiquidationHeatmap` has the replay, too; that of a :class:`liqwidget.HistoryHeatmap` has none.

        Parameters
        ----------
        path
            File to write; None: the text is returned instead.
        title
            Heading of the page; None: symbol, venue and interval.
        embed
            Whether the page is for a frame of another one: the chart alone, as high as the frame. Any page shows this
            with ``?embed`` in its address.

        Returns
        -------
        str or None
            The HTML if ``path`` is None. The same picture and settings give the same HTML.

        Raises
        ------
        InputError
            The title is not text.
        """
        if title is not None and not isinstance(title, str):
            raise InputError(f"title: wanted text or None; got {type(title).__name__}. Pass a string.")
        self._settle()
        with self._lock:
            html = self._page(self._still()).html(title, embed)
        if path is None:
            return html
        Path(path).write_text(html, encoding="utf-8", newline="\n")
        return None

    def still_bundle(self) -> dict[str, str]:
        """Return a static picture for a saved notebook, as HTML and PNG; it is hidden while the widget runs."""
        return notebook_picture(self._still(), self._picture_id)

    def saved_picture(self) -> dict[str, Any]:
        """Return what `still_bundle` does, and the page of `to_html` for a server that wants it."""
        still = self._still()
        return {**notebook_picture(still, self._picture_id), **page_copy(self._settle, lambda: self._page(still))}

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        """Return the view, and a static picture for front ends without widgets."""
        data, metadata = view_of(super()._repr_mimebundle_(**kwargs))
        return {**data, **self.still_bundle()}, {**metadata, **PNG_SIZE}

    def _ipython_display_(self, **_: Any) -> None:
        display_with_picture(super()._repr_mimebundle_(), self.saved_picture)

    def _still(self) -> Still:
        with self._lock:
            shown, look = self._shown, Look(self.palette, self.scale, self.threshold, self.price_axis)
            return draw_still(*shown.until(self.as_of), shown.decay_rate, shown.weights, shown.bin_size, look)

    def _settle(self) -> None:
        """Finish what a page holds beside the picture."""

    def _page(self, still: Still) -> Page:
        with self._lock:
            traits = self.get_state([*SETTINGS.values(), "selection", "visible", "_presets"])
            frames = self._shown.filled(*FRAMES).frames
            return Page(
                self._shown.market,
                still,
                {name.removeprefix("_"): frames[name] for name in FRAMES},
                {name: traits[trait] for name, trait in SETTINGS.items()},
                {"presets": traits["_presets"], "selection": traits["selection"], "visible": traits["visible"]},
                static("index.js"),
                STYLE,
            )

    def _take(self, visible: Mapping[str, float] | None = None) -> Taken:
        with self._lock:
            shown, view = self._shown, now_in_view(self.visible, self._extent) if visible is None else visible
            mix = mix_to_json(shown.mix, None)
            bins, how = shown.ledger.grid.added_up(shown.bin_size), (shown.decay_rate, shown.weights)
            return Taken(*shown.until(self.as_of), bins, *how, mix, view, self.selection)

    def _on_message(self, _widget: object, content: Any, _buffers: object) -> None:
        kind = content.get("type") if isinstance(content, dict) else None
        if kind == "resync":
            self._resync(content)
        elif kind in ("here", "gone"):
            with self._lock:
                view = self._views.hear(content)
            if view is not None:
                self.send({"type": "alive", "view": view})
        elif kind == "export":
            self._exporter.hear(content)

    def _resync(self, content: Mapping[str, Any]) -> None:
        """Resend the frames of which a view missed a message."""
        with self._lock:
            shown = self._shown
            if content.get("revision") != shown.picture.revision:
                self.send_state(("_bars", "_model", "_ledger"))
            if content.get("events", shown.realised.revision) != shown.realised.revision:
                self.send_state("_events")

    def _send_file(self, number: str, data: bytes | None, problem: str) -> None:
        self.send({"type": "file", "id": number, "problem": problem}, None if data is None else [data])
