"""The numbers in the course's text are those that the library computes."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import liqwidget as lw

TEACHING = Path(__file__).resolve().parents[1] / "notebooks" / "teaching"
LESSONS = sorted(TEACHING.glob("0*.ipynb"))
FALL = "2026-01-12 13:30"  # UTC; the last candle before it closes at 13:30


def cells_of(lesson: int) -> dict[str, dict[str, Any]]:
    """The cells of a lesson by id."""
    book = json.loads(LESSONS[lesson - 1].read_text("utf-8"))
    return {cell["id"]: cell for cell in book["cells"]}


def text_of(lesson: int, cell: str) -> str:
    return " ".join("".join(cells_of(lesson)[cell]["source"]).split())


def numbers_in(text: str, pattern: str) -> list[float]:
    """The numbers at each # of a pattern, which must be found once; all else is taken literally."""
    found = re.findall(re.escape(pattern).replace(r"\#", r"(−?[\d,]*\.?\d+)"), text)
    assert len(found) == 1, f"{pattern!r} is found {len(found)} times in {text!r}"
    values = found[0] if isinstance(found[0], tuple) else (found[0],)
    return [float(value.replace(",", "").replace("−", "-")) for value in values]


def far(leverage: float, side: str = "long") -> float:
    """Distance from entry to the liquidation price in percent."""
    return abs(100 * (float(lw.liquidation_price(1.0, leverage, side)) - 1))


def test_a_page_asks_nobody_to_run_a_cell_and_prints_no_answer() -> None:
    for path in LESSONS:
        for cell in json.loads(path.read_text("utf-8"))["cells"]:
            source = "".join(cell["source"])
            if cell["cell_type"] == "markdown":
                for sentence in re.split(r"(?<=[.!?:])\s", source):
                    if re.search(r"\b(re)?run\b.*\bcells?\b|\bcells? above\b", sentence, re.IGNORECASE):
                        assert "In a notebook" in sentence, f"{path.name}: {sentence}"
            else:
                assert "answer to" not in source, f"{path.name}: {cell['id']}"


def test_one_position_says_when_ada_and_ben_are_liquidated() -> None:
    question = text_of(1, "question-1")
    assert numbers_in(question, "By # %, to # USD, instead of # %") == [
        round(far(20), 2),
        round(float(lw.liquidation_price(60_000, 20, "long")), 2),
        round(far(10), 2),
    ]
    candles = lw.load_sample().candles.loc["2026-01-12":"2026-01-13 11:55"]
    close, low, high = (candles[name].to_numpy() for name in ("close", "low", "high"))

    def is_hit(hour: float, leverage: int, side: str) -> bool:
        at = round(hour * 12)
        level = float(lw.liquidation_price(close[at], leverage, side))
        return bool((low[at + 1 :] <= level).any() if side == "long" else (high[at + 1 :] >= level).any())

    answers = text_of(1, "question-2")
    (first, spared) = numbers_in(answers, "From #x on; with #x she survives")
    caught = [leverage for leverage in range(2, 101) if is_hit(6, leverage, "long")]
    assert caught == list(range(int(first), 101))
    assert spared == first - 1
    assert not any(is_hit(6, leverage, "short") for leverage in range(2, 101))
    assert numbers_in(answers, "Before a rise of about # %") == [round(far(50, "short"), 1)]
    (until,) = numbers_in(answers, "(up to hour #)")
    near = numbers_in(answers, "(# to #)")
    bottom, start, end = numbers_in(answers, "lowest price at hour # (from hour # to hour #)")
    (second,) = numbers_in(answers, "the second low, hour #")
    assert bottom == low.argmin() / 12
    assert end - bottom > 3
    hours = [hour for hour in np.arange(0, 30.5, 0.5) if is_hit(hour, 50, "short")]
    spans = ((0, until), near, (start, end), (second, second))
    assert [h for h in hours if not any(a <= h <= b for a, b in spans)] == []
    for a, b in spans:
        assert {a, b} <= set(hours)
    assert all(hour in hours for hour in np.arange(start, end + 0.5, 0.5))


