"""The part of a combined market's ledger that some of its venues opened.

All venues have the same levels and sweeps; what a candle opened is a sum over them. So a part is the same ledger with
the amounts of each candle scaled.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from ..errors import InputError

if TYPE_CHECKING:
    from .ledger import Ledger


def venue_ledger(ledger: Ledger, names: Collection[str]) -> Ledger:
    """Return the ledger of some venues; see :meth:`liqwidget.Ledger.only`."""
    if ledger.venues is None:
        raise InputError("venues: wanted the ledger of a combined market with its candles; got another. lw.combine.")
    known = list(ledger.venues.venues)
    names = [names] if isinstance(names, str) else list(names)
    if not names or set(names) - set(known):
        strange = next((name for name in names if name not in known), "none")
        raise InputError(f"venues: wanted some of {', '.join(known)}; got {str(strange)[:40]!r}.")
    part = ledger.venues.only(names)
    turnover = 1.0 if ledger.auto is not None else ledger.settings["turnover"]
    whole, opened = (some.opened(turnover)[: len(ledger)] for some in (ledger.venues, part))
    share = np.divide(opened, whole, out=np.zeros_like(whole), where=whole > 0)
    return replace(
        ledger,
        opened=ledger.opened * share,
        notional=ledger.notional * share[ledger.column],
        crossed=ledger.crossed * share[:, None, None],
        out_of_range=ledger.out_of_range * share[:, None, None],
        auto=None if ledger.auto is None else part,
        venues=part,
        _whole=None,
    )
