"""How the estimate shown compares with realised liquidations: computed beside the picture, never before it."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..errors import LiqError

if TYPE_CHECKING:
    import pandas as pd

    from ..market.market import Market
    from .shown import Shown

#: Days that are scored, and days before them that feed the ledger and the regression.
DAYS, BEFORE = 7, 14
DRAWS = 100  # resamples: enough to tell whether the lead is clear
LEAST = 10  # intervals with a realised liquidation

PENDING: dict[str, Any] = {"state": "pending", "reason": ""}
_NO_LIQUIDATIONS = "there are no realised liquidations to compare with"
_FIRST = 1.0  # s after the first view has opened
_REST = 1.0  # s after the last change of a setting
_PACE = 60.0  # s between two scores of growing data; more where one takes long
_SHARE = 0.05  # of one processor, at most, that scores of growing data may take,
_SHARE_OF_SETTINGS = 0.25  # and those of changed settings, which a visitor may change all the time
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Question:
    """What is to be scored.

    Attributes
    ----------
    market
        The candles shown.
    realised
        The liquidations shown, as :func:`liqwidget.market.liquidations.read_liquidations` returns them, or None.
    settings
        Of :func:`liqwidget.validate`: leverage_mix, decay_rate, turnover, maintenance_rate, fee_rate.
    fitted_until
        End of what the mix was fitted on; None: it was not.
    is_part
        Whether the estimate shown is that of some venues of a combined market: liquidations are those of all.
    """

    market: Market
    realised: pd.DataFrame | None
    settings: Mapping[str, Any]
    fitted_until: pd.Timestamp | None = None
    is_part: bool = False

    @classmethod
    def of(cls, shown: Shown, fitted: tuple[Mapping[float, float], pd.Timestamp] | None) -> Question:
        """Return the question about a state; ``fitted``: the mix that was fitted last, and until when."""
        settings = {name: shown.model[name] for name in ("leverage_mix", "decay_rate", "turnover")}
        settings |= {name: shown.settings[name] for name in ("maintenance_rate", "fee_rate")}
        until = fitted[1] if fitted is not None and dict(fitted[0]) == dict(shown.mix) else None
        is_part = len(shown.venues) < len(shown.market.venues)
        return cls(shown.market, shown.realised.frame, settings, until, is_part)

    def answer(self) -> dict[str, Any]:
        """Return the score, or why there is none.

        Returns
        -------
        dict
            ``state`` "shown": ``days`` scored up to ``until`` (ms since 1970 UTC), in intervals of ``every``;
            ``rank``, ``gain``, ``false_alarm`` as in :class:`liqwidget.analysis.validation.result.Validation`;
            ``range_rank``, the rank of range x volume; ``better`` than that: True, False, or None where it is not
            clear; ``priced``, whether any liquidation has a price. What is not known is None.
            ``state`` "hidden": ``reason``.
        """
        from ..analysis.stats.intervals import interval_length
        from ..analysis.validation.validate import validate

        if self.realised is None or not len(self.realised):
            return _hidden(_NO_LIQUIDATIONS)
        if self.is_part:
            return _hidden("only some venues are shown; the liquidations are those of all")
        market, start = self._part(self.market.with_liquidations(self.realised))
        if start is None:
            return _hidden("the leverage mix was fitted on these days; later ones will be scored")
        try:
            found = validate(market, **self.settings, start=start, draws=DRAWS, progress=False)
        except LiqError as error:
            return _hidden(str(error)[:300])
        some = int((found.frame["realised"] > 0).sum())
        if some < LEAST:
            return _hidden(f"only {some} intervals with realised liquidations; at least {LEAST} are needed")
        if math.isnan(found.rank):
            return _hidden("the estimate is the same in all intervals")
        theirs = found.skill().loc["both"].loc["range_volume"]
        lead = theirs.loc["rank"]
        times = found.frame["time"]
        until = times.iloc[-1] + interval_length(market, found.settings["every"])
        return {
            "state": "shown",
            "reason": "",
            "days": round((until - times.iloc[0]).total_seconds() / 86_400, 2),
            "until": int(until.as_unit("ns").value) // 1_000_000,
            "every": found.settings["every"],
            "rank": _known(found.rank),
            "gain": _known(found.gain),
            "false_alarm": _known(found.false_alarm),
            "range_rank": _known(lead["baseline"]),
            "better": _better(lead["value"], lead["low"], found.gain),
            "priced": found.priced > 0,
            "stale": False,
        }

    def _part(self, market: Market) -> tuple[Market, pd.Timestamp | None]:
        """Return the market's last days, and from when on they are scored; None: never."""
        import pandas as pd

        last = market.candles.index[-1]
        market = market.between(last - pd.Timedelta(DAYS + BEFORE, "D"))
        first = market.candles.index[0]
        start = max(last - pd.Timedelta(DAYS, "D"), first + (last - first) / 3)
        if self.fitted_until is not None and self.fitted_until > start:
            start = self.fitted_until
        return market, None if start > last else start


