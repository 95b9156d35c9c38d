"""Where leveraged Bitcoin positions would be force-closed, estimated and drawn in a notebook.

Every number is an estimate of vulnerability; none is a forecast of direction.
Names are loaded when first used, so that ``import liqwidget`` stays quick.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_HOME = {
    "DataError": "errors",
    "FetchError": "errors",
    "InputError": "errors",
    "LiqError": "errors",
    "ParseError": "errors",
    "WireError": "errors",
    "Market": "market",
    "load_sample": "simulate",
    "liquidation_price": "margin",
    "load_brackets": "margin",
    "find_bracket": "margin",
    "Ledger": "ledger",
    "build_ledger": "ledger",
    "Density": "density",
    "auto_decay_rate": "density",
    "estimate": "density",
    "PRESETS": "ledger",
    "LiquidationHeatmap": "widget",
}

__all__ = ["__version__", *sorted(_HOME)]  # noqa: PLE0604

if TYPE_CHECKING:
    from .density import Density, auto_decay_rate, estimate
    from .errors import DataError, FetchError, InputError, LiqError, ParseError, WireError
    from .ledger import PRESETS, Ledger, build_ledger
    from .margin import find_bracket, liquidation_price, load_brackets
    from .market import Market
    from .simulate import load_sample
    from .widget import LiquidationHeatmap


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'liqwidget' has no attribute {name!r}")
    value = getattr(importlib.import_module(f".{_HOME[name]}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
