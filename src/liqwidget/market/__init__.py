"""Candles: read, checked and kept as a Market."""

from .market import Market
from .origin import Origin

__all__ = ["Market", "Origin"]
