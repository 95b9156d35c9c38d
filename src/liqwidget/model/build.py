"""Building the ledger of a market."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

from .grid import Floats, PriceGrid, model_rows
from .ledger import Ledger
from .maintenance import MaintenanceRate
from .mixed_ledger import MixedLedger, names_by_contract
from .opening import SPAN, check_settings, open_and_sweep
from .turnover import AUTO, Opening, opening_of

if TYPE_CHECKING:
    from ..market.market import Market


def build_ledger(
    market: Market,
    leverage: Sequence[float] = (3, 5, 10, 20, 50, 100),
    bin_size: float | None = None,
    maintenance_rate: MaintenanceRate = 0.004,
    fee_rate: float = 0.0,
    turnover: float | Literal["auto"] = 1.0,
    span: float = SPAN,
) -> Ledger:
    """Spread what each candle opened over liquidation levels, and record what each candle swept.

    Coins opened on each side are ``max((turnover * volume + dOI) / 2, max(dOI, 0))``: every contract
    has one long and one short, and what is not opened is closed or passed on. They are valued at
    ``(high + low + close) / 3``. Entries are spread evenly over the candle's range, so levels of a
    tier are spread evenly over ``[low * k, high * k]``, ``k`` from :func:`liqwidget.model.margin.level_factors`.

    Parameters
    ----------
    market
        The candles. Without open interest dOI is 0.
    leverage
        Tier leverages, shape (L,).
    bin_size
        Height of a price row, USD: exactly that of the ledger. None: the largest 1-2-5 number that is at most 0.03 % of
        the median close (coarser where that would be more than 65,535 rows). ``replay(bin_size=...)`` adds rows up.
    maintenance_rate, fee_rate
        Fractions of the notional, together below ``1 / leverage``. "brackets": see :func:`liqwidget.estimate`.
    turnover
        Share of volume that opens positions, in (0, 1]; the rest changes hands within the candle. "auto": the share at
        which what closes per hour is the replay's decay rate of open interest, see :func:`liqwidget.estimate`.
    span
        The grid covers ``[min(low) * (1 - span), max(high) * (1 + span)]``, 0 <= span < 1.

    Raises
    ------
    InputError
        If an argument is out of its range or the grid would be too large.

    Examples
    --------
    >>> import liqwidget as lw
    >>> lw.build_ledger(lw.load_sample(), leverage=(5, 10, 25), bin_size=50).replay(decay_rate=0.03).values.shape
    (3, 1075, 2016)
    """
    tiers, settings = check_settings(leverage, maintenance_rate, fee_rate, turnover, span, market)
    low, high, close = (market.candles[name].to_numpy() for name in ("low", "high", "close"))
    if bin_size is None:
        grid = model_rows(low, high, close, span)
    else:
        grid = PriceGrid.covering(float(low.min()), float(high.max()), bin_size, span)
    return market_ledger(market, grid, tiers, settings)


def market_ledger(market: Market, grid: PriceGrid, leverage: Floats, settings: Mapping[str, Any]) -> Ledger:
    """Return the ledger of a market on a given grid; the settings are checked ones, ``turnover`` may be "auto"."""
    if settings["turnover"] != AUTO:
        return ledger_on(market, 0, grid, leverage, dict(settings))
    ledger = ledger_on(market, 0, grid, leverage, {**settings, "turnover": 1.0})
    if isinstance(ledger, MixedLedger):
        return MixedLedger.of([replace(group, auto=group.venues) for group in ledger.groups])
    return replace(ledger, auto=ledger.venues or opening_of(market))


def ledger_on(market: Market, since: int, grid: PriceGrid, leverage: Floats, settings: dict[str, Any]) -> Ledger:
    """Return the ledger of the candles from row ``since`` of a market on, on a given grid with given settings."""
    opening = opening_of(market)
    if isinstance(opening, Opening):
        return Ledger(
            grid=grid,
            leverage=leverage,
            settings=settings,
            **open_and_sweep(market, since, grid, leverage, settings, opening),
        )
    groups = []
    for names in names_by_contract(market).values():
        part = opening.only(names)
        arrays = open_and_sweep(market, since, grid, leverage, settings, part)
        groups.append(Ledger(grid=grid, leverage=leverage, settings=settings, venues=part, **arrays))
    return MixedLedger.of(groups)