def test_one_position_says_what_reserve_and_margin_do() -> None:
    answers = text_of(1, "question-3")
    assert numbers_in(answers, "After # %. The reserve") == [round(far(100), 2)]
    assert numbers_in(answers, "# % too far away (1 ÷ #)") == [round(100 / far(100) - 100), round(far(100), 3)]
    leverage, level = numbers_in(answers, "it is a #x position: # USD")
    assert (leverage, level) == (
        round(60_000 / 9_000, 2),
        round(float(lw.liquidation_price(60_000, 60_000 / 9_000, "long")), 2),
    )


def test_levels_stack_says_the_distances_of_leverages() -> None:
    answers = text_of(2, "question-1")
    assert numbers_in(answers, "20x, 50x and 100x are # %, # % and # % away, 3x is # % away") == [
        *(round(far(leverage), 1) for leverage in (20, 50, 100)),
        round(far(3)),
    ]
    source = "".join(cells_of(2)["stack"]["source"])
    assert 'slider("traders", 1, count, 1, 1, "traders")' in source  # the reader adds the traders


def test_trend_and_crowd_says_the_distances_of_leverages() -> None:
    text = text_of(3, "question-2")
    assert numbers_in(text, "At 20x about # % below, at 10x about # % below, at 5x about # % below") == [
        round(far(leverage), 1) for leverage in (20, 10, 5)
    ]
    assert numbers_in(text_of(3, "question-1"), "from the morning was # % away") == [round(far(10, "short"), 1)]


def test_decay_tells_the_continuous_rate_from_what_leaves_within_an_hour() -> None:
    words, answers = text_of(4, "fit-words"), text_of(4, "question-1")

    def rate(half_life: float) -> float:
        return math.log(2) / half_life

    def leaves(rate: float) -> float:
        return 100 * (1 - math.exp(-rate))

    half_life, per_hour, percent = numbers_in(words, "half-life of # hours gives 0.693 ÷ 6 = # per hour, written # %")
    assert (per_hour, percent) == (round(rate(half_life), 4), round(100 * rate(half_life), 2))
    assert numbers_in(words, "less than # % have left: 1 − exp(−#), or # %") == [
        percent,
        per_hour,
        round(leaves(rate(half_life)), 2),
    ]
    half_life, percent, gone = numbers_in(answers, "About # hours: a decay rate of # % per hour, so # % leave")
    assert (percent, gone) == (round(100 * rate(half_life), 2), round(leaves(rate(half_life)), 2))
    made = lw.simulate(candles=300, traders=1_000, seed=2)
    stay, percent, half_life = numbers_in(
        answers, "holding time of # hours: a decay rate of 1 ÷ 30 = # % per hour and a half-life of # hours"
    )
    assert stay == pytest.approx(1 / made.decay_rate)
    assert (percent, half_life) == (round(100 * made.decay_rate, 2), round(math.log(2) / made.decay_rate, 1))
    hours, lives, left = numbers_in(answers, "# hours are about # half-lives, so about # % are left")
    assert lives == pytest.approx(hours / half_life, abs=0.05)
    assert left == round(100 * math.exp(-made.decay_rate * hours))
    notes = " ".join((TEACHING / "teachers_notes.md").read_text("utf-8").split())
    assert numbers_in(notes, "The rate is continuous: # % have left") == [round(leaves(rate(6)), 2)]


def test_sweep_and_cascade_says_how_far_the_price_falls_and_how_little_liquidations_add() -> None:
    market, notes = lw.load_sample(), " ".join((TEACHING / "teachers_notes.md").read_text("utf-8").split())
    fall = market.candles.loc[FALL:"2026-01-12 15:30"]
    (percent,) = numbers_in("".join(cells_of(5)["start"]["source"]), "a fall of # % in two hours")
    assert percent == round(100 * (1 - fall["low"].min() / fall["open"].iloc[0]))
    start = market.candles.index.get_loc(pd.Timestamp(FALL, tz="UTC"))
    density = lw.estimate(market, bin_size=100)
    curve = lw.cascade_curve(density, start, np.linspace(-0.08, -0.002, 120), impact=1, market=market)
    (most,) = numbers_in(notes, "the amplification of this market stays below #;")
    assert most - 0.01 < curve.amplification.max() < most


