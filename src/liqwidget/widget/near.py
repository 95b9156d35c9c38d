"""Nearness: the clusters of the estimate that stand close to the last price, and who is told of them."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..checks import is_finite
from ..errors import InputError
from ..model.grid import usual_bin

if TYPE_CHECKING:
    from ..model.density import Density
    from .shown import Shown

#: One cluster: ``side``, ``price_low``, ``price_high``, ``peak_price``, ``notional``, ``distance``, ``entered``.
Level = dict[str, Any]
#: What is called with a cluster that has come near.
Told = Callable[[Level], object]

_FIELDS = ("side", "price_low", "price_high", "peak_price", "notional", "distance")
#: A cluster has left once it is farther than so many distances, or smaller than its notional divided by this: one that
#: stands at the limit would else enter again with every candle.
_LEFT = 1.25
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Rule:
    """What counts as near.

    Attributes
    ----------
    distance
        Largest distance of a cluster's peak from the last close, a fraction of the close.
    notional
        Smallest estimated notional of the cluster, USD.
    cooldown
        Seconds after which a cluster that is still near counts as entering again.
    """

    distance: float
    notional: float
    cooldown: float

    @classmethod
    def of(cls, distance: object, notional: object, cooldown: object) -> Rule:
        """Return a rule of checked values, or raise InputError."""
        _check("distance", distance, "a fraction of the price in (0, 1]", "0.005 is 0.5 %", 0 < _number(distance) <= 1)
        _check("notional", notional, "USD >= 0", "50e6 is $50M", _number(notional) >= 0)
        _check("cooldown", cooldown, "seconds >= 0", "3600 is an hour", _number(cooldown) >= 0)
        return cls(_number(distance), _number(notional), _number(cooldown))

    def holds(self, level: Mapping[str, Any], factor: float = 1.0) -> bool:
        """Return whether a cluster is near; ``factor`` widens both limits."""
        return bool(abs(level["distance"]) <= self.distance * factor and level["notional"] >= self.notional / factor)


class Watch:
    """A rule and whom it tells; :meth:`remove` ends it."""

    rule: Rule

    def __init__(self, rule: Rule, callback: Told | None, removed: Callable[[Watch], None]) -> None:
        self.rule, self._callback, self._removed = rule, callback, removed
        self._inside: list[Level] = []

    def __repr__(self) -> str:
        rule = self.rule
        return f"<Watch: clusters within {rule.distance:.3g} of the price, estimate at least {rule.notional:,.0f} USD>"

    def remove(self) -> None:
        """Watch no longer; the callback is not called again."""
        self._callback = None
        self._removed(self)

    def forget(self) -> None:
        """Let every cluster enter anew: another market is shown."""
        self._inside = []

    def entering(self, levels: list[Level], now: int) -> list[Level]:
        """Return the clusters that come near with these; all that are near get the time they entered, ``entered``.

        Parameters
        ----------
        levels
            All clusters of the moment.
        now
            Ms since 1970 UTC.
        """
        inside, entering = [], []
        for level in levels:
            if not self.rule.holds(level, _LEFT):
                continue
            # A cluster may have been split or joined since, or cut into other bins.
            known = [old["entered"] for old in self._inside if _overlap(old, level)]
            near = self.rule.holds(level)
            if near and (not known or now - max(known) >= self.rule.cooldown * 1000):
                entered = now
                entering.append({**level, "entered": now})
            elif known:
                entered = max(known)
            else:
                continue
            inside.append({**level, "entered": entered})
        self._inside = inside
        return entering

    @property
    def near(self) -> list[Level]:
        """The clusters that are near, each with the time it entered."""
        return [dict(level) for level in self._inside if self.rule.holds(level)]

    def tell(self, level: Level) -> str:
        """Call the callback with a cluster; return what went wrong, or nothing. What fails is logged, not raised."""
        if self._callback is None:
            return ""
        try:
            self._callback(dict(level))
        except Exception as error:  # the feed that brought the price goes on
            _LOG.exception("liqwidget: the callback of on_near failed; it stays registered")
            return f"on_near: the callback failed with {type(error).__name__}: {error}. Data and estimate go on."
        return ""


class Nearness:
    """The watches of one widget."""

    def __init__(self) -> None:
        self._watches: list[Watch] = []
        self._seen: object = None
        self._market: object = None

    @property
    def rules(self) -> list[dict[str, float]]:
        """What is watched, for the browser."""
        found = {(watch.rule.distance, watch.rule.notional) for watch in self._watches}
        return [{"distance": distance, "notional": notional} for distance, notional in sorted(found)]

    def add(self, rule: Rule, callback: object, changed: Callable[[], None]) -> Watch:
        """Watch for a rule.

        Parameters
        ----------
        rule
            What counts as near.
        callback
            Called with each cluster that enters, or None.
        changed
            Called once the watch has been removed.
        """
        if callback is not None and not callable(callback):
            raise InputError(
                f"callback: wanted a function of one cluster, or None; got {type(callback).__name__}. "
                "Pass callback=print to see what it is called with."
            )

        def remove(watch: Watch) -> None:
            if watch in self._watches:
                self._watches = [other for other in self._watches if other is not watch]
                self._seen = None
                changed()

        watch = Watch(rule, callback, remove)
        self._watches = [*self._watches, watch]
        self._seen = None
        return watch

    def follow(self, shown: Shown) -> tuple[list[Level], list[tuple[Watch, Level]]] | None:
        """Return the clusters near the last close, nearest first, and whom to tell of which; None: no change."""
        of = shown.market
        rows = shown.picture.grid
        # A size that follows the zoom would have clusters come and go with it.
        size = usual_bin(rows.bin_size, rows.rows) if shown.bin_auto else shown.bin_size
        key = (shown.picture, shown.decay_rate, tuple(shown.weights), shown.venues, size)
        if key == self._seen:
            return None
        self._seen = key
        if (of.symbol, of.exchange) != self._market:
            self._market = (of.symbol, of.exchange)
            for watch in self._watches:
                watch.forget()
        if not self._watches:
            return [], []
        density = shown.ledger.replay(shown.decay_rate, shown.weights, [len(shown.ledger) - 1], size)
        levels, now = levels_of(density), time.time_ns() // 1_000_000
        told = [(watch, level) for watch in self._watches for level in watch.entering(levels, now)]
        near: dict[tuple[object, ...], Level] = {}
        for level in (level for watch in self._watches for level in watch.near):
            place = (level["side"], level["price_low"], level["price_high"])
            level["entered"] = max(level["entered"], near.get(place, level)["entered"])
            near[place] = level
        return sorted(near.values(), key=lambda level: abs(level["distance"])), told


def levels_of(density: Density) -> list[Level]:
    """Return all clusters at the last close of a density, as :meth:`liqwidget.Density.clusters` finds them."""
    table = density.clusters(top=len(density.price_edges) + 1)
    return [
        {name: value if name == "side" else float(value) for name, value in zip(_FIELDS, row, strict=True)}
        for row in table[list(_FIELDS)].itertuples(index=False)
    ]


def _overlap(one: Level, other: Level) -> bool:
    apart = one["price_high"] <= other["price_low"] or other["price_high"] <= one["price_low"]
    return one["side"] == other["side"] and not apart


def _number(value: object) -> float:
    return float(value) if is_finite(value) else float("nan")


def _check(name: str, value: object, wanted: str, such_as: str, right: bool) -> None:
    if not right:
        raise InputError(f"{name}: wanted {wanted}; got {str(value)[:40]!r}. For example, {such_as}.")
