"""A market as a few facts, for its repr: what it is, its time range, and what a reader has to know."""

from __future__ import annotations

from html import escape
from time import time_ns
from typing import TYPE_CHECKING

from ..checks import stamp
from .columns import REQUIRED

if TYPE_CHECKING:
    from .market import Market


def facts_of(market: Market) -> list[tuple[str, str]]:
    """Return names and texts; the first fact has no name."""
    index, gaps = market.candles.index, len(market.gaps)
    begin, end = (stamp(time.value) for time in (index[0], index[-1]))
    words = (market.symbol, contract_text(market.contract), market.exchange, market.interval_label)
    name = " ".join(word for word in words if word)
    facts = [
        ("", f"{name} (simulated)" if market.simulated else name),
        ("UTC", f"{begin} to {end}"),
        ("rows", f"{len(market):,}"),
        ("gaps", f"{gaps} ({market.missing:,} candles missing)" if gaps else "none"),
        ("with", " ".join(name for name in market.candles.columns if name not in REQUIRED) or "OHLCV only"),
        ("liquidations", "none" if (realised := market.liquidations) is None else f"{len(realised):,}"),
    ]
    if carried := " ".join(f"{name} {count:,}" for name, count in market.carried.items() if count):
        facts.append(("last value kept", carried))
    if market.widened:
        facts.append(("widened", f"{market.widened:,}"))
    facts += [("note", note) for note in market.notes]
    if market.origin is not None:
        closed = index[-1].value + market.interval.value
        facts += market.origin.facts(closed // 1_000_000, time_ns() // 1_000_000)
    return facts


def contract_text(contract: str) -> str:
    """Return what is shown of a contract beside the symbol: nothing if it is linear."""
    return "" if contract == "linear" else contract


def facts_html(facts: list[tuple[str, str]]) -> str:
    """Return facts as a table."""
    cells = (
        f"<tr><th style='text-align:left'>{escape(name or 'market')}</th>"
        f"<td style='text-align:left'>{escape(text)}</td></tr>"
        for name, text in facts
    )
    return f"<table>{''.join(cells)}</table>"