def test_a_real_day_tells_of_the_bands_of_its_table() -> None:
    market = lw.load_sample()
    day, noon = pd.Timestamp("2026-01-12", tz="UTC"), pd.Timestamp("2026-01-12 12:00", tz="UTC")
    shown = market.between(day - pd.Timedelta("4D"), day + pd.Timedelta("23h59min"))
    text = text_of(7, "paragraph")

    def bands(mix: str) -> tuple[pd.DataFrame, float]:
        density = lw.LiquidationHeatmap(shown, leverage_mix=mix).density  # type: ignore[arg-type]
        at = int(np.searchsorted(density.time, noon.tz_localize(None).to_datetime64())) - 1
        found = density.clusters(at, top=100, bright=0.1).query("abs(distance) < 0.08").head(8)
        return found.assign(usd=(found["notional"] / 1e6).round()), float(density.close[at])

    found, close = bands("balanced")
    longs, shorts = (found[found["side"] == side] for side in ("long", "short"))
    part = ["price_low", "price_high", "usd"]
    *band, near, away = numbers_in(text, "was at # to # USD, with # million USD, # to # % below the price")
    assert band == longs.iloc[0][part].tolist()
    assert (near, away) == (round(100 * (1 - band[1] / close)), round(100 * (1 - band[0] / close)))
    usd, low, high = numbers_in(text, "a smaller one, # million USD, was at # to # USD")
    assert [low, high, usd] == longs.iloc[1][part].tolist()
    usd, *above = numbers_in(text, "the largest band of shorts, # million USD at # to # USD")
    assert [*above, usd] == shorts.iloc[0][part].tolist()
    hot = bands("hot")[0].query("side == 'long'").iloc[0]
    assert numbers_in(text, "become one band from # to # USD with # million USD") == hot[part].tolist()
    assert hot["price_low"] < band[1] < low < hot["price_high"]

    candles = market.candles.loc["2026-01-12"]
    fall = candles.loc[FALL:"2026-01-12 15:15"]
    start, end = numbers_in(text, "fell from about # USD at 13:30 UTC to # USD at 15:15")
    assert start == round(fall["open"].iloc[0], -2)
    assert end == round(candles["low"].min()) == round(fall["low"].iloc[-1])
    (times,) = numbers_in(text, "on up to # times the usual volume")
    assert times == round(fall["volume"].max() / candles["volume"].median())
    (lost,) = numbers_in(text, "open interest fell by # %")
    interest = candles["open_interest"].loc[FALL:"2026-01-12 15:30"]
    assert lost == round(100 * (1 - interest.iloc[-1] / interest.iloc[0]))


def test_a_real_day_knows_how_rare_four_standard_deviations_are_and_the_sample_passes_its_checks() -> None:
    source = "".join(cells_of(7)["real"]["source"])
    (rarity,) = numbers_in(source.replace("_", ""), "len(moves) / #:")
    assert rarity == round(1 / math.erfc(4 / math.sqrt(2)))
    sample = lw.load_sample()
    said: list[str] = []
    scope = {"np": np, "market": sample, "candles": sample.candles, "kind": "simulated", "print": said.append}
    exec(source, scope)
    moves = np.diff(np.log(sample.candles["close"].to_numpy()))
    large = int((np.abs(moves) > 4 * moves.std(ddof=1)).sum())
    assert said[0] == f"Moves beyond 4 standard deviations: {large} of {len(moves):,} (simulated)"
    assert large > 100 * len(moves) / rarity  # "The sample has all of this"
    scope |= {"market": lw.Market.from_frame(sample.candles[["open", "high", "low", "close", "volume"]])}
    said.clear()
    exec(source, scope)
    assert len(said) == 4  # without liquidations


