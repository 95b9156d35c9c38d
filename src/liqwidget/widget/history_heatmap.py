"""The widget over a history: the browser holds a window, and gets the next one as the view moves."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import traitlets

from ..errors import InputError, LiqError
from ..market import Market
from ..model.density import check_decay_rate
from ..model.ledger import Ledger
from ..model.settings import PRESETS, check_mix
from .frames import MAX_CELLS, Picture
from .heatmap import LiquidationHeatmap
from .wire import age_steps, encode_frame, ledger_arrays

if TYPE_CHECKING:
    from ..scale.history import History
    from ..scale.window import Window

COLUMNS, LEAST = 4_500, 500  # of a window: at most, and at least what it must have room for
_BESIDE = 1.5  # views beside the one in view, on each side
_ROOM = 0.75  # views left on a side, below which the next window is cut
_REST = 0.3  # s after the last change of the decay rate
_AHEAD = 0.1  # s after a window, when what the next one may need is loaded


class HistoryHeatmap(LiquidationHeatmap):
    """The heatmap of a history of any length: pan and zoom through years.

    The browser holds a window: what stood before it, and its columns, one a candle where the view is short, of 4, 16,
    64 ... candles where it is long. When the view nears the window's edge or becomes much longer or shorter, the next
    window is cut here; until it is there the old one stays.

    Parameters
    ----------
    history
        What :func:`liqwidget.history` returned.
    leverage_mix
        Tier -> weight, or a preset's name; of the tiers that the history was built with.
    decay_rate
        Per hour; None: the history's.
    **traits
        As for :class:`liqwidget.LiquidationHeatmap`.

    Attributes
    ----------
    visible
        Times in view, or None: the whole history. Set it to go there.
    market, ledger, density
        Those of the window: columns may hold several candles, and the first one holds all that stood before.

    Raises
    ------
    InputError
        An argument or a trait value is not usable; what was shown stays.
    """

    # No daemons: Arrow, which reads the tiles, must not be left in the middle when the interpreter ends.
    _timer: threading.Timer | None = None
    _ahead: threading.Timer | None = None

    def __init__(
        self,
        history: History,
        leverage_mix: Mapping[float, float] | str | None = None,
        decay_rate: float | None = None,
        **traits: Any,
    ) -> None:
        if not hasattr(history, "windows"):
            raise InputError(
                f"history: wanted what lw.history returns; got {type(history).__name__}. "
                "Use lw.LiquidationHeatmap for a Market."
            )
        self._history = history
        self._most = min(COLUMNS, MAX_CELLS // history.grid.rows)
        if self._most < LEAST:
            raise InputError(
                f"history: it was built with {history.grid.rows:,} rows; the browser draws at most "
                f"{MAX_CELLS // LEAST:,}. Build it with a larger bin_size."
            )
        self._by_hand = False
        self._to_show: Mapping[str, float] | None = None
        tiers = set(history.leverage.tolist())
        if leverage_mix is None:
            leverage_mix = next(
                (name for name, preset in PRESETS.items() if set(preset) <= tiers), None
            ) or dict.fromkeys(tiers, 1.0)
        self._check_built(check_mix(leverage_mix))
        rate = history.decay_rate if decay_rate is None else check_decay_rate(decay_rate)
        self._rate = rate
        self._window = self._wanted(traits.get("visible"))
        super().__init__(
            self._candles(self._window), leverage_mix, rate, history.grid.bin_size, **history.settings, **traits
        )
        self._look_ahead()

    @property
    def history(self) -> History:
        """The history shown."""
        return self._history

    @property
    def market(self) -> Market:
        """The candles of the window, one a column."""
        return self._market

    @market.setter
    def market(self, _market: Market) -> None:
        raise InputError("market: a HistoryHeatmap shows its history. Use lw.LiquidationHeatmap(market).")

    def append(self, candles: Any, *, replace: bool = False) -> None:
        """Refuse: a history is built, not fed."""
        raise InputError(
            "append: a history is of the candles it was built of. Build it anew with the new ones, or use lw.follow."
        )

    def set_state(self, sync_data: dict[str, Any]) -> None:
        """Take what the browser wrote; when it moved its view, cut the window that it needs next."""
        with self._lock:
            self._by_hand = True
            try:
                super().set_state(sync_data)
                if "visible" in sync_data and self._is_needed(self.visible):
                    self._go(self.visible)
            except LiqError as error:  # the store is damaged or cannot be reached: what is shown stays
                self._status = {"state": "error", "message": str(error)[:500]}
            finally:
                self._by_hand = False

    @traitlets.validate("visible")
    def _before_visible(self, proposal: Any) -> Any:
        """Send the window that new times need before the times: the browser has no place for them yet."""
        if self._ready and not self._by_hand:
            with self._lock:
                if self._is_needed(proposal.value):
                    self._go(proposal.value, view=proposal.value)
        return proposal.value

    @traitlets.validate("leverage_mix")
    def _mix_was_built(self, proposal: Any) -> Any:
        self._check_built(proposal.value)
        return proposal.value

    @traitlets.observe("decay_rate")
    def _on_rate(self, _change: Any) -> None:
        """Let the ages travel anew once the hand rests: they are exact at one rate, and close at others."""
        if self._ready:
            if self._timer is not None:
                self._timer.cancel()
            self._timer = threading.Timer(_REST, self._follow_rate)
            self._timer.start()

    def close(self) -> None:
        """Close the widget with its views."""
        for timer in (self._timer, self._ahead):
            if timer is not None:
                timer.cancel()
        self._ahead = None
        super().close()

    def _follow_rate(self) -> None:
        with self._lock:
            if self.comm is not None and self.decay_rate != self._rate and threading.main_thread().is_alive():
                self._go(self.visible)

    def _go(self, visible: Mapping[str, float] | None, view: Mapping[str, float] | None = None) -> None:
        """Show the window for some times; the browser keeps the times it shows, or goes to those of ``view``."""
        self._rate, self._to_show = self.decay_rate, view
        self._window = self._wanted(visible)
        self._show(
            self._draw(self._candles(self._window), self.leverage_mix, self.bin_size, self._picture.revision + 1),
            self.bin_size,
        )
        self._look_ahead()

    def _look_ahead(self) -> None:
        """Have what the windows about this one are cut from loaded soon."""
        if self._ahead is not None:
            self._ahead.cancel()
        if self.comm is not None:  # else it is closed
            self._ahead = threading.Timer(_AHEAD, self._prefetch)
            self._ahead.start()

    def _prefetch(self) -> None:
        mine, window, main = threading.current_thread(), self._window, threading.main_thread()
        with suppress(Exception):  # whatever it is, it is told when the window is wanted
            self._history.windows.prefetch(
                window.first, window.last, self._most, lambda: self._ahead is mine and main.is_alive()
            )

    def _wanted(self, visible: Mapping[str, float] | None) -> Window:
        """Return the window for times in view: these, as much beside them, and columns as fine as there is room for."""
        return self._history.windows.cut(*self._beside(*self._times(visible)), self._most)

    def _times(self, visible: Mapping[str, float] | None) -> tuple[int, int]:
        history = self._history
        if visible is None:
            return history.first, history.last
        # From the browser it may be any number; on the right a view may well reach into what is empty.
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

    def _candles(self, window: Window) -> Market:
        history = self._history
        return Market.from_frame(window.tile.candles, history.symbol, history.exchange, simulated=history.simulated)

    def _draw(self, market: Market, mix: Mapping[float, float], bin_size: float, revision: int) -> Picture:
        facts = {"history": self._history, "window": self._window, "rate": self._rate, "view": self._to_show}
        return WindowPicture.cut(facts, market, revision, self._bars_shown(market))

    def _check_built(self, mix: Mapping[float, float]) -> None:
        strange = set(mix) - set(self._history.leverage.tolist())
        if strange:
            built = ", ".join(f"{tier:g}" for tier in self._history.leverage)
            raise InputError(
                f"leverage_mix: the history was built with tiers {built}; got {min(strange):g}. "
                "Build it with leverage= that has it."
            )

    def _possible_presets(self) -> dict[str, dict[float, float]]:
        tiers = set(self._history.leverage.tolist())
        return {name: preset for name, preset in super()._possible_presets().items() if set(preset) <= tiers}

    def _check_bin(self, value: object) -> float:
        size = self._history.grid.bin_size
        if value != size:
            raise InputError(
                f"bin_size: the history was built with {size:g}; got {str(value)[:40]}. Build another with bin_size=."
            )
        return size

    def _bins_on_offer(self) -> list[float]:
        return [self._history.grid.bin_size]


class WindowPicture(Picture):
    """The picture of a window: its columns are the history's, and its words say so."""

    history: History
    window: Window
    rate: float
    view: Mapping[str, float] | None

    @classmethod
    def cut(cls, facts: Mapping[str, Any], market: Market, revision: int, bars_revision: int | None) -> WindowPicture:
        """Return the picture of a window whose candles, one a column, are ``market``."""
        ledger = facts["window"].tile.ledger
        picture = cls(market, ledger, revision, 1, 0.0, revision if bars_revision is None else bars_revision)
        vars(picture).update(facts)
        return picture

    def ledger_frame(self) -> bytes:
        """Return the ledger as a frame."""
        meta, arrays = ledger_arrays(as_sent(self.ledger, self.rate))
        numbers = {"revision": self.revision, "bars": self.bars_revision, "beyond": self._beyond()}
        return encode_frame("ledger", {**meta, **numbers, "settings": self.ledger.settings}, arrays)

    def _about(self) -> dict[str, Any]:
        shown = {} if self.view is None else {"view": dict(self.view)}
        history = self.history
        own = {"part": True, "interval": history.interval_label, "auto_decay_rate": history.decay_rate}
        return {**super()._about(), **shown, **own}

    def _notices(self) -> list[str]:
        width = self.window.width
        part = f"window of a history of {self.history.candles:,} candles"
        notices = [f"{part}, in columns of {width}" if width > 1 else part]
        if self.history.missing:
            notices.append(f"{self.history.missing:,} candles missing in the history")
        if "open_interest" not in self.market.candles:
            notices.append("no open interest: positions from volume alone")
        return notices


def as_sent(ledger: Ledger, rate: float) -> Ledger:
    """Return the ledger with ages as they travel, and USD that leave at each close, with this rate, what is exact."""
    if ledger.age is None:
        return ledger
    unit = ledger_arrays(ledger)[0]["age_unit"]
    age = age_steps(ledger.age, unit) ** 3 * unit
    return replace(ledger, age=age, notional=ledger.notional * np.exp(rate * (age - ledger.age)))
