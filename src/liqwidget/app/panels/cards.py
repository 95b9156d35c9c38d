"""The application's HTML: its own numbers and texts, everything else escaped."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from math import isinf, isnan
from typing import Any

import ipywidgets

from ...checks import stamp, usd_text
from ..readings.levels import LiquidationMap, Snapshot
from ..readings.scene import Scene
from ..readings.selfcheck import PUBLISHED_LONG, PUBLISHED_SHORT, SOURCE, SelfCheck
from .ink import tier_colours


def card(title: str, *content: ipywidgets.Widget, wide: bool = False) -> Any:
    """Return a titled section of the page."""
    box = ipywidgets.VBox([ipywidgets.HTML(f"<h3>{escape(title)}</h3>"), *content])
    box.add_class("liq-app-card")
    if wide:
        box.add_class("liq-app-wide")
    return box


def scene_html(read: Scene) -> str:
    """Return the reading of the chart, with the rule that applies."""
    more = f"Rule “{read.rule}”, see the table in liqwidget.app.readings.scene"
    return (
        f'<div class="liq-app-scene" role="status" data-rule="{escape(read.rule)}" title="{escape(more)}">'
        f"<strong>Reading</strong> {escape(read.text)} "
        '<span class="liq-app-dim">An estimate, not a forecast.</span></div>'
    )


def list_html(sentences: Iterable[str]) -> str:
    """Return sentences as a list."""
    return "<ul>" + "".join(f"<li>{escape(sentence)}</li>" for sentence in sentences) + "</ul>"


def map_html(now: Snapshot, drawn: LiquidationMap) -> str:
    """Return a caption of the liquidation map, with its sums."""
    long, short = (float(drawn.usd[:, side].sum()) for side in (drawn.is_long, ~drawn.is_long))
    tiers = now.ledger.leverage.tolist()
    which = "last candle" if now.is_last else "last candle in view"
    time = stamp(int(now.ledger.time[now.at].astype("datetime64[ns]").astype("int64")))
    close, currency = f"{now.close:,.{now.market.price_decimals}f}", now.market.currency
    return (
        f"Estimated {currency or 'USD'} still standing at the {which}, {escape(time)} UTC, price {close}: "
        f'<b class="liq-app-long">{usd_text(long, currency=currency)}</b> of longs below, '
        f'<b class="liq-app-short">{usd_text(short, currency=currency)}</b> of shorts above. '
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
        ("longs liquidated per day", check.long_per_day, PUBLISHED_LONG),
        ("shorts liquidated per day", check.short_per_day, PUBLISHED_SHORT),
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
        "venue's positions; figures that venues report themselves are far lower. If the shares are far above them, "
        "the mix has too much leverage or the decay is too slow.</p>"
    )


def _share(value: float) -> str:
    return "not known" if isnan(value) else f"{value:.1%}"


def _hours(value: float) -> str:
    return "no decay" if isinf(value) else f"{value:.1f} h" if value < 72 else f"{value / 24:.1f} d"
