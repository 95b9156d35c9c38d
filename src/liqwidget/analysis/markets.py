"""A run over many markets: what they are called, and how far it is."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from ..errors import InputError
from ..market import Market
from ..market.columns import shown

Markets = Market | Sequence[Market] | Mapping[str, Market]


def named(markets: Markets) -> dict[str, Market]:
    """Return markets by name: the keys given; else symbols, with the exchange or a number where one is there twice."""
    if isinstance(markets, Market):
        markets = [markets]
    if not isinstance(markets, Mapping | Sequence) or isinstance(markets, str):
        raise InputError(f"markets: wanted a Market, a list of them, or a dict of names; got {shown(markets)}")
    every = list(markets.values()) if isinstance(markets, Mapping) else list(markets)
    if not every:
        raise InputError("markets: wanted at least one Market; got none")
    for i, market in enumerate(every):
        if not isinstance(market, Market):
            raise InputError(
                f"markets: wanted Markets, such as Market.from_frame(candles); number {i} is {shown(market)}"
            )
    if isinstance(markets, Mapping):
        return {str(name): market for name, market in markets.items()}
    for names in (
        [market.symbol for market in every],
        [" ".join(filter(None, (market.symbol, market.exchange))) for market in every],
    ):
        if len(set(names)) == len(names):
            return dict(zip(names, every, strict=True))
    return {f"{name} #{i}": market for i, (name, market) in enumerate(zip(names, every, strict=True))}


@contextmanager
def counting(what: str, unit: str, total: int, wanted: Any) -> Iterator[Callable[[int], None]]:
    """Show a bar, and give what tells it that a unit is done, with its rows.

    ``wanted`` as for :class:`liqwidget.run.progress.Bar`; None also does without one where the extra is missing.
    """
    try:
        from ..run.progress import Bar, Progress
    except ModuleNotFoundError as error:
        if wanted:
            raise InputError(f"progress: {error}; or leave progress out") from error
        yield lambda _rows: None
        return
    state = Progress(what, unit, total=total)
    with Bar(state, wanted) as bar:
        bar.show()

        def count(rows: int) -> None:
            state.done += 1
            state.rows += rows
            bar.show()

        yield count
