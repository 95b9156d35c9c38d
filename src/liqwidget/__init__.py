"""Where leveraged Bitcoin positions would be force-closed, estimated and drawn in a notebook.

Every number is an estimate of vulnerability; none is a forecast of direction.
Names are loaded on first use, so that ``import liqwidget`` is fast.

Market data
    Market, Origin, combine, fetch, fetch_async, fetch_brackets, follow, read_archive, load_sample,
    hyperliquid_positions, follow_positions, venues, cache
Estimate
    estimate, Density, build_ledger, Ledger, auto_decay_rate, PRESETS, liquidation_price,
    liquidation_price_in_brackets, load_brackets, find_bracket
Show
    LiquidationHeatmap, link, explore, compare, Comparison
Long histories
    history, History, HistoryHeatmap
Fit and validate
    calibrate, Calibration, calibrate_rolling, Rolling, validate, Validation, sensitivity, Sensitivity, sweep, Sweep
Compare with known positions
    simulate, Simulation, score, Score
What-ifs and studies
    cascade, Cascade, cascade_curve, CascadeCurve, magnet_study, MagnetStudy
Errors
    LiqError, InputError, DataError, FetchError, ParseError, WireError
Version
    __version__

``python -m liqwidget`` prints what this installation has, and how to start.
"""

from __future__ import annotations

import importlib
from functools import partial
from typing import TYPE_CHECKING, Any

from ._version import __version__
from .extra_stub import stub_of

if TYPE_CHECKING:
    from .analysis.calibration.calibrate import calibrate
    from .analysis.calibration.result import Calibration
    from .analysis.cascade.cascade import Cascade, CascadeCurve, cascade, cascade_curve
    from .analysis.magnets.study import MagnetStudy, magnet_study
    from .analysis.rolling import Rolling, calibrate_rolling
    from .analysis.score import Score, score
    from .analysis.sensitivity.sensitivity import Sensitivity, sensitivity
    from .analysis.sweep.sweep import Sweep, sweep
    from .analysis.validation.result import Validation
    from .analysis.validation.validate import validate
    from .app.compare.compare import Comparison, compare
    from .app.explorer import explore
    from .errors import DataError, FetchError, InputError, LiqError, ParseError, WireError
    from .market.combine import combine
    from .market.market import Market
    from .market.origin import Origin
    from .model.bracket_tables import load_brackets
    from .model.brackets import find_bracket, liquidation_price_in_brackets
    from .model.build import build_ledger
    from .model.density import Density
    from .model.estimate import auto_decay_rate, estimate
    from .model.ledger import Ledger
    from .model.margin import liquidation_price
    from .model.settings import PRESETS
    from .scale.history import History, history
    from .simulation.result import Simulation
    from .simulation.sample import load_sample
    from .simulation.simulate import simulate
    from .sources.archive.read_archive import read_archive
    from .sources.cache.cache import cache
    from .sources.fetch.brackets import fetch_brackets
    from .sources.fetch.fetch import fetch, fetch_async
    from .sources.fetch.positions import hyperliquid_positions
    from .sources.live.follow import follow
    from .sources.live.follow_positions import follow_positions
    from .sources.venues.registry import venues
    from .widget.crosshairs import link
    from .widget.heatmap import LiquidationHeatmap
    from .widget.history_heatmap import HistoryHeatmap

