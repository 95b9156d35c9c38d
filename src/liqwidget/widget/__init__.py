"""The heatmap as a widget; the browser draws, Python computes."""

from .heatmap import LiquidationHeatmap
from .history_heatmap import HistoryHeatmap

__all__ = ["HistoryHeatmap", "LiquidationHeatmap"]
