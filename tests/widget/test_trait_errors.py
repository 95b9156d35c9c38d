"""A bad trait value raises InputError, which code that uses traitlets catches as TraitError."""

from __future__ import annotations

from typing import Any

import pytest
import traitlets

import liqwidget as lw
from markets import walk

BAD: dict[str, Any] = {
    "palette": "jet",
    "scale": 2,
    "contrast": None,
    "price_axis": "percent",
    "layer": ["both"],
    "theme": "dim",
    "swept": 1,
    "bubbles": None,
    "threshold": 0.5,
    "opacity": 2,
    "height": 10,
    "shock": -1,
    "selection": {"time_from": 1},
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_value_is_an_input_error_and_a_trait_error(name: str) -> None:
    market = walk(50, price=60_000)
    hm = lw.LiquidationHeatmap(market)
    before = getattr(hm, name)
    for error in (lw.InputError, traitlets.TraitError, ValueError):
        with pytest.raises(error, match=rf"^{name}: wanted .+; got "):
            setattr(hm, name, BAD[name])
    assert getattr(hm, name) == before
    with pytest.raises(lw.InputError, match=rf"^{name}: wanted"):
        lw.LiquidationHeatmap(market, **{name: BAD[name]})
    hm.close()


def test_settings_that_are_set_together_are_all_kept_if_one_is_bad() -> None:
    hm = lw.LiquidationHeatmap(walk(50, price=60_000))
    with pytest.raises(lw.InputError, match="palette"), hm.hold_trait_notifications():  # noqa: PT012
        hm.opacity = 0.5
        hm.palette = "jet"  # type: ignore[assignment]
    assert (hm.opacity, hm.palette) == (1.0, "plasma")
    hm.close()
