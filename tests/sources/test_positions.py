"""Positions of many addresses: a bad answer drops only its own address, and is reported by name."""

from __future__ import annotations

import asyncio
import math
from typing import Any

import pytest

import liqwidget as lw
from liqwidget.sources.http.client import Answer, Client

ADDRESSES = [f"0x{i:040x}" for i in range(1, 7)]


def state(**changes: Any) -> dict[str, Any]:
    position = {
        "coin": "BTC",
        "szi": "-0.5",
        "leverage": {"type": "cross", "value": 20},
        "entryPx": "61010.0",
        "positionValue": "30505.0",
        "liquidationPx": None,
        **changes,
    }
    return {"assetPositions": [{"type": "oneWay", "position": position}]}


def contexts(coins: object) -> list[Any]:
    return [{"universe": [{"name": "BTC"}]}, [{"openInterest": coins, "markPx": "61010.0"}]]


@pytest.fixture
def answers(monkeypatch, tmp_path):
    """The exchange's answers by address; an error is raised."""
    some: dict[str, Any] = {**dict.fromkeys(ADDRESSES, state()), "metaAndAssetCtxs": contexts(10.0)}

    async def ask(self: Client, request: Any) -> Answer:
        body = some[request.body.get("user", request.body["type"])]
        if isinstance(body, Exception):
            raise body
        return Answer(body, None)

    monkeypatch.setattr(Client, "ask", ask)
    monkeypatch.setenv("LIQWIDGET_CACHE", str(tmp_path))
    return some


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        (lw.FetchError("hyperliquid /info: wanted an answer; got null (HTTP 500)"), "HTTP 500"),
        (lw.FetchError("hyperliquid /info: wanted an answer; got Failed to deserialize (HTTP 422)"), "HTTP 422"),
        (state(positionValue="0.0"), "position with margin and value"),
        (state(szi="many"), "wanted a number"),
        ({"assetPositions": [None]}, "an account's positions"),
        (None, "an account's positions"),
    ],
)
def test_an_address_without_an_answer_is_named_and_the_others_are_kept(bad, said, answers) -> None:
    answers[ADDRESSES[3]] = bad
    positions = lw.hyperliquid_positions(ADDRESSES, progress=False)
    assert sorted(positions.frame["address"]) == [one for one in ADDRESSES if one != ADDRESSES[3]]
    assert positions.frame["notional"].tolist() == [30505.0] * 5
    assert positions.frame["liquidation_price"].isna().all()
    assert positions.mark_price == 61010.0
    assert positions.addresses == 6
    assert len(positions.notes) == 1
    assert positions.notes[0].startswith(f"{ADDRESSES[3]} is missing: ")
    assert said in positions.notes[0]
    assert "1 without an answer" in positions.label
    assert ADDRESSES[3] in repr(positions)


def test_an_absent_liquidation_price_is_none_at_all(answers) -> None:
    del answers[ADDRESSES[0]]["assetPositions"][0]["position"]["liquidationPx"]
    positions = lw.hyperliquid_positions(ADDRESSES, progress=False)
    assert len(positions.frame) == 6
    assert all(math.isnan(price) for price in positions.frame["liquidation_price"])
    assert positions.notes == ()


def test_rows_are_in_the_same_order_however_the_answers_arrive(answers, monkeypatch) -> None:
    answers[ADDRESSES[4]] = state(positionValue="40000.0")
    ask = Client.ask

    async def late(self: Client, request: Any) -> Answer:
        if "user" in request.body:
            for _ in range(len(ADDRESSES) - ADDRESSES.index(request.body["user"])):  # the first is answered last
                await asyncio.sleep(0)
        return await ask(self, request)

    straight = lw.hyperliquid_positions(ADDRESSES, progress=False).frame
    monkeypatch.setattr(Client, "ask", late)
    assert lw.hyperliquid_positions(ADDRESSES, progress=False).frame.equals(straight)
    assert straight["address"].tolist() == [ADDRESSES[4], *ADDRESSES[:4], ADDRESSES[5]]


def test_a_position_that_comes_twice_counts_once(answers) -> None:
    one = state()["assetPositions"]
    answers[ADDRESSES[0]] = {"assetPositions": one * 2}
    answers[ADDRESSES[1]] = {"assetPositions": one + state(szi="-0.7")["assetPositions"]}
    positions = lw.hyperliquid_positions(ADDRESSES, progress=False)
    assert positions.frame["address"].tolist() == [ADDRESSES[0], *ADDRESSES[2:]]
    assert "wanted one position in BTC of an account; got 2" in positions.notes[0]


@pytest.mark.parametrize("count", [1, 6, 40])
def test_no_answer_at_all_is_an_error(count, answers) -> None:
    many = [f"0x{i:040x}" for i in range(1, count + 1)]
    answers.update(dict.fromkeys(many, lw.FetchError("hyperliquid /info: wanted an answer; got no connection.")))
    with pytest.raises(lw.FetchError, match=r"^0x0.*: hyperliquid /info: .* no connection"):
        lw.hyperliquid_positions(many, progress=False)


@pytest.mark.parametrize(
    ("coins", "said"),
    [
        (10.0, "0 % of open interest long, 30 % short"),
        (3.0, "100 % short"),
        (2_000.0, "0 % of open interest long, 0.15 %"),
    ],
)
def test_the_label_says_what_share_of_open_interest_each_side_is(coins, said, answers) -> None:
    answers["metaAndAssetCtxs"] = contexts(str(coins))
    positions = lw.hyperliquid_positions(ADDRESSES, progress=False)
    assert positions.shares == {"long": 0.0, "short": 6 * 0.5 / coins}
    assert said in positions.label


@pytest.mark.parametrize(
    "answer",
    [
        lw.FetchError("hyperliquid /info: wanted an answer; got null (HTTP 500)"),
        None,
        [],
        [{"universe": [{"name": "ETH"}]}, [{"openInterest": "5", "markPx": "5"}]],
        contexts("many"),
        contexts("0.0"),
        contexts(None),
    ],
)
def test_where_open_interest_is_unknown_no_share_is_said(answer, answers) -> None:
    answers["metaAndAssetCtxs"] = answer
    positions = lw.hyperliquid_positions(ADDRESSES, progress=False)
    assert len(positions.frame) == 6
    assert math.isnan(positions.open_interest)
    assert math.isnan(positions.shares["short"])
    assert "open interest" not in positions.label
