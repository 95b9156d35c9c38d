"""Validation of arguments: one rule for integers, one for moments in UTC."""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone
from typing import Any

import numpy as np
import pandas as pd
import pytest

import liqwidget as lw
from liqwidget.checks import moment, usd_text, whole
from liqwidget.errors import InputError
from liqwidget.sources.fetch.wanted import wanted

NOON = 1_785_585_600 * 10**9  # 2026-08-01 12:00 UTC
EAST = timezone(timedelta(hours=2))


@pytest.mark.parametrize(
    "value",
    [
        "2026-08-01 12:00",
        "2026-08-01T12:00Z",
        "2026-08-01T14:00:00+02:00",
        datetime(2026, 8, 1, 12),
        datetime(2026, 8, 1, 14, tzinfo=EAST),
        pd.Timestamp("2026-08-01 12:00"),
        pd.Timestamp("2026-08-01 12:00", tz="UTC").as_unit("s"),
        pd.Timestamp("2026-08-01 14:00", tz=EAST),
        np.datetime64("2026-08-01T12"),
        np.datetime64("2026-08-01T12:00:00.000000000"),
    ],
    ids=repr,
)
def test_a_moment_is_utc_unless_it_says_otherwise(value: object) -> None:
    assert moment("start", value) == NOON


def test_a_date_is_its_midnight() -> None:
    assert moment("start", date(2026, 8, 1)) == moment("start", "2026-08-01") == NOON - 12 * 3600 * 10**9


class Hostile:
    def __repr__(self) -> str:
        raise RuntimeError


NO_MOMENTS = [
    None,
    True,
    1_785_585_600,
    1.5,
    np.int64(5),
    float("nan"),
    "",
    "soon",
    "now",
    "today",
    "12:30",
    "10/11/2026",
    "9999-01-01",
    "2026-13-01",
    "2026-08-01 12:00 Nowhere/Zone",
    pd.NaT,
    np.datetime64("NaT", "ns"),
    np.datetime64(10**6, "Y"),
    datetime.max,
    timedelta(1),
    ["2026-08-01"],
    Hostile(),
    "2026" * 1000,
]


@pytest.mark.parametrize("value", NO_MOMENTS, ids=lambda value: type(value).__name__)
def test_anything_else_is_refused_in_one_shape(value: object) -> None:
    with pytest.raises(InputError, match=r"^start: wanted a date or time; got .{1,90}\. Write it as 2026-01-31"):
        moment("start", value)


@pytest.mark.parametrize(
    "ask",
    [
        lambda value: lw.load_sample().between(value),
        lambda value: lw.simulate(candles=100, start=value),
        lambda value: wanted(value, None, None, 300_000, NOON // 10**6),
    ],
    ids=["between", "simulate", "fetch"],
)
@pytest.mark.parametrize("value", ["now", "10/11/2026", 1_785_585_600])
def test_every_face_reads_moments_by_that_rule(ask: Any, value: object) -> None:
    with pytest.raises(InputError, match="start: wanted a date or time"):
        ask(value)


@pytest.mark.parametrize("value", [3, np.int64(3), np.uint8(3)])
def test_whole_numbers_are_taken_from_python_and_numpy(value: Any) -> None:
    assert whole("columns", value, 3, 3) == 3
    assert type(whole("columns", value, 0)) is int


@pytest.mark.parametrize(
    "value",
    [2, 11, 3.0, True, np.True_, "3", None, float("nan"), 10**5000, Hostile()],
    ids=lambda value: type(value).__name__,
)
def test_other_numbers_are_refused(value: object) -> None:
    with pytest.raises(InputError, match=r"^columns: wanted a whole number from 3 to 10; got .+\.$"):
        whole("columns", value, 3, 10)
    with pytest.raises(InputError, match=r"^columns: wanted a whole number of at least 3; got .+\.$"):
        whole("columns", 1 if type(value) is int else value, 3)


@pytest.mark.parametrize(
    ("usd", "text"),
    [
        (1.2361e9, "$1.24B"),
        (3.1e6, "$3.1M"),
        (12_000, "$12K"),
        (950, "$950"),
        (0, "$0"),
        (0.5, "$0.5"),
        (999.6, "$1K"),
        (999_499, "$999K"),
        (999_500, "$1M"),
        (9.996e11, "$1T"),
        (2.5e15, "$2500T"),
        (-2_000, "-$2K"),
        (-0.0, "$0"),
        (float("nan"), "$nan"),
        (float("inf"), "$inf"),
        (np.float32(2.5e6), "$2.5M"),
    ],
)
def test_usd_is_shown_in_one_way(usd: Any, text: str) -> None:
    assert usd_text(usd) == text


def test_usd_in_two_figures() -> None:
    assert [usd_text(usd, 2) for usd in (996.0, 42_700.0, 6.04e8, 2.56e9)] == ["$1K", "$43K", "$600M", "$2.6B"]
