"""The widget over a history: the browser holds a window and gets the next one as the view moves."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Unpack

import traitlets

from ..errors import InputError, LiqError
from ..market.market import Market
from ..model.grid import Floats, PriceGrid
from ..model.ledger import Ledger
from ..model.settings import PRESETS, PresetName, check_decay_rate, check_mix
from .base import HeatmapWidget
from .frames import MAX_CELLS, about_of, as_sent, currency_notices
from .marks import Realised
from .positions import Snapshots
from .shown import FRAMES, SETTINGS, Shown
from .traits import HistoryTraits, refuse_unknown
from .visible import Extent, view_of
from .wire import bars_arrays, encode_frame, ledger_arrays

if TYPE_CHECKING:
    from ..scale.history import History
    from ..scale.window import Window

COLUMNS, LEAST = 4_500, 500  # of a window: at most, and fewest that the rows must leave room for
_BESIDE = 1.5  # widths of the view that the window extends on each side
_ROOM = 0.75  # widths of the view left on a side, below which the next window is cut
_REST = 0.3  # s after the last change of the decay rate
_AHEAD = 0.1  # s after a window until data for the next one are prefetched

#: Settings that a history is built with and that its widget cannot change.
_BUILT = {"bin_size", *SETTINGS}
_FIXED = "wanted a LiquidationHeatmap; got a HistoryHeatmap, whose candles are fixed."


class HistoryHeatmap(HeatmapWidget):
    """The heatmap of a history of any length: pan and zoom through years.

    The browser holds a window: what stood before it, and columns of one candle each if the view is short, or of 4, 16,
    64 ... candles if it is long. When the view nears the edge of the window or becomes much longer or shorter, Python
    cuts the next window; the old one stays until it arrives.

    Parameters
    ----------
    history
        What :func:`liqwidget.history` returned.
    leverage_mix
        Tier -> weight, or a preset's name. Only tiers that the history was built with.
    decay_rate
        Per hour; None: the history's.
    **traits
        As for :class:`liqwidget.LiquidationHeatmap`.

    Attributes
    ----------
    visible
        What is in view, as for :class:`liqwidget.LiquidationHeatmap`; None: the whole history.
    market, ledger, density
        Those of the window: columns may hold several candles, and the first one holds everything that stood before.

    Raises
    ------
    InputError
        An argument or a trait value is not valid; the widget is unchanged.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> import liqwidget as lw
    >>> with TemporaryDirectory() as store:
    ...     years = lw.history(lw.load_sample(), store, columns=200, progress=False)
    ...     hm = lw.HistoryHeatmap(years, "balanced")
    ...     hm.close()
    """

    # Not daemons: Arrow aborts if the interpreter ends while it reads a tile.
    _timer: threading.Timer | None = None
    _ahead: threading.Timer | None = None

    def __init__(
        self,
        history: History,
        leverage_mix: Mapping[int, float] | Mapping[float, float] | PresetName | None = None,
        decay_rate: float | None = None,
        **traits: Unpack[HistoryTraits],
    ) -> None:
        if not hasattr(history, "windows"):
            raise InputError(
                f"history: wanted what lw.history returns; got {type(history).__name__}. "
                "Use lw.LiquidationHeatmap for a Market."
            )
        refuse_unknown(type(self), traits)
        self._history = history
        self._most = min(COLUMNS, MAX_CELLS // history.grid.rows)
        if self._most < LEAST:
            raise InputError(
                f"history: wanted at most {MAX_CELLS // LEAST:,} rows, which the browser can draw; got "
                f"{history.grid.rows:,}. Build it with a larger bin_size."
            )
        self._by_hand = False
        if leverage_mix is None:
            presets = iter(self._presets_built().values())
            leverage_mix = next(presets, None) or dict.fromkeys(history.leverage.tolist(), 1.0)
        others = dict[str, Any](traits)
        given = {name: others.pop(name) for name in _BUILT & others.keys()}
        mixed = self._mixed(
            {"leverage_mix": leverage_mix, "decay_rate": "auto" if decay_rate is None else decay_rate, **given}
        )
        picture = self._cut(view_of(traits.get("visible"), self._extent), mixed["decay_rate"], 1)
        realised = Realised(picture.market.liquidations)
        shown = Shown(
            picture,
            **mixed,
            presets=self._presets_built(),
            bin_size=history.grid.bin_size,
            bin_sizes=(history.grid.bin_size,),
            realised=realised,
            snapshots=Snapshots(),
            positions=None,
            frames={},
        )
        super().__init__(shown.with_realised(realised, None).filled(*FRAMES), others)
        self._look_ahead()

    @property
    def history(self) -> History:
        """The history shown."""
        return self._history

    @property
    def market(self) -> Market:
        """The candles of the window, one a column."""
        return self._shown.market

    @market.setter
    def market(self, _market: Market) -> None:
        raise InputError(f"market: {_FIXED} Use lw.LiquidationHeatmap(market).")

    def check_replay(self, ms: float) -> None:
        """Raise InputError: a window is of other times than those of a replay."""
        raise InputError("as_of: wanted a LiquidationHeatmap; got a HistoryHeatmap. Use lw.LiquidationHeatmap(market).")

    def append(self, candles: Any, *, replace: bool = False) -> None:
        """Raise InputError: the candles of a history are fixed."""
        raise InputError(
            f"append: {_FIXED} Build the history again with them, or use lw.LiquidationHeatmap and lw.follow."
        )

    def set_state(self, sync_data: dict[str, Any]) -> None:
        """Apply what the browser wrote; if it moved its view, cut the window that it needs next."""
        with self._lock:
            self._by_hand = True
            try:
                super().set_state(sync_data)
                if "visible" in sync_data and self._is_needed(self.visible):
                    self._go(self.visible)
            except LiqError as error:  # the store is damaged or unreachable: the widget is unchanged
                self._status = {"state": "error", "message": str(error)[:500]}
            finally:
                self._by_hand = False

    @traitlets.validate("visible")
    def _before_visible(self, proposal: Any) -> Any:
        """Send the window for new times before the times: the browser cannot show them yet."""
        if self._is_ready and not self._by_hand:
            with self._lock:
                if self._is_needed(proposal.value):
                    self._go(proposal.value, view=proposal.value)
        return proposal.value

    def _change(self, wanted: Mapping[str, Any]) -> None:
        """Resend ages once the decay slider is idle: they are exact at one rate and approximate at others."""
        with self._lock:
            before = self._shown.decay_rate
            super()._change(wanted)
            if self._shown.decay_rate != before:
                if self._timer is not None:
                    self._timer.cancel()
                self._timer = threading.Timer(_REST, self._follow_rate)
                if not _started(self._timer):
                    self._follow_rate()

    def close(self) -> None:
        """Close the widget with its views."""
        for timer in (self._timer, self._ahead):
            if timer is not None:
                timer.cancel()
        self._ahead = None
        super().close()

    def _follow_rate(self) -> None:
        with self._lock:
            picture = self._shown.picture
            is_late = isinstance(picture, WindowPicture) and picture.rate != self._shown.decay_rate
            if self.comm is not None and is_late and threading.main_thread().is_alive():
                self._go(self.visible)

    def _go(self, visible: Mapping[str, float] | None, view: Mapping[str, float] | None = None) -> None:
        """Show the window for some times; the browser stays where it is, or moves to ``view``."""
        shown = self._shown
        self._swap(shown.redrawn(self._cut(visible, shown.decay_rate, shown.picture.revision + 1, view)))
        self._look_ahead()

    @property
    def _extent(self) -> Extent:
        history = self._history
        steps = max(history.candles + history.missing - 1, 1)
        return Extent.of(history.first, history.last, (history.last - history.first) // steps)

    @property
    def _window(self) -> Window:
        return self._shown.picture.window  # type: ignore[attr-defined, no-any-return]

    def _look_ahead(self) -> None:
        """Prefetch the data of neighbouring windows soon."""
        if self._ahead is not None:
            self._ahead.cancel()
        if self.comm is not None:  # else it is closed
            self._ahead = threading.Timer(_AHEAD, self._prefetch)
            _started(self._ahead)  # else each window is loaded when it is wanted

    def _prefetch(self) -> None:
        mine, window, main = threading.current_thread(), self._window, threading.main_thread()
        with suppress(Exception):  # an error is reported when the window is needed
            self._history.windows.prefetch(
                window.first, window.last, self._most, lambda: self._ahead is mine and main.is_alive()
            )

    def _cut(
        self,
        visible: Mapping[str, float] | None,
        rate: float,
        revision: int,
        view: Mapping[str, float] | None = None,
    ) -> WindowPicture:
        """Return the picture for times in view: these, some beside them, in columns as fine as there is room for."""
        window = self._history.windows.cut(*self._beside(*self._times(visible)), self._most)
        return WindowPicture.of(self._history, window, rate, view, revision)

    def _times(self, visible: Mapping[str, float] | None) -> tuple[int, int]:
        history = self._history
        if visible is None:
            return history.first, history.last
        # From the browser it may be any number; a view may extend beyond the last candle.
        latest = 2 * history.last - history.first
        first, last = (visible[name] * 1e6 for name in ("time_from", "time_to"))
        return int(min(max(first, history.first), history.last)), int(min(max(last, history.first), latest))

    @staticmethod
    def _beside(first: int, last: int) -> tuple[int, int]:
        more = round((last - first) * _BESIDE)
        return first - more, last + more

    def _is_needed(self, visible: Mapping[str, float] | None) -> bool:
        history, window, (first, last) = self._history, self._window, self._times(visible)
        windows, room = history.windows, _ROOM * (last - first)
        if windows.width(windows.count(*self._beside(first, last)), self._most) != window.level:
            return True
        left = window.first > history.first and first - window.first < room
        right = window.last < history.last and window.last - last < room
        return left or right

    def _planned(self, wanted: Mapping[str, Any]) -> Shown:
        return replace(self._shown, **self._mixed(self._shown.wanted(wanted)), note="")

    def _mixed(self, wanted: Mapping[str, Any]) -> dict[str, Any]:
        """Return mix and decay rate as fields of `Shown`; settings that were built must not differ."""
        history = self._history
        for name, built in {"bin_size": history.grid.bin_size, **history.settings}.items():
            if wanted.get(name, built) != built:
                raise InputError(
                    f"{name}: wanted {built:g}, which the history was built with; got {str(wanted[name])[:40]}. "
                    f"Build another history with {name}=."
                )
        mix = check_mix(wanted["leverage_mix"])
        strange = set(mix) - set(history.leverage.tolist())
        if strange:
            built_tiers = ", ".join(f"{tier:g}" for tier in history.leverage)
            raise InputError(
                f"leverage_mix: wanted tiers that the history was built with ({built_tiers}); got {min(strange):g}. "
                "Build another history with this tier in leverage=."
            )
        rate = wanted["decay_rate"]
        auto = isinstance(rate, str) and rate == "auto"
        return {"mix": mix, "decay_rate": history.decay_rate if auto else check_decay_rate(rate), "decay_auto": auto}

    def _presets_built(self) -> dict[str, dict[float, float]]:
        tiers = set(self._history.leverage.tolist())
        return {name: preset for name, preset in PRESETS.items() if set(preset) <= tiers}


@dataclass(frozen=True, eq=False)
class WindowPicture:
    """The picture of a window of a history: its candles, one a column, and the ledger of what stood and opened.

    Attributes
    ----------
    market
        The candles of the window, one a column.
    revision
        Number of this picture.
    history, window
        Where it was cut.
    rate
        Decay rate at which the ages on the wire are exact, per hour.
    view
        Times that the browser moves to; None: it stays.
    """

    market: Market
    revision: int
    history: History
    window: Window
    rate: float
    view: Mapping[str, float] | None

    @classmethod
    def of(
        cls, history: History, window: Window, rate: float, view: Mapping[str, float] | None, revision: int
    ) -> WindowPicture:
        """Return the picture of a window, with ages exact at ``rate``; the browser moves to ``view``."""
        return cls(history.market_of(window.tile.candles), revision, history, window, rate, view)

    @property
    def bars_revision(self) -> int:
        """Revision of its candles: each window has its own."""
        return self.revision

    @property
    def ledger(self) -> Ledger:
        """The ledger of the window, one column a candle of its market."""
        return self.window.tile.ledger

    @property
    def grid(self) -> PriceGrid:
        """The history's rows, which are its bins."""
        return self.ledger.grid

    @property
    def leverage(self) -> Floats:
        """Tiers, (L,)."""
        return self.ledger.leverage

    @property
    def settings(self) -> Mapping[str, Any]:
        """Settings of the ledger."""
        return self.ledger.settings

    def frame(self, name: str) -> bytes:
        """Return the frame of a trait; empty for a trait that this picture does not use."""
        if name == "_bars":
            meta, arrays = bars_arrays(self.market.candles)
            return encode_frame("bars", {**meta, **self._about(), "revision": self.revision}, arrays)
        return self.ledger_frame() if name == "_ledger" else b""

    def ledger_frame(self) -> bytes:
        """Return the ledger as a frame."""
        meta, arrays = ledger_arrays(as_sent(self.ledger, self.rate))
        numbers = {"revision": self.revision, "bars": self.bars_revision, "beyond": self._beyond()}
        return encode_frame("ledger", {**meta, **numbers, "settings": self.ledger.settings}, arrays)

    def _beyond(self) -> list[float]:
        """Return what share of each tier's notional has levels outside the grid, shape (L,)."""
        opened = 2 * self.ledger.opened.sum()
        outside = self.ledger.out_of_range.sum(axis=(0, 2))
        return [round(float(usd / opened), 4) if opened > 0 else 0.0 for usd in outside]

    def _about(self) -> dict[str, Any]:
        shown = {} if self.view is None else {"view": dict(self.view)}
        history = self.history
        span = [history.first // 10**6, history.last // 10**6]
        own = {"part": True, "span": span, "interval": history.interval_label, "auto_decay_rate": history.decay_rate}
        return {**about_of(self.market), **shown, **own, "notices": self._notices()}

    def _notices(self) -> list[str]:
        width = self.window.width
        part = f"window of a history of {self.history.candles:,} candles"
        notices = [f"{part}, in columns of {width}" if width > 1 else part]
        if self.history.missing:
            notices.append(f"{self.history.missing:,} candles missing in the history")
        if "open_interest" not in self.market.candles:
            notices.append("no open interest: positions from volume alone")
        return [*notices, *currency_notices(self.market), *self.history.notes]


def _started(timer: threading.Timer) -> bool:
    """Start a timer; False where no further thread can be started."""
    try:
        timer.start()
    except RuntimeError:
        return False
    return True
