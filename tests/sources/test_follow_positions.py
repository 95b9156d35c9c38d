"""Known positions that are refreshed: at their time, within the limit, over errors, as long as somebody sees them."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import Awaitable, Callable
from itertools import pairwise

import pandas as pd
import pytest

import liqwidget as lw
from exchange import History
from exchange.hyperliquid import accounts
from exchange.vices import Mute, ServerError
from liqwidget.sources.fetch.positions import Positions
from liqwidget.sources.live import positions_follower
from liqwidget.sources.live.positions_follower import PositionsFollower
from loopback import DAY, MINUTE, connected

NOW = 1_795_046_431_000
Watching = Callable[[PositionsFollower], Awaitable[None]]


@pytest.fixture(scope="module")
def history() -> History:
    return History.make(NOW // DAY * DAY - 2 * DAY, 4 * 1440, seed=8)


@pytest.fixture
def hm(exchange, monkeypatch, tmp_path):
    with connected(exchange, monkeypatch, tmp_path):
        widget = lw.LiquidationHeatmap(lw.fetch("BTC", "hyperliquid", days=0.5))
        widget._handle_custom_msg({"type": "here", "view": "a"}, [])
        yield widget
        widget.close()


@pytest.fixture
def known(history) -> list[str]:
    return sorted(accounts(history))


async def until(condition: Callable[[], bool], follower: PositionsFollower) -> None:
    while not condition():
        assert follower.running, "it ended"
        await asyncio.sleep(0.001)


def run(hm, known, watch: Watching, **options) -> PositionsFollower:
    """Refresh while `watch(follower)` runs."""

    async def main() -> PositionsFollower:
        follower = lw.follow_positions(hm, known, **options)
        try:
            await asyncio.wait_for(watch(follower), 30)
        finally:
            follower.stop()
            await asyncio.wait([follower.task])
        return follower

    return asyncio.run(main())


def shown(hm) -> list[Positions]:
    """The positions as they are assigned from now on; of each minute, which the label says, the first."""
    found: list[Positions] = []
    hm.observe(lambda _change: found.append(hm.positions), "_positions")
    return found


def test_they_are_asked_for_again_at_their_time(hm, known, exchange) -> None:
    found = shown(hm)

    async def watch(follower: PositionsFollower) -> None:
        await until(lambda: len(found) == 5, follower)
        assert repr(follower) == "<PositionsFollower hyperliquid BTC, 20 addresses, every 90 s, running>"

    follower = run(hm, known, watch, every=90)
    times = [one.time for one in found[:5]]
    assert all(abs((late - early).total_seconds() - 90) < 1 for early, late in pairwise(times))
    assert found[0].frame.equals(lw.hyperliquid_positions(known, progress=False).frame)
    assert "of open interest long" in hm.positions.label
    assert hm.positions.label.endswith(" UTC, not refreshed since: stopped by the user")
    assert repr(follower).endswith("stopped: stopped by the user>")


@pytest.mark.parametrize("exchange", [[ServerError(status=503).on(nth=tuple(range(60, 120)))]], indirect=True)
def test_after_errors_it_goes_on_and_meanwhile_the_label_says_why(hm, known) -> None:
    found = shown(hm)

    async def watch(follower: PositionsFollower) -> None:
        await until(lambda: "503" in follower.problem, follower)
        marked = hm.positions
        assert "UTC, not refreshed since: 0x" in marked.label
        assert "503" in marked.problem
        assert marked.time == [one for one in found if not one.problem][-1].time
        await until(lambda: not follower.problem, follower)
        assert hm.positions.time > marked.time
        assert hm.positions.problem == ""

    run(hm, known[:5], watch, every=30)


@pytest.mark.parametrize("exchange", [[ServerError(status=503).on(path="clearinghouseState")]], indirect=True)
def test_an_error_leaves_positions_of_the_user_as_they_are(hm, known) -> None:
    hm.positions = mine = Positions("BTC", pd.DataFrame(), float("nan"), 1, pd.Timestamp(NOW, unit="ms", tz="UTC"))

    async def watch(follower: PositionsFollower) -> None:
        await until(lambda: "503" in follower.problem, follower)

    run(hm, known[:1], watch)
    assert hm.positions is mine


def test_accounts_without_a_position_are_an_empty_outline(hm) -> None:
    async def watch(follower: PositionsFollower) -> None:
        await until(lambda: hm.positions is not None, follower)
        assert "0 positions of 1 address, 0 % of open interest long, 0 % short" in hm.positions.label
        assert follower.problem == ""

    run(hm, "0x" + 40 * "0", watch)


@pytest.mark.parametrize("end", ["close", "view", "market"])
def test_it_ends_with_the_widget_its_views_and_its_market(end, hm, known) -> None:
    async def main() -> PositionsFollower:
        follower = lw.follow_positions(hm, known)
        await until(lambda: hm.positions is not None, follower)
        if end == "close":
            hm.close()
        elif end == "view":
            hm._handle_custom_msg({"type": "gone", "view": "a"}, [])
        else:
            hm.market = hm.market.tail(50)
            assert follower.problem == "another market is shown; lw.follow_positions starts again with it"
        await asyncio.wait([asyncio.ensure_future(follower.task)], timeout=30)
        return follower

    follower = asyncio.run(main())
    assert not follower.running
    assert hm not in PositionsFollower.by_widget
    assert (
        follower.problem
        == {
            "close": "",
            "view": "no view is open; lw.follow_positions starts it again",
            "market": "another market is shown; lw.follow_positions starts again with it",
        }[end]
    )


@pytest.mark.parametrize("exchange", [[Mute().on(path="clearinghouseState")]], indirect=True)
def test_a_round_without_an_answer_ends_with_the_widget(hm, known, monkeypatch) -> None:
    monkeypatch.setattr(positions_follower, "_LOOK", 0.01)

    async def main() -> None:
        follower = lw.follow_positions(hm, known)
        await asyncio.sleep(0)
        hm.close()
        await asyncio.wait_for(follower.task, 10)
        assert len(asyncio.all_tasks()) == 1

    asyncio.run(main())


def test_a_second_one_takes_the_place_of_the_first_and_a_feed_of_candles_goes_on(hm, known) -> None:
    async def main() -> None:
        candles = lw.follow(hm)
        first, second = lw.follow_positions(hm, known), lw.follow_positions(hm, known[:3], every=30)
        await asyncio.wait([first.task])
        await until(lambda: hm.positions is not None, second)
        assert hm.positions.addresses == 3
        assert second.running
        assert candles.running
        candles.stop()
        second.stop()
        await asyncio.wait([candles.task, second.task])

    asyncio.run(main())


def test_a_widget_is_forgotten(hm, known) -> None:
    market = hm.market

    async def main() -> weakref.ref:
        widget = lw.LiquidationHeatmap(market)
        follower = lw.follow_positions(widget, known)
        await until(lambda: widget.positions is not None, follower)
        follower.stop()
        await asyncio.wait([follower.task])
        widget.close()
        widget.layout.close()
        return weakref.ref(widget)

    kept = asyncio.run(main())
    gc.collect()
    assert kept() is None


def test_as_many_addresses_as_it_takes_stay_within_the_limit(hm, exchange) -> None:
    many = [f"0x{i:040x}" for i in range(230)]
    found = shown(hm)

    async def watch(follower: PositionsFollower) -> None:
        await until(lambda: len(found) == 3, follower)
        assert all(one.notes == () for one in found)

    run(hm, many, watch)
    times = [one.time for one in found[:3]]
    assert all(late - early < pd.Timedelta("62s") for early, late in pairwise(times))
    assert exchange.now() - NOW < 4 * MINUTE


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"every": 59}, "every: wanted at least 60 seconds for 230 addresses, as Hyperliquid limits requests; got 59"),
        ({"every": 0}, "every: wanted a number of seconds up to 3,600; got 0"),
        ({"every": 3601}, "every: wanted a number of seconds"),
        ({"every": "60"}, "every: wanted a number of seconds"),
        ({"every": True}, "every: wanted a number of seconds"),
        ({"every": float("nan")}, "every: wanted a number of seconds"),
        ({"addresses": "0x12"}, "addresses: wanted 0x and 40 hexadecimal digits"),
        ({"addresses": []}, "addresses: wanted 1 to 5,000"),
        ({"coin": "BTC-USD-SWAP"}, "symbol: wanted"),
    ],
)
def test_what_cannot_be_followed_is_refused(options, said, hm) -> None:
    async def main() -> None:
        with pytest.raises(lw.InputError) as error:
            lw.follow_positions(hm, **{"addresses": [f"0x{i:040x}" for i in range(230)], **options})
        assert said in str(error.value)

    asyncio.run(main())


def test_without_an_event_loop_or_a_real_market_it_is_refused(hm, known) -> None:
    with pytest.raises(lw.InputError, match="follow_positions: wanted a running event loop"):
        lw.follow_positions(hm, known)
    with pytest.raises(lw.InputError, match="follow_positions: wanted a real market; got a simulated one"):
        lw.follow_positions(lw.LiquidationHeatmap(lw.simulate(candles=300).market), known)
    nameless = lw.LiquidationHeatmap(
        lw.Market.from_frame(hm.market.candles[["open", "high", "low", "close", "volume"]])
    )
    with pytest.raises(lw.InputError, match="coin: wanted the coin's name; got a market without a symbol"):
        lw.follow_positions(nameless, known)
