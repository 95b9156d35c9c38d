"""What a widget watches for beside the picture: clusters near the last price, and its score."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import traitlets

from ..model.settings import check_mix
from .base import HeatmapWidget
from .html_page import Page
from .near import Nearness, Rule, Told, Watch
from .scored import Question, Scorer, first_score, score_after, settings_key
from .shown import Shown
from .still_image import Still

if TYPE_CHECKING:
    import pandas as pd

    from ..analysis.calibration.result import Calibration


class WatchedHeatmap(HeatmapWidget):
    """A widget over a market that goes on; see its subclass."""

    def __init__(self, shown: Shown, traits: Mapping[str, Any]) -> None:
        self._nearness = Nearness()
        #: The mix that was fitted last, and the end of what it was fitted on.
        self._fitted: tuple[Mapping[float, float], pd.Timestamp] | None = None
        self._scorer = Scorer(self._question, self._show_score, lambda: self.views_alive() > 0)
        super().__init__(shown, traits)

    @traitlets.default("score")
    def _first_score(self) -> dict[str, Any]:
        return first_score(self._shown)

    def on_near(
        self,
        distance: float = 0.005,
        notional: float = 50e6,
        callback: Told | None = None,
        *,
        cooldown: float = 3600.0,
    ) -> Watch:
        """Watch for clusters of the estimate that the last price comes near to.

        They are listed in ``near``, marked on the price axis, and named below the chart; while a live feed runs, a
        reader may ask the browser for a notice of each. They are looked for whenever candles are appended and
        whenever a setting of the estimate changes. While the bin size is automatic they are those of the usual size,
        whatever the zoom. It says where estimated levels stand, not where the price goes.

        Parameters
        ----------
        distance
            Of the cluster's peak from the last close, at most: a fraction of the close, as in
            :meth:`liqwidget.Density.clusters`.
        notional
            Estimated notional of the cluster, USD, at least.
        callback
            Called with each cluster that comes near, also with those that are near now: a dict of ``side`` ("long" or
            "short": who would be liquidated), ``price_low``, ``price_high``, ``peak_price`` (USD), ``notional`` (USD,
            an estimate), ``distance`` (signed fraction of the close) and ``entered`` (ms since 1970 UTC). It is called
            again for the same cluster once that has left, a quarter beyond either limit, or after ``cooldown``.
            The data wait for it, so keep it short. An exception in it is logged and shown; the feed goes on.
        cooldown
            Seconds until a cluster that stays near is told of again.

        Returns
        -------
        Watch
            Its ``remove()`` ends it.

        Raises
        ------
        InputError
            An argument is not valid; nothing is watched.
        """
        with self._lock:
            watch = self._nearness.add(Rule.of(distance, notional, cooldown), callback, self._look_near)
            self._look_near()
        return watch

    def _swap(self, shown: Shown, *messages: tuple[str, bytes | None], **traits: Any) -> None:
        before = self._shown
        try:
            super()._swap(shown, *messages, **traits)
        finally:  # also where an observer raises: the state has changed
            self._look_near()
            self._score_later(before, self._shown)

    def _look_near(self) -> None:
        """Bring ``near`` up to date and tell of what has come near."""
        with self._lock:
            found = self._nearness.follow(self._shown)
            if found is None:
                return
            new = {"_near_rules": self._nearness.rules, "near": found[0]}
            changed = {name: value for name, value in new.items() if getattr(self, name) != value}
            with self.hold_sync() if changed else nullcontext():  # one message, or none
                for name, value in changed.items():
                    self.set_trait(name, value)
            for watch, level in found[1]:
                if problem := watch.tell(level):
                    self._status = {"state": "error", "message": problem[:500]}

    def apply(self, calibration: Calibration) -> None:
        """Show the estimate of a calibration: its leverage mix, decay rate, turnover and maintenance rate.

        The bin size stays. The mix is offered as the preset "fitted" from then on; while it is shown, only what lies
        after the data that it was fitted on is scored.

        Parameters
        ----------
        calibration
            What :func:`liqwidget.calibrate` returned, for this market or another one.

        Raises
        ------
        InputError
            A setting is missing or not valid; the widget is unchanged.
        """
        with self._lock:
            super().apply(calibration)
            fitted = getattr(calibration, "fitted", None)
            self._fitted = None if fitted is None else (check_mix(calibration.leverage_mix), fitted[1])
            self._scorer.settings_changed()

    def close(self) -> None:
        """Close the widget with its views."""
        if self._is_ready:  # else it could not be built
            self._scorer.close()
        super().close()

    def _on_message(self, widget: object, content: Any, buffers: object) -> None:
        super()._on_message(widget, content, buffers)
        if isinstance(content, dict) and content.get("type") == "here":
            self._scorer.begin()

    def _score_later(self, before: Shown, after: Shown) -> None:
        """Plan a new score, and say that the present one is no longer that of what is shown."""
        self._set_score(score_after(self.score, before, after))
        if settings_key(before) != settings_key(after):
            self._scorer.settings_changed()
        elif before.market is not after.market or before.realised is not after.realised:
            self._scorer.data_changed()

    def _question(self) -> tuple[Question, tuple[object, ...]]:
        """Return what is to be scored, and what tells it from what was."""
        with self._lock:
            shown, fitted = self._shown, self._fitted
            question = Question.of(shown, fitted)
            return question, (settings_key(shown), shown.market, shown.realised, question.fitted_until)

    def _show_score(self, score: dict[str, Any], key: Any) -> None:
        with self._lock:
            if score["state"] == "shown" and key[0] != settings_key(self._shown):
                score = {**score, "stale": True}  # the next one is planned
            self._set_score(score)

    def _set_score(self, score: dict[str, Any]) -> None:
        if score != self.score:  # else it would be sent again
            self.set_trait("score", score)

    def _settle(self) -> None:
        self._scorer.settle()

    def _page(self, still: Still) -> Page:
        page = super()._page(still)
        return replace(page, more={**page.more, "score": self.score})
