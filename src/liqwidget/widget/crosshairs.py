"""Linked crosshairs: the views of several heatmaps point at the same time and price."""

from __future__ import annotations

import uuid

from ..errors import InputError
from .base import HeatmapWidget


class Link:
    """Heatmaps whose crosshairs are linked; :meth:`remove` ends it."""

    def __init__(self, heatmaps: tuple[HeatmapWidget, ...]) -> None:
        self._heatmaps, self._name = heatmaps, uuid.uuid4().hex
        for heatmap in heatmaps:
            heatmap.set_trait("linked", self._name)

    def __repr__(self) -> str:
        count = sum(heatmap.linked == self._name for heatmap in self._heatmaps)
        return f"<Link: crosshairs of {count} heatmaps>"

    def remove(self) -> None:
        """Let every crosshair move alone again; heatmaps that were linked anew stay so."""
        for heatmap in self._heatmaps:
            if heatmap.linked == self._name:
                heatmap.set_trait("linked", "")


def link(*heatmaps: HeatmapWidget) -> Link:
    """Link the crosshairs of heatmaps that are shown on one page.

    While the pointer or the keyboard's cursor is over a cell of one, the others point at the candle of the same time:
    at the same price if the symbol is the same, otherwise at the same distance from that candle's close. Nothing is
    shown where a heatmap has no candle. The browser does it alone: the kernel may be busy or gone.

    Parameters
    ----------
    *heatmaps
        Two or more of :class:`liqwidget.LiquidationHeatmap` and :class:`liqwidget.HistoryHeatmap`. A heatmap belongs to
        one link: the latest.

    Returns
    -------
    Link
        ``remove()`` ends it.

    Raises
    ------
    InputError
        Fewer than two heatmaps, one of them twice, or something else; nothing is linked then.

    Examples
    --------
    >>> import liqwidget as lw
    >>> slow = lw.LiquidationHeatmap(lw.load_sample(), decay_rate=0.01)
    >>> fast = lw.LiquidationHeatmap(lw.load_sample(), decay_rate=0.1)
    >>> linked = lw.link(slow, fast)
    >>> linked.remove()
    """
    for at, heatmap in enumerate(heatmaps):
        if not isinstance(heatmap, HeatmapWidget):
            raise InputError(
                f"heatmaps[{at}]: wanted a LiquidationHeatmap or a HistoryHeatmap; got {type(heatmap).__name__}. "
                "Pass the heatmaps one by one: lw.link(first, second)."
            )
    if len(heatmaps) < 2 or len({id(heatmap) for heatmap in heatmaps}) < len(heatmaps):
        raise InputError(
            f"heatmaps: wanted two or more different ones; got {len(heatmaps)}, "
            f"{len({id(heatmap) for heatmap in heatmaps})} different. Views of one heatmap need no link."
        )
    return Link(heatmaps)
