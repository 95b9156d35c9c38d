"""Linking heatmaps: who shares a crosshair, what is refused. What views do is tested in the browser."""

from __future__ import annotations

import pytest

import liqwidget as lw

MARKET = lw.simulate(96, interval="15m", seed=1).market


@pytest.fixture
def three():
    return [lw.LiquidationHeatmap(MARKET) for _ in range(3)]


def test_linked_heatmaps_share_a_name_that_no_other_link_has(three):
    first, second, third = three
    assert {heatmap.linked for heatmap in three} == {""}
    link = lw.link(first, second)
    assert first.linked == second.linked != third.linked == ""
    assert repr(link) == "<Link: crosshairs of 2 heatmaps>"
    later = lw.link(second, third)
    assert first.linked != second.linked == third.linked
    link.remove()
    assert first.linked == "" != second.linked == third.linked
    later.remove()
    assert {heatmap.linked for heatmap in three} == {""}
    assert repr(later) == "<Link: crosshairs of 0 heatmaps>"


def test_what_cannot_be_linked_is_refused_and_links_nothing(three):
    first, second, _ = three
    for wrong, said in (
        ((), "two or more different ones; got 0, 0 different"),
        ((first,), "got 1, 1 different"),
        ((first, second, first), "got 3, 2 different"),
        ((first, "second"), r"heatmaps\[1\]: wanted a LiquidationHeatmap or a HistoryHeatmap; got str"),
        ((three,), r"heatmaps\[0\]: .* got list"),
    ):
        with pytest.raises(lw.InputError, match=said):
            lw.link(*wrong)
    assert first.linked == second.linked == ""
