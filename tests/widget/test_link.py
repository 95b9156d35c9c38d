"""The state of a view as text: what is written is read back, in Python as in the browser, and nothing else is."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import liqwidget as lw
from liqwidget.errors import InputError
from liqwidget.widget.link import LINKED
from liqwidget.widget.synced import CONTRASTS, LAYERS, PALETTES, PRICE_AXES, SCALES
from markets import walk

SHARES = st.floats(0, 1)


@pytest.fixture(scope="module")
def market():
    return walk(300, seed=5, price=60_000, tick=0.1, step_minutes=5)


@pytest.fixture(scope="module")
def pair(market):
    widgets = lw.LiquidationHeatmap(market), lw.LiquidationHeatmap(market, {5: 1}, palette="viridis")
    yield widgets
    for widget in widgets:
        widget.close()


def traits(hm: lw.LiquidationHeatmap) -> dict:
    found = {name: getattr(hm, name) for name in LINKED}
    if found["bin_auto"]:
        del found["bin_size"]  # the view chooses it
    return found


@given(
    mix=st.dictionaries(st.sampled_from([3, 5, 10, 20, 50, 100, 150]), st.floats(1e-3, 1e9), min_size=1),
    decay=st.one_of(st.just("auto"), st.floats(0, 20)),
    factor=st.one_of(st.none(), st.integers(0, 4)),
    turnover=st.sampled_from(["auto", 0.3, 1.0]),
    threshold=st.tuples(SHARES, SHARES).filter(lambda pair: pair[0] < pair[1]),
    look=st.fixed_dictionaries(
        {
            "palette": st.sampled_from(PALETTES),
            "scale": st.sampled_from(SCALES),
            "opacity": SHARES,
            "layer": st.sampled_from(LAYERS),
            "contrast": st.sampled_from(CONTRASTS),
            "price_axis": st.sampled_from(PRICE_AXES),
            "swept": st.booleans(),
            "bubbles": st.booleans(),
            "shock": st.one_of(st.none(), st.floats(-0.99, 10)),
        }
    ),
    as_of=st.one_of(st.none(), st.integers(5, 300)),
    visible=st.sampled_from([None, "24h", {"time": "24h", "price": (50_000, 70_000)}, (3, 90)]),
)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_view_is_carried_to_another_widget(
    pair, market, mix, decay, factor, turnover, threshold, look, as_of, visible
) -> None:
    one, other = pair
    one.leverage_mix, one.decay_rate, one.turnover = mix, decay, turnover
    one.threshold = threshold
    for name, value in look.items():
        setattr(one, name, value)
    index = market.candles.index
    one.as_of = None if as_of is None else index[as_of - 1] + market.interval
    one.visible = tuple(index[list(visible)]) if isinstance(visible, tuple) else visible
    if factor is not None:  # else automatic where the range is one that the view is fitted to
        one.bin_size = one._bin_sizes[factor % len(one._bin_sizes)]
    other.view = one.view
    assert traits(other) == traits(one)
    assert other.view == one.view


def test_the_text_is_short_and_plain(market) -> None:
    hm = lw.LiquidationHeatmap(market, {5: 60, 12.5: 40}, 1e-7, bin_size=100, threshold=(0.02, 0.5))
    hm.visible = ("2026-01-01 02:00", "2026-01-01 03:30:30")
    hm.bin_size = 100  # a range makes it automatic
    hm.as_of = "2026-01-01 20:00"
    assert hm.view == (
        "view=1&mix=5:60,12.5:40&decay=1e-7&bin=100&turnover=auto&palette=plasma&scale=linear&threshold=0.02,0.5"
        "&opacity=1&layer=estimate&contrast=view&axis=linear&swept=0&bubbles=1&theme=auto&asof=2026-01-01T20:00Z&from=2026-01-01T02:00Z&to=2026-01-01T03:30:30Z"
    )
    hm.close()


@pytest.mark.parametrize(
    "text",
    [
        None,
        7,
        "",
        "palette=viridis",
        "view=2&palette=viridis",
        "view=1&view=1",
        "view=1&" + "x" * 3000,
        "view=1&mix=3",
        "view=1&mix=3:1,3:2",
        "view=1&mix=3:-1",
        "view=1&mix=3:0",
        "view=1&decay=soon",
        "view=1&decay=-1",
        "view=1&palette=jet&bin=100",
        "view=1&threshold=0.5",
        "view=1&threshold=0.5,0.2",
        "view=1&swept=yes",
        "view=1&theme=<script>",
        "view=1&asof=1999-01-01T00:00Z",
        "view=1&asof=2026-99-99T00:00Z",
        "view=1&from=2026-01-01T00:00Z",
        "view=1&range=2y",
        "view=1&range=24h&price=9,5",
        "view=1&opacity=0x1",
    ],
)
def test_what_is_no_view_is_refused_and_changes_nothing(market, text) -> None:
    hm = lw.LiquidationHeatmap(market)
    before = traits(hm)
    with pytest.raises(InputError, match=r"wanted|cannot be read|weights"):
        hm.view = text
    assert traits(hm) == before
    hm.close()


@given(
    st.lists(
        st.tuples(
            st.sampled_from(
                ["mix", "decay", "bin", "turnover", "threshold", "asof", "range", "from", "to", "price", "x"]
            ),
            st.one_of(
                st.text(max_size=12), st.sampled_from(["3:1", "auto", "1e400", "0,1", "2026-01-01T05:00Z", "24h"])
            ),
        ),
        max_size=6,
    )
)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_text_is_a_view_or_an_input_error(pair, pairs) -> None:
    hm, _ = pair
    before = traits(hm)
    try:
        hm.view = "view=1&" + "&".join("=".join(one) for one in pairs)
    except InputError:
        assert traits(hm) == before
