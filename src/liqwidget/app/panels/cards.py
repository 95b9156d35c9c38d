"""What the application writes as HTML: numbers and words of its own, everything else escaped."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from math import isinf, isnan
from typing import Any

import ipywidgets

from ...market.columns import stamp
from ..readings.levels import LiquidationMap, Snapshot, usd_text
from ..readings.scene import Scene
from ..readings.selfcheck import PUBLISHED_LONG, PUBLISHED_SHORT, SOURCE, SelfCheck
from .ink import tier_colours


def card(title: str, *content: ipywidgets.Widget, wide: bool = False) -> Any:
    """Return a titled part of the page."""
    box = ipywidgets.VBox([ipywidgets.HTML(f"<h3>{escape(title)}</h3>"), *content])
    box.add_class("liq-app-card")
    if wide:
        box.add_class("liq-app-wide")
    return box


def scene_html(read: Scene) -> str:
    """Return the reading of the scene, with the rule that fired."""
    return (
        f'<div class="liq-app-scene" role="status" data-rule="{escape(read.rule)}"><strong>Reading</strong> '
        f'{escape(read.text)} <span class="liq-app-dim">Rule “{escape(read.rule)}”; an estimate, not a forecast.</span>'
        "</div>"
    )


def list_html(sentences: Iterable[str]) -> str:
    """Return sentences, a line each."""
    return "<ul>" + "".join(f"<li>{escape(sentence)}</li>" for sentence in sentences) + "</ul>"


def map_html(now: Snapshot, drawn: LiquidationMap) -> str:
    """Return what the liquidation map is of, and its sums."""
    long, short = (float(drawn.usd[:, side].sum()) for side in (drawn.is_long, ~drawn.is_long))
    tiers = now.ledger.leverage.tolist()
    which = "last candle" if now.is_last else "last candle in view"
    time = stamp(int(now.ledger.time[now.at].astype("datetime64[ns]").astype("int64")))
    close = f"{now.close:,.{now.market.price_decimals}f}"
    return (
        f"Estimated USD still standing at the {which}, {escape(time)} UTC, price {close}: "
        f'<b class="liq-app-long">{usd_text(long)}</b> of longs below, '
        f'<b class="liq-app-short">{usd_text(short)}</b> of shorts above. '
        "The lines are sums from the price outwards, on the right scale. Leverage tiers: "
        + " ".join(
            f'<span class="liq-app-key" style="--liq-app-key: {colour}">{leverage:g}x</span>'
            for leverage, colour in zip(tiers, tier_colours(len(tiers)), strict=True)
            if leverage in drawn.leverage
        )
    )


def check_html(check: SelfCheck) -> str:
    """Return the self-check as a table beside published figures."""
    rows = (
        ("longs liquidated a day", check.long_per_day, PUBLISHED_LONG),
        ("shorts liquidated a day", check.short_per_day, PUBLISHED_SHORT),
    )
    body = "".join(
        f"<tr><th scope='row'>{name}</th><td>{_share(ours)}</td><td>{_share(theirs)}</td></tr>"
        for name, ours, theirs in rows
    )
    return (
        "<table><thead><tr><td></td><th scope='col'>this mix and decay</th>"
        f"<th scope='col'>published</th></tr></thead><tbody>{body}"
        f"<tr><th scope='row'>mean holding time</th><td>{_hours(check.holding_hours)}</td><td>not published</td></tr>"
        f"<tr><th scope='row'>half closed after</th><td>{_hours(check.half_life_hours)}</td><td></td></tr>"
        "</tbody></table>"
        f"<p>Shares of the standing estimate, over {check.days:.1f} days. Published: {escape(SOURCE)}, shares of that "
        "venue's positions; what venues report themselves is far less. Far above them, the mix is too hot or the decay "
        "too slow.</p>"
    )


def _share(value: float) -> str:
    return "not known" if isnan(value) else f"{value:.1%}"


def _hours(value: float) -> str:
    return "no decay" if isinf(value) else f"{value:.1f} h" if value < 72 else f"{value / 24:.1f} d"