def test_estimate_against_truth_says_what_its_picture_and_its_table_say() -> None:
    made = lw.simulate(candles=2016, traders=20_000, seed=6)
    tiers = np.array(list(made.leverage_mix))
    scores = {}
    for rows in (500, 100):
        ledger = lw.build_ledger(made.market, tuple(tiers), bin_size=rows)
        for heat in np.linspace(-1, 1, 9):
            mix = np.array(list(made.leverage_mix.values())) * (tiers / 8.0) ** heat
            scores[rows, heat] = lw.score(ledger.replay(made.decay_rate, mix / mix.sum()), made)
    false = {key: round(100 * score.false_alarm) for key, score in scores.items()}
    text = text_of(6, "question-1")
    assert numbers_in(text, "in the middle, with # %; the hot guess has # %") == [false[500, 0], false[500, 1]]
    assert numbers_in(text, "right of it is close, with # %") == [false[500, 0.25]]
    assert numbers_in(text, "that step even has fewer, # % against # %") == [false[100, 0.25], false[100, 0]]
    assert min((key for key in scores if key[0] == 500), key=lambda key: scores[key].false_alarm) == (500, 0)

    text = text_of(6, "question-2")
    hits, chance, times = numbers_in(text, "The true mix: # % against # %, # times as much")
    cells = scores[500, 0].frame["cells"].iloc[2]
    assert chance == round(100 * math.ceil(0.1 * cells) / cells)
    assert (hits, times) == (
        round(100 * scores[500, 0].hit_rate),
        round(scores[500, 0].hit_rate / (math.ceil(0.1 * cells) / cells), 1),
    )
    assert numbers_in(text, '"# % of the money was in our bright rows"') == [hits]
    hits, times = numbers_in(text, "The hot guess: # %, still # times as much")
    assert hits == round(100 * scores[500, 1].hit_rate)
    assert times == round(scores[500, 1].hit_rate / (math.ceil(0.1 * cells) / cells), 1)

    known: dict[str, dict[str, Any]] = {
        "none": {},
        "churn": {"churn": 1.0},
        "few": {"size_tail": 1.2},
        "patience": {"patience": 1.0},
    }
    worlds = {name: lw.simulate(candles=2016, traders=20_000, seed=6, **kind) for name, kind in known.items()}
    found = {
        name: lw.score(lw.estimate(world.market, world.leverage_mix, bin_size=100), world)
        for name, world in worlds.items()
    }
    hot = lw.score(lw.estimate(made.market, "hot", bin_size=100), made)
    alarms = {name: round(100 * score.false_alarm) for name, score in found.items()}
    text = text_of(6, "question-3")
    assert numbers_in(text, "The mix, with # % false alarms") == [round(100 * hot.false_alarm)]
    assert numbers_in(text, "opens nothing (# %) and a few large traders (# %)") == [alarms["churn"], alarms["few"]]
    assert numbers_in(text, "A dollar is # % of the price away from its place, not # %") == [
        round(100 * found["patience"].emd, 1),
        round(100 * found["none"].emd, 1),
    ]
    assert alarms["patience"] < alarms["none"]
    assert numbers_in(text_of(6, "broken-words"), "makes more false alarms: # %") == [alarms["none"]]
    notes = " ".join((TEACHING / "teachers_notes.md").read_text("utf-8").split())
    assert numbers_in(
        notes, "With the hot guess # % of what the bright rows show is not there; with the true mix # %"
    ) == [
        false[500, 1],
        false[500, 0],
    ]
    assert numbers_in(notes, 'it is # % for the preset "hot" and # %') == [round(100 * hot.false_alarm), alarms["none"]]


def test_estimate_against_truth_names_no_earth_mover_in_its_first_half() -> None:
    cells = [cell for cell in cells_of(6).values() if cell["cell_type"] == "markdown"]
    text = " ".join("".join(cell["source"]) for cell in cells)
    assert len(text[: text.index("earth mover")].split()) > len(text.split()) / 2
    code = ["".join(cells_of(6)[cell]["source"]) for cell in ("start", "picture")]  # what comes before the table
    assert not any(word in source for source in code for word in ("earth mover", "emd", "lw.score"))
