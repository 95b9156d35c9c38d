"""Scores of an estimated density against positions that are known."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..checks import is_finite, usd_text
from ..drawing.report import Drawn, Report
from ..errors import InputError
from ..model.density import Density
from ..model.grid import Floats, half_bins
from ..run.progress import Told, counting
from .score_report import report_of
from .stats.measures import earth_mover, linear_correlation, rank_correlation

if TYPE_CHECKING:
    import pandas as pd

    from ..simulation.result import Simulation

_MOMENT = np.timedelta64(1, "h")  # requesting many addresses takes a while
SIDES = ("long", "short", "both")
MEASURES = ("emd", "emd_share", "rank", "linear", "hit_rate", "hit_best", "false_alarm", "overlap", "mass_ratio")
_NAMES = {
    "liquidation_price": ("liquidation_price", "liquidation_px", "liq_price", "liq_px"),
    "side": ("side",),
    "notional": ("notional", "notional_usd", "usd"),
}


@dataclass(frozen=True, eq=False, repr=False)
class Score(Drawn):
    """How an estimated density compares with the true positions.

    Attributes
    ----------
    frame : DataFrame
        A line per moment and side ("long", "short", "both"): ``time`` (UTC), ``side``, then

        ``emd``
            Earth mover's distance of the two profiles, each scaled to 1 USD: the mean distance that a unit of the
            estimate has to move, as a fraction of the close.
        ``emd_share``
            The same over the mean distance between the true levels and the close: 0.1 is a tenth of the way.
        ``rank``, ``linear``
            Spearman's and Pearson's correlation over the cells in which either holds something.
        ``hit_rate``, ``hit_best``
            Share of the true USD in the estimate's brightest cells; in as many of the truth's own, the best possible.
        ``false_alarm``
            Share of the USD estimated in these cells that is not true, both profiles scaled to the same total.
        ``overlap``
            Share of these cells that are among the truth's own brightest.
        ``mass_ratio``
            Estimated over true USD.
        ``cells``, ``estimate``, ``truth``
            Cells in which either holds something; USD on the rows.
    bright : float
        Share of the cells that counts as brightest.
    outside, unpriced : float
        Known USD whose level has no row, and known USD without a liquidation price: no measure includes them.

    Examples
    --------
    >>> import liqwidget as lw
    >>> made = lw.simulate(candles=400, traders=8_000, seed=2)
    >>> found = lw.score(lw.estimate(made.market, made.leverage_mix, made.decay_rate), made)
    >>> found.by_side().index.to_list()
    ['long', 'short', 'both']
    """

    frame: pd.DataFrame
    bright: float
    outside: float
    unpriced: float

    def __getattr__(self, name: str) -> float:
        if name in MEASURES:
            return float(self.by_side()[name].loc["both"])
        raise AttributeError(f"'Score' has no attribute {name!r}")

    def by_side(self) -> pd.DataFrame:
        """Return the measures by side: means over the moments, weighted by the true USD of each."""
        import pandas as pd

        lines = {}
        for side in SIDES:
            part = self.frame[self.frame["side"] == side]
            values, weight = part[list(MEASURES)].to_numpy(), part["truth"].to_numpy()[:, None]
            known = np.where(np.isnan(values), 0.0, weight)
            total = known.sum(axis=0)
            mean = (np.nan_to_num(values) * known).sum(axis=0) / np.where(total > 0, total, np.nan)
            lines[side] = dict(zip(MEASURES, mean, strict=True))
        return pd.DataFrame.from_dict(lines, orient="index").rename_axis("side")

    def to_frame(self) -> pd.DataFrame:
        """Return one line per moment and side, as described above."""
        frame: pd.DataFrame = self.frame.copy()
        return frame

    def _report(self) -> Report:
        return report_of(self)

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *MEASURES})

    def __repr__(self) -> str:
        moments = len(self.frame) // len(SIDES)
        first, last = (f"{self.frame['time'].iloc[i]:%Y-%m-%d %H:%M}" for i in (0, -1))
        when = f"at {last} UTC" if moments == 1 else f"mean of {moments:,} moments, {first} to {last} UTC"
        lines = [
            f"Score against known positions, {when}; bright: the top {self.bright:.0%} of the cells",
            "       earth mover:           correlation:   bright cells:",
            "       of price  of the way   rank  linear   hits (best)  false alarms   USD ratio",
        ]
        lines += [
            f"{side:5}  {m.emd:8.2%}  {m.emd_share:10.1%}   {m['rank']:4.2f}  {m.linear:6.2f}   "
            f"{m.hit_rate:4.0%} ({m.hit_best:4.0%})  {m.false_alarm:12.0%}   {m.mass_ratio:9.2f}"
            for side, m in self.by_side().iterrows()
        ]
        if self.outside or self.unpriced:
            lines.append(
                f"Not scored: {usd_text(self.outside)} beyond the rows, {usd_text(self.unpriced)} without a level."
            )
        return "\n".join(lines)


def score(
    density: Density,
    truth: Density | Simulation | pd.DataFrame | Any,
    at: int | Sequence[int] | None = -1,
    bright: float = 0.1,
    *,
    progress: bool | Told | None = None,
) -> Score:
    """Compare the standing profile of a mixed density with known positions.

    Parameters
    ----------
    density
        The estimate, mixed: ``ledger.replay(decay_rate, weights)``.
    truth
        The true positions: a `Simulation`, its ``density(ledger)``, any other mixed density on the same rows; or
        a DataFrame (or an object with a ``frame``, as from `hyperliquid_positions`) with side, liquidation_price
        (or liquidation_px; NaN: counted, not scored) and notional (or notional_usd), of one moment. Of a simulation's
        ``positions`` those still open at the end count, with their remaining size, valued at entry.
    at
        Moment, as an index into ``density.time``; several; or None for all.
    bright
        Share of the cells that counts as brightest, in (0, 1].
    progress
        As for :func:`liqwidget.fetch`: True, False, None, or a function called with moments done, moments, and 0.

    Returns
    -------
    Score

    Raises
    ------
    InputError
        The density is not mixed, the truth has other rows or lacks the moment, or an argument is not usable.

    Examples
    --------
    >>> import liqwidget as lw
    >>> made = lw.simulate(candles=400, traders=8_000, seed=2)
    >>> ledger = lw.build_ledger(made.market, list(made.leverage_mix))
    >>> estimate = ledger.replay(made.decay_rate, [w / 100 for w in made.leverage_mix.values()])
    >>> lw.score(estimate, made).emd < 0.02
    True
    """
    import pandas as pd

    if not (is_finite(bright) and 0 < bright <= 1):
        raise InputError(f"bright: wanted a share in (0, 1]; got {str(bright)[:40]}")
    if not isinstance(density, Density) or density.weights is None:
        raise InputError("score: wanted a mixed density, such as ledger.replay(decay_rate, weights=weights)")
    moments = _moments(at, len(density.time))
    pairs = _profiles(density, truth, moments)
    lines, outside, unpriced = [], 0.0, 0.0
    wanted = False if progress is None and len(moments) == 1 else progress  # a bar costs as much as a moment
    with counting("score", "moments", len(moments), wanted) as told:
        for k, true, beyond, unknown in pairs:
            profile = density.profile(k)
            price, close = profile["price"].to_numpy(), float(density.close[k])
            estimate = [profile["long"].to_numpy(), profile["short"].to_numpy()]
            outside, unpriced = outside + beyond / len(moments), unpriced + unknown / len(moments)
            for side, e, t in zip(SIDES, [*estimate, sum(estimate)], [*true, true[0] + true[1]], strict=True):
                measured = _measure(e, t, price, close, density.bin_size, bright)
                lines.append({"time": pd.Timestamp(density.time[k], tz="UTC"), "side": side, **measured})
            told()
    return Score(pd.DataFrame(lines), float(bright), outside, unpriced)


def _measure(e: Any, t: Floats, price: Floats, close: float, step: float, bright: float) -> dict[str, float]:
    """Return the measures of one side at one moment; e, t are USD a row, (P,)."""
    nothing = float("nan")
    used = (e > 0) | (t > 0)
    e_total, t_total = float(e.sum()), float(t.sum())
    out = dict.fromkeys(MEASURES, nothing)
    out |= {"cells": int(used.sum()), "estimate": e_total, "truth": t_total}
    out["mass_ratio"] = e_total / t_total if t_total > 0 else nothing
    if not (e_total > 0 and t_total > 0):
        return out
    moved = earth_mover(e, t, step)
    reach = float(np.abs(price - close) @ t) / t_total
    out["emd"] = moved / close
    out["emd_share"] = moved / reach if reach > 0 else nothing
    e, t = e[used] / e_total, t[used] / t_total
    out["rank"], out["linear"] = rank_correlation(e, t), linear_correlation(e, t)
    count = int(np.ceil(bright * len(e)))
    flagged, best = (np.argsort(-values, kind="stable")[:count] for values in (e, t))
    out["hit_rate"], out["hit_best"] = float(t[flagged].sum()), float(t[best].sum())
    out["false_alarm"] = float(np.maximum(e - t, 0.0)[flagged].sum() / e[flagged].sum())
    out["overlap"] = len(np.intersect1d(flagged, best)) / count
    return out


def _profiles(
    density: Density, truth: Any, moments: list[int]
) -> Iterator[tuple[int, tuple[Floats, Floats], float, float]]:
    """Yield each moment with the true USD per row of longs and of shorts, the USD outside, and those without level."""
    from ..simulation.result import Simulation

    if isinstance(truth, Simulation):
        columns = _matching(density.time[moments], truth.market.candles.index.as_unit("ns").asi8.view("datetime64[ns]"))
        order = np.unique(columns)
        truth = truth.density(density, order)
    if isinstance(truth, Density):
        if truth.weights is None or truth.grid != density.grid:
            raise InputError(
                f"truth: wanted a mixed density on the same rows, {density.grid}; got "
                f"{truth.grid if truth.weights is not None else 'one per tier'}. Use simulation.density(ledger)."
            )
        for k, column in zip(moments, _matching(density.time[moments], truth.time), strict=True):
            profile = truth.profile(column)
            outside = sum(float(getattr(truth, f"outside_{side}", np.zeros(column + 1))[column]) for side in SIDES[:2])
            yield k, (profile["long"].to_numpy(), profile["short"].to_numpy()), outside, 0.0
        return
    if len(moments) != 1:
        raise InputError(f"at: positions are of one moment; got {len(moments)} moments")
    yield moments[0], *_placed(density, getattr(truth, "frame", truth))


def _placed(density: Density, frame: Any) -> tuple[tuple[Floats, Floats], float, float]:
    """Place positions on the rows of a density."""
    import pandas as pd

    columns = getattr(frame, "columns", ())
    found = {name: next((n for n in names if n in columns), None) for name, names in _NAMES.items()}
    missing = [name for name, column in found.items() if column is None]
    if missing:
        raise InputError(
            "truth: wanted a Simulation, a density, or a DataFrame with side, liquidation_price and notional; "
            f"{', '.join(missing)} is missing in {type(frame).__name__}"
        )
    times = pd.to_datetime(frame["time"], utc=True) if "time" in columns and len(frame) else None
    if times is not None and (span := times.max() - times.min()) > _MOMENT:
        raise InputError(f"truth: positions are of one moment; these span {span}. Keep the rows of one time.")
    side = frame[found["side"]].to_numpy()
    level, usd = (frame[found[name]].to_numpy(dtype=np.float64) for name in ("liquidation_price", "notional"))
    if {"standing", "size", "outcome"} <= set(columns):  # a simulation's, whose sizes are coins or USD
        usd = usd * (frame["standing"] / frame["size"]).to_numpy(dtype=np.float64)
    wrong = np.flatnonzero(~(np.isfinite(usd) & (usd >= 0)) | ((side != "long") & (side != "short")))
    if wrong.size:
        i = int(wrong[0])
        raise InputError(
            f"truth: wanted side 'long' or 'short' and notional >= 0 USD; row {i} has {str(side[i])[:20]!r}, {usd[i]:g}"
        )
    grid, priced = density.grid, np.isfinite(level) & (level > 0)
    row = np.floor(half_bins(np.clip(np.where(priced, level, 0.0), 0.0, 1e15), grid.bin_size) / 2) - grid.first
    inside = priced & (row >= 0) & (row < grid.rows)
    sides = [inside & (side == name) for name in SIDES[:2]]
    long, short = (np.bincount(row[part].astype(np.intp), usd[part], grid.rows).astype(np.float64) for part in sides)
    return (long, short), float(usd[priced & ~inside].sum()), float(usd[~priced].sum())


def _moments(at: Any, count: int) -> list[int]:
    wanted = range(count) if at is None else [at] if isinstance(at, int | np.integer) else list(at)
    for k in wanted:
        if isinstance(k, bool) or not isinstance(k, int | np.integer) or not -count <= k < count:
            raise InputError(f"at: wanted candles from {-count} to {count - 1}; got {str(k)[:40]}")
    if not len(wanted):
        raise InputError("at: wanted at least one candle; got none")
    return [int(k) % count for k in wanted]


def _matching(time: Any, among: Any) -> list[int]:
    """Return the index of each time among others, increasing."""
    place = np.minimum(np.searchsorted(among, time), len(among) - 1)
    lost = np.flatnonzero(among[place] != time)
    if lost.size:
        raise InputError(f"truth: it has no candle at {str(time[lost[0]])[:16]} UTC")
    return [int(k) for k in place]
