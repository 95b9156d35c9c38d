"""A push of the price that is asked about: the handle of the views, and its answer in Python."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import anywidget

from ..analysis.cascade.cascade import Cascade, cascade
from ..errors import InputError
from .traits import Bounded

if TYPE_CHECKING:
    from ..market import Market
    from ..model.density import Density


class WhatIf(anywidget.AnyWidget):
    """A widget that can be asked what a push of the price would liquidate."""

    shock = Bounded(None, -0.99, 10.0, allow_none=True).tag(sync=True)

    _lock: threading.RLock

    if TYPE_CHECKING:  # the widget's own

        @property
        def market(self) -> Market: ...  # noqa: D102
        @property
        def density(self) -> Density: ...  # noqa: D102

    def cascade(self, shock: float | None = None, **how: Any) -> Cascade:
        """Return what a push from the last close would come to: :func:`liqwidget.cascade` of what is shown.

        Parameters
        ----------
        shock
            The push, a signed fraction of the close; None: ``hm.shock``, the one that the views show.
        **how
            ``at``, ``impact``, ``depth``, ``volatility``, ``volume``, ``window_hours`` of :func:`liqwidget.cascade`.

        Raises
        ------
        InputError
            As :func:`liqwidget.cascade`; or there is no push.
        """
        with self._lock:
            push, density, market = self.shock if shock is None else shock, self.density, self.market
        if push is None:
            raise InputError("shock: no push is shown. Pass shock=-0.03, or set hm.shock.")
        return cascade(density, shock=push, market=market, **how)
