"""The result of `validate`: tables with confidence intervals, and a summary as text."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from ...drawing.report import Drawn, Report
from ...model.grid import Floats
from ..stats.bootstrap import percentile_interval
from .baselines import BASELINES
from .report import report_of

if TYPE_CHECKING:
    import pandas as pd

SIDES = ("long", "short", "both")
#: Measures of sums by interval; then of price rows, if realised liquidations have prices.
MEASURES = (
    "rank",
    "linear",
    "gain",
    "hit_rate",
    "hit_best",
    "false_alarm",
    "quiet",
    "hours_off",
    "usd_ratio",
    "unreached",
)
ROW_MEASURES = ("row_rank", "row_linear", "row_hit_rate", "row_hit_best", "row_false_alarm", "row_quiet", "price_off")
#: Measures for the comparison with baselines: a difference, or for distances the share of the baseline's that is saved.
DIFFERENCES = ("rank", "linear", "gain", "row_rank", "row_linear")
DISTANCES = ("hours_off", "price_off")
LEAST_DAYS = 5  # with fewer blocks an interval is meaningless


@dataclass(frozen=True, eq=False, repr=False)
class Validation(Drawn):
    """How an estimate compares with realised liquidations it was not fitted on.

    Attributes
    ----------
    frame : DataFrame
        A line per interval and side: ``time`` (start, UTC), ``side``, ``estimated``, ``realised`` (USD), and each
        baseline in its own units: ``range_volume``, ``fresh_range``, ``uniform``, ``even``, ``yesterday``.
    bright : float
        Share of the cells that counts as brightest.
    settings : dict
        Settings of the estimate: leverage_mix, decay_rate (per hour), turnover, bin_size (USD), maintenance_rate,
        fee_rate, every, and ``fitted`` (the calibration's, or None: fixed beforehand).
    days : int
        UTC days with a scored interval, which are resampled.
    left_out : int
        Intervals since the first scored one that lack a candle or a known realised value.
    priced : float
        Share of the realised USD that has a price; 0: the measures of rows are NaN.
    covered : float
        Share of the priced USD on rows that price reached, on the side it came from.

    Notes
    -----
    The measures, of `by_side` and as attributes (of both sides pooled):

    ``rank``, ``linear``
        Spearman's and Pearson's correlation over the intervals; "both" has a cell per interval and side.
    ``gain``
        What the estimate adds to the path of price. In intervals that moved 0.3 % or more against a side, log realised
        USD are regressed on side, log move and log volume, then on the log of the estimate as well; both are fitted on
        the intervals before the scored ones. The share of the squared error that the estimate removes; NaN where fewer
        than 40 such cells are known before or after. Its difference to the baseline ``even`` is the value of the
        mix.
    ``hit_rate``, ``hit_best``
        Share of the realised USD in the brightest cells of the estimate; in as many brightest realised cells, the best
        possible.
    ``false_alarm``
        Share of the USD estimated in these cells that was not realised, both scaled to the same total.
    ``quiet``
        Share of these cells in which nothing was realised, or less than in the median cell.
    ``hours_off``
        Earth mover's distance in time: the distance in hours of estimated from realised USD within their UTC
        day, mean over the days, weighted by realised USD. Sums have no prices, so there is no other profile; and
        over more than a day it would only show the drift of the level. NaN for intervals of a day or longer.
    ``usd_ratio``
        Estimated over realised USD. Volume and open interest of one venue against liquidations of several, or of a
        feed that shows only a few, is not an error of the estimate.
    ``unreached``
        Of the brightest rows standing when an interval begins (each side), the share that price did not reach within
        24 h: alarms without an event. Needs no realised liquidations.
    ``row_...``
        The same with a cell per price row touched in an interval, and the USD standing there when it began. Given
        the rows that price reached: which of them were full?
    ``price_off``
        Earth mover's distance of the two profiles over these rows, as a fraction of the price; mean over intervals and
        sides, weighted by realised USD.

    Examples
    --------
    >>> import liqwidget as lw
    >>> made = lw.simulate(candles=2_000, traders=40_000, seed=2)
    >>> found = lw.validate(made.market, leverage_mix=made.leverage_mix, decay_rate=made.decay_rate, draws=50)
    >>> found.by_side().loc[[("both", "rank"), ("both", "false_alarm")]].index.to_list()
    [('both', 'rank'), ('both', 'false_alarm')]
    """

    frame: pd.DataFrame
    bright: float
    settings: dict[str, Any]
    days: int
    left_out: int
    priced: float
    covered: float
    _label: str
    _replicates: dict[tuple[str, str, str], Floats] = field(repr=False)
    _curve: Any = field(repr=False)

    def __getattr__(self, name: str) -> float:
        if name in MEASURES + ROW_MEASURES:
            found = self._replicates.get(("both", "estimated", name))
            return float("nan") if found is None else float(found[0])
        raise AttributeError(f"'Validation' has no attribute {name!r}")

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *MEASURES, *ROW_MEASURES})

    def by_side(self) -> pd.DataFrame:
        """Return the measures of the estimate: index side and measure; columns value, low, high (95 % interval)."""
        return self._table(
            ("side", "measure"),
            {
                (side, name): values
                for side in SIDES
                for name in MEASURES + ROW_MEASURES
                if (values := self._replicates.get((side, "estimated", name))) is not None
            },
        )

    def skill(self) -> pd.DataFrame:
        """Return the improvement of the estimate over each baseline, on the same intervals.

        Returns
        -------
        DataFrame
            Index side, baseline and measure; columns ``baseline`` (its measure), ``value`` (correlations
            and gain: estimate minus baseline; hours_off and price_off: 1 - estimate / baseline, the share of the
            distance that is saved), ``low``, ``high`` (95 % interval of ``value`` over paired resamples: above 0, the
            estimate is better).
        """
        gains, own = {}, []
        for (side, who, name), theirs in self._replicates.items():
            if who != "estimated":
                ours = self._replicates[side, "estimated", name]
                with np.errstate(divide="ignore", invalid="ignore"):
                    gain = ours - theirs if name in DIFFERENCES else np.where(theirs > 0, 1 - ours / theirs, np.nan)
                gains[side, who, name] = gain
                own.append(float(theirs[0]))
        table = self._table(("side", "baseline", "measure"), gains)
        table.insert(0, "baseline", own)
        return table

    def curve(self) -> pd.DataFrame:
        """Return the calibration curve: realised USD by estimated USD.

        Returns
        -------
        DataFrame
            Index side and bin: bin 0 where nothing was estimated, then ten bins of equal count by the estimate; columns
            ``cells``, ``estimated`` (mean USD),
            ``scaled`` (the same, scaled to the realised total, since the curve is about shape), ``realised``
            (mean USD), ``low``, ``high`` (its 95 % interval). On the line realised = scaled the estimate is right.
        """
        curve: pd.DataFrame = self._curve.copy()
        return curve

    def to_frame(self) -> pd.DataFrame:
        """Return one line per interval and side, as described above."""
        frame: pd.DataFrame = self.frame.copy()
        return frame

    def _table(self, names: tuple[str, ...], lines: dict[Any, Floats]) -> pd.DataFrame:
        import pandas as pd

        index = pd.MultiIndex.from_tuples(list(lines), names=names)
        spans = [spread(values, self.days) for values in lines.values()]
        return pd.DataFrame(spans, index, ["value", "low", "high"])

    def _report(self) -> Report:
        return report_of(self, self._label)

    def __repr__(self) -> str:
        table, skill = self.by_side(), self.skill()
        first, last = (f"{self.frame['time'].iloc[i]:%Y-%m-%d %H:%M}" for i in (0, -1))
        fitted = self.settings["fitted"]
        how = "fixed beforehand" if fitted is None else f"fitted on {fitted[0]:%Y-%m-%d} to {fitted[1]:%Y-%m-%d %H:%M}"
        lines = [
            f"Validation of {self._label}: {len(self.frame) // 2:,} intervals of {self.settings['every']}, "
            f"{self.days} days, {first} to {last} UTC; {self.left_out:,} left out",
            f"Mix {how}; decay {self.settings['decay_rate']:.3g} per hour. Nothing that is scored was fitted on.",
            "Asked: price went where it went in an interval; how much was liquidated? Not: where will price go.",
            f"       ranks              USD correlation    USD in the brightest {self.bright:.0%} (best possible)  "
            "false alarms  hours off",
        ]
        for side in SIDES:
            m = table.loc[side]
            v = m["value"]
            found = f"{_text(v['hit_rate'], '.0%')} ({_text(v['hit_best'], '.0%')})"
            lines.append(
                f"{side:5}  {_span(m.loc['rank']):17}  {_span(m.loc['linear']):17}  {found:>41}  "
                f"{_text(v['false_alarm'], '.0%'):>12}  {_text(v['hours_off'], '.1f'):>9}"
            )
        if not np.isnan(self.gain):
            of = ("both", "even", "gain")
            lead = "-" if of not in skill.index else _span(skill.loc[of, :], "+.3f")
            lines.append(
                f"Gain over move and volume, in intervals that moved 0.3 %: {_span(table.loc[('both', 'gain')])}; "
                f"lead over levels even in 1/leverage {lead}."
            )
        lines.append("Compared with rules that know no mix, both sides (+: ahead; unclear if the interval holds 0):")
        for who, name in BASELINES.items():
            part = skill.loc["both"].loc[who]
            told = {"rank": "ranks", "linear": "USD correlation", "price_off": "price profile"}
            forms = {"price_off": "+.0%"}
            known = [f"{told[m]} {_span(part.loc[m], forms.get(m, '+.3f'))}" for m in told if m in part.index]
            lines.append(f"  {name:21} {', '.join(known)}")
        if self.priced:
            shares = ("covered", "row_hit_rate", "row_hit_best", "row_false_alarm")
            covered, found, best, alarms = (_text(getattr(self, name), ".0%") for name in shares)
            lines += [
                f"Of the rows price came to ({covered} of the USD with a price): ranks {_text(self.row_rank, '.2f')}; "
                f"price profile off by {_text(self.price_off, '.2%')} of price;",
                f"  in the brightest {self.bright:.0%} lay {found} (best possible {best}), false alarms {alarms}.",
            ]
        if not np.isnan(self.unreached):
            lines.append(f"Alarms without an event: {self.unreached:.0%} of the brightest rows saw no price in 24 h.")
        few = "with fewer than five there is none" if self.days < LEAST_DAYS else "another regime can differ by more"
        lines += [
            f"Estimated over realised USD: {_text(self.usd_ratio, '.3g')}; the candles and the liquidations may be of "
            "different venues.",
            f"Not shown: where price goes next. [95 %] is the scatter of days like these; {few}.",
        ]
        return "\n".join(lines)


def spread(values: Floats, days: int) -> tuple[float, float, float]:
    """Return a number and its 95 % interval, from the value of the series (first) and of the resamples."""
    if days < LEAST_DAYS:
        return float(values[0]), np.nan, np.nan
    found = percentile_interval(float(values[0]), values[1:])
    return found.estimate, found.low, found.high


def _text(value: float, form: str) -> str:
    return "-" if np.isnan(value) else f"{value:{form}}"


def _span(line: Any, form: str = ".2f") -> str:
    known = not np.isnan(line["low"])
    return _text(line["value"], form) + (f" [{line['low']:{form}}, {line['high']:{form}}]" if known else "")