#: Written out, not computed: type checkers and editors read it.
__all__ = [
    "PRESETS",
    "Calibration",
    "Cascade",
    "CascadeCurve",
    "Comparison",
    "DataError",
    "Density",
    "FetchError",
    "History",
    "HistoryHeatmap",
    "InputError",
    "Ledger",
    "LiqError",
    "LiquidationHeatmap",
    "MagnetStudy",
    "Market",
    "Origin",
    "ParseError",
    "Rolling",
    "Score",
    "Sensitivity",
    "Simulation",
    "Sweep",
    "Validation",
    "WireError",
    "__version__",
    "auto_decay_rate",
    "build_ledger",
    "cache",
    "calibrate",
    "calibrate_rolling",
    "cascade",
    "cascade_curve",
    "combine",
    "compare",
    "estimate",
    "explore",
    "fetch",
    "fetch_async",
    "fetch_brackets",
    "find_bracket",
    "follow",
    "follow_positions",
    "history",
    "hyperliquid_positions",
    "link",
    "liquidation_price",
    "liquidation_price_in_brackets",
    "load_brackets",
    "load_sample",
    "magnet_study",
    "read_archive",
    "score",
    "sensitivity",
    "simulate",
    "sweep",
    "validate",
    "venues",
]

_HOME = {
    "PRESETS": "model.settings",
    "Calibration": "analysis.calibration.result",
    "Cascade": "analysis.cascade.cascade",
    "CascadeCurve": "analysis.cascade.cascade",
    "Comparison": "app.compare.compare",
    "DataError": "errors",
    "Density": "model.density",
    "FetchError": "errors",
    "History": "scale.history",
    "HistoryHeatmap": "widget.history_heatmap",
    "InputError": "errors",
    "Ledger": "model.ledger",
    "LiqError": "errors",
    "LiquidationHeatmap": "widget.heatmap",
    "MagnetStudy": "analysis.magnets.study",
    "Market": "market.market",
    "Origin": "market.origin",
    "ParseError": "errors",
    "Rolling": "analysis.rolling",
    "Score": "analysis.score",
    "Sensitivity": "analysis.sensitivity.sensitivity",
    "Simulation": "simulation.result",
    "Sweep": "analysis.sweep.sweep",
    "Validation": "analysis.validation.result",
    "WireError": "errors",
    "auto_decay_rate": "model.estimate",
    "build_ledger": "model.build",
    "cache": "sources.cache.cache",
    "calibrate": "analysis.calibration.calibrate",
    "calibrate_rolling": "analysis.rolling",
    "cascade": "analysis.cascade.cascade",
    "cascade_curve": "analysis.cascade.cascade",
    "combine": "market.combine",
    "compare": "app.compare.compare",
    "estimate": "model.estimate",
    "explore": "app.explorer",
    "fetch": "sources.fetch.fetch",
    "fetch_async": "sources.fetch.fetch",
    "fetch_brackets": "sources.fetch.brackets",
    "find_bracket": "model.brackets",
    "follow": "sources.live.follow",
    "follow_positions": "sources.live.follow_positions",
    "history": "scale.history",
    "hyperliquid_positions": "sources.fetch.positions",
    "link": "widget.crosshairs",
    "liquidation_price": "model.margin",
    "liquidation_price_in_brackets": "model.brackets",
    "load_brackets": "model.bracket_tables",
    "load_sample": "simulation.sample",
    "magnet_study": "analysis.magnets.study",
    "read_archive": "sources.archive.read_archive",
    "score": "analysis.score",
    "sensitivity": "analysis.sensitivity.sensitivity",
    "simulate": "simulation.simulate",
    "sweep": "analysis.sweep.sweep",
    "validate": "analysis.validation.validate",
    "venues": "sources.venues.registry",
}


def _load(name: str) -> Any:
    value = globals()[name] = getattr(importlib.import_module(f".{_HOME[name]}", __name__), name)
    return value


def _find(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'liqwidget' has no attribute {name!r}")
    try:
        return _load(name)
    except ModuleNotFoundError as error:
        if "pip install" not in (reason := str(error)):  # not an extra: something that is always needed
            raise
        return stub_of(name, reason, partial(_load, name))


if not TYPE_CHECKING:  # a type checker would accept any name of a module that has it
    __getattr__ = _find


def __dir__() -> list[str]:
    """Return the public names, without the modules and types that this file itself uses."""
    return sorted({*__all__, *(name for name in globals() if name.startswith("__"))})
