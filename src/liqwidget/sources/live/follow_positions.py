"""`follow_positions`: refreshes a widget's known positions from Hyperliquid."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterable
from typing import Any

from ...checks import shown
from ...errors import InputError
from ..fetch.positions import WEIGHT, check_addresses
from ..http.limits import SHARE
from ..venues.hyperliquid import PRESENT, VENUE, native
from .positions_follower import PositionsFollower

_SHARE = 0.5  # of the requests that are allowed: the rest is for lw.follow and others


def follow_positions(
    widget: Any,
    addresses: Iterable[str] | str,
    every: float = 60.0,
    *,
    coin: str | None = None,
    trust_env: bool = False,
) -> PositionsFollower:
    """Refresh a widget's known positions from Hyperliquid, in the kernel's event loop.

    Each time, `widget.positions` is what :func:`liqwidget.hyperliquid_positions` returns. It stops when the widget is
    closed, when its last view is gone, when another market is assigned to it, or with ``.stop()``. A second call for
    the same widget replaces the first. Where a request fails, the last positions stay, their label says why, and the
    next request comes in time. At most half of the requests that are allowed are used for it.

    Parameters
    ----------
    widget
        A :class:`liqwidget.LiquidationHeatmap`.
    addresses
        As for :func:`liqwidget.hyperliquid_positions`.
    every
        Seconds from one request to the next, up to 3,600; at least what the addresses need: 60 are enough for 230.
    coin
        Such as ``BTC``; None: that of the widget's market.
    trust_env
        Take proxies from the environment.

    Returns
    -------
    PositionsFollower

    Raises
    ------
    InputError
        An argument is not usable, the market is simulated, or no event loop is running.

    Examples
    --------
    >>> import asyncio
    >>> import liqwidget as lw
    >>> hm = lw.LiquidationHeatmap(lw.fetch("BTC", exchange="hyperliquid", days=1))
    >>> async def main():  # a notebook runs an event loop already: there, call lw.follow_positions(...) in a cell
    ...     live = lw.follow_positions(hm, "0xb949791c70aa19aef750d177fe9004075eea5e75")
    ...     print(live)
    ...     live.stop()
    >>> asyncio.run(main())
    <PositionsFollower hyperliquid BTC, 1 address, every 60 s, running>
    """
    assigned, market = widget.markets_assigned, widget.market  # in this order: any thread may assign another market
    if market.simulated:
        raise InputError("follow_positions: wanted a real market; got a simulated one. Show lw.fetch(...) first.")
    wanted = check_addresses(addresses)
    if not (coin or market.symbol):
        raise InputError("coin: wanted the coin's name; got a market without a symbol. Pass coin=, such as 'BTC'.")
    name = native(coin or market.symbol)
    if isinstance(every, bool) or not isinstance(every, int | float) or not 0 < every <= 3600:
        raise InputError(f"every: wanted a number of seconds up to 3,600; got {shown(every)}. Pass every=60.")
    if every < (least := _least(len(wanted))):
        raise InputError(
            f"every: wanted at least {least:,} seconds for {len(wanted):,} addresses, as Hyperliquid limits requests; "
            f"got {every:g}. Pass every={least}, or fewer addresses."
        )
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        raise InputError(
            "follow_positions: wanted a running event loop; got none. Call it in a notebook or a coroutine."
        ) from None
    PositionsFollower.stop_of(widget)
    follower = PositionsFollower(widget, wanted, name, float(every), trust_env)
    follower.start(loop, assigned)
    return follower


def _least(addresses: int) -> int:
    """Return the least seconds in which the limit allows to ask for so many addresses and for open interest."""
    limit = VENUE.limits["default"]
    weight = WEIGHT * addresses + PRESENT.request("").weight
    return math.ceil(weight * limit.seconds / (limit.weight * SHARE * _SHARE))