class Scorer:
    """Answers questions on a thread, while a view is open: soon after a setting changed, now and then as data grow.

    Parameters
    ----------
    take
        Returns the present question, and what tells it from others.
    show
        Is given an answer, and what told its question from others.
    is_seen
        Returns whether a view is open.
    """

    def __init__(
        self,
        take: Callable[[], tuple[Question, object]],
        show: Callable[[dict[str, Any], object], None],
        is_seen: Callable[[], bool],
    ) -> None:
        self._take, self._show, self._is_seen = take, show, is_seen
        self._timer: threading.Timer | None = None
        self._lock = threading.Lock()  # of the timer
        self._busy = threading.Lock()  # held by the thread that makes an answer
        self._answered: object = None
        self._ended, self._took = -math.inf, 0.0
        self._number = 0  # of the timer
        self._is_on = self._is_closed = False

    def settle(self) -> None:
        """Answer the present question now, unless it has been."""
        question, key = self._take()
        if key == self._answered:
            return
        began = time.monotonic()
        try:
            answer = question.answer()
        except Exception:  # a picture does without its score
            _LOG.exception("liqwidget: the estimate could not be scored")
            answer = _hidden("it could not be computed; Python's log says why")
        self._ended = time.monotonic()
        self._took = self._ended - began
        self._answered = key
        self._show(answer, key)

    def begin(self) -> None:
        """Answer soon, if that is not planned: a view is open."""
        with self._lock:
            if not self._is_on:
                self._is_on = True
                self._plan(_FIRST)

    def settings_changed(self) -> None:
        """Answer once the settings rest."""
        with self._lock:
            if self._is_on:
                self._plan(max(self._ended + self._took / _SHARE_OF_SETTINGS - time.monotonic(), _REST))

    def data_changed(self) -> None:
        """Answer at the pace of growing data."""
        with self._lock:
            if self._is_on and self._timer is None:
                self._plan(max(self._ended + max(_PACE, self._took / _SHARE) - time.monotonic(), _REST))

    def close(self) -> None:
        """Answer no more."""
        with self._lock:
            self._is_closed = True
            if self._timer is not None:
                self._timer.cancel()

    def _plan(self, delay: float) -> None:
        if self._is_closed:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._number += 1
        self._timer = threading.Timer(delay, self._run, [self._number])
        self._timer.daemon = True
        try:
            self._timer.start()
        except RuntimeError:  # no further thread: the next heartbeat tries again
            self._timer, self._is_on = None, False

    def _run(self, number: int) -> None:
        with self._busy:
            seen = self._is_seen()  # it may wait for whoever plans: not under the lock
            with self._lock:
                if number != self._number:
                    return  # another is planned
                self._timer = None
                self._is_on = seen  # the next view begins again
            if self._is_on:
                self.settle()


def first_score(shown: Shown) -> dict[str, Any]:
    """Return the score before anything is computed."""
    return _hidden(_NO_LIQUIDATIONS) if shown.realised.is_empty else dict(PENDING)


def score_after(score: Mapping[str, Any], before: Shown, after: Shown) -> dict[str, Any]:
    """Return the score until it is computed for a changed state."""
    if after.realised.is_empty or before.realised.is_empty or not _same_market(before, after):
        return first_score(after)
    changed = settings_key(before) != settings_key(after)
    return {**score, "stale": True} if changed and score["state"] == "shown" else dict(score)


def settings_key(shown: Shown) -> tuple[object, ...]:
    """Return what a score depends on besides data; a bin size is not in it."""
    rate = None if shown.decay_auto else shown.decay_rate
    market = (shown.market.symbol, shown.market.exchange, shown.market.simulated, shown.venues)
    return (tuple(sorted(shown.mix.items())), rate, *shown.settings.values(), *market, shown.realised.is_empty)


def _same_market(before: Shown, after: Shown) -> bool:
    names = ("symbol", "exchange", "simulated")
    return all(getattr(before.market, name) == getattr(after.market, name) for name in names)


def _better(lead: Any, low: Any, gain: float) -> bool | None:
    """Return whether the estimate is better than range x volume, by its lead in rank and its gain; None: not clear."""
    if not lead > 0 or gain <= 0:
        return False
    return None if low <= 0 else True


def _hidden(reason: str) -> dict[str, Any]:
    return {"state": "hidden", "reason": reason}


def _known(value: Any) -> float | None:
    return round(float(value), 4) if math.isfinite(value) else None
