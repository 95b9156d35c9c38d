"""A calibration put into a widget."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import anywidget

from ..errors import InputError
from ..model.density import check_decay_rate
from ..model.settings import check_mix
from .traits import mix_to_json

if TYPE_CHECKING:
    from ..analysis.calibration.result import Calibration
    from ..market import Market
    from .frames import Picture

_LEDGER = ("turnover", "maintenance_rate", "fee_rate")


class Applied(anywidget.AnyWidget):
    """A widget that takes its settings from a calibration."""

    _lock: threading.RLock
    _market: Market
    _picture: Picture

    if TYPE_CHECKING:  # the widget's own
        leverage_mix: dict[float, float]
        decay_rate: float
        bin_size: float
        _presets: dict[str, Any]

        def _draw(self, market: Market, mix: Mapping[float, float], bin_size: float, revision: int) -> Picture: ...
        def _show(self, picture: Picture, bin_size: float) -> None: ...
        def _possible_presets(self) -> dict[str, dict[float, float]]: ...

    def apply(self, calibration: Calibration) -> None:
        """Show the estimate of a calibration: its leverage mix, decay rate, turnover and maintenance rate.

        Rows stay as they are: a calibration is made on finer ones than a picture needs.

        Parameters
        ----------
        calibration
            What :func:`liqwidget.calibrate` returned, of this market or of another one.

        Raises
        ------
        InputError
            It lacks a setting, or one is not usable; what was shown stays.
        """
        missing = [name for name in ("leverage_mix", "decay_rate", *_LEDGER) if not hasattr(calibration, name)]
        if missing:
            kind = type(calibration).__name__
            raise InputError(f"calibration: wanted what liqwidget.calibrate returns; {kind} has no {missing[0]}")
        mix, rate = check_mix(calibration.leverage_mix), check_decay_rate(calibration.decay_rate)
        with self._lock:
            before = {name: getattr(self, name) for name in _LEDGER}
            try:
                for name in _LEDGER:
                    setattr(self, name, getattr(calibration, name))
                picture = self._draw(self._market, mix, self.bin_size, self._picture.revision + 1)
            except BaseException:
                for name, value in before.items():
                    setattr(self, name, value)
                raise
            with self.hold_sync():
                self._show(picture, self.bin_size)
                self._presets = {name: mix_to_json(preset, self) for name, preset in self._possible_presets().items()}
                self.leverage_mix, self.decay_rate = mix, rate
