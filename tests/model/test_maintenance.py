"""Maintenance by the venue's brackets: each tier has what a position of typical size has there."""

from __future__ import annotations

import json

import numpy as np
import pytest

import liqwidget as lw
from liqwidget.model.bracket_tables import store_brackets
from liqwidget.model.brackets import Bracket
from liqwidget.model.maintenance import TYPICAL_USD, possible, tier_factors
from liqwidget.widget.wire import decode_frame

#: The largest notional that Binance's snapshot allows at a leverage, at most the typical one.
BINANCE = {3: 1e6, 10: 1e6, 50: 1e6, 75: 1e6, 90: 8e5, 100: 8e5, 125: 3e5, 150: 3e5}


@pytest.fixture(autouse=True)
def no_stored_tables(monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("LIQWIDGET_CACHE", str(tmp_path))


def of(exchange: str, symbol: str) -> lw.Market:
    return lw.Market.from_frame(lw.load_sample().candles.iloc[:600], exchange=exchange, symbol=symbol)


@pytest.fixture
def market() -> lw.Market:
    return of("binance", "BTCUSDT")


def test_levels_are_those_of_the_bracket_of_the_typical_size(market) -> None:
    settings = lw.build_ledger(market, list(BINANCE), maintenance_rate="brackets").settings
    assert settings["maintenance_rate"] == "brackets"
    factors = tier_factors(list(BINANCE), settings)
    for side, k in zip(("long", "short"), factors, strict=True):
        for (tier, notional), found in zip(BINANCE.items(), k, strict=True):
            bracket = lw.find_bracket(lw.load_brackets("binance"), notional)
            rate, amount = bracket.maintenance_rate, bracket.maintenance_amount
            assert found == pytest.approx(lw.liquidation_price(1.0, tier, side, rate, amount, notional), rel=1e-12)


def test_contracts_are_valued_at_the_median_close() -> None:
    market = of("okx", "BTC-USDT-SWAP")
    close = float(market.candles["close"].median())
    assert 10 * close < TYPICAL_USD  # coins of its first bracket, which is not that of a typical position then
    settings = lw.build_ledger(market, [50, 100], maintenance_rate="brackets").settings
    assert settings["brackets"]["rates"] == [[100.0, 0.004, 0.0], [66.66, 0.005, 0.0]]
    assert tier_factors([50, 100], settings)[0] == pytest.approx([0.98 / 0.995, 0.99 / 0.996])


#: In coins, as Binance has them; in USD, as OKX has them. 1,000,000 USD are in the second of each.
INVERSE = {
    ("binance", "BTCUSD_PERP"): [(5.0, 125, 0.004, 0.0), (20.0, 50, 0.01, 0.03), (100.0, 20, 0.025, 0.33)],
    ("okx", "BTC-USD-SWAP"): [(6e5, 125, 0.004, 0.0), (2e6, 50, 0.01, 0.0), (5e6, 20, 0.025, 0.0)],
}


def of_coins(exchange: str, symbol: str) -> lw.Market:
    """An inverse market, with a table of its brackets."""
    unit, floor, found = "coins" if exchange == "binance" else "notional", 0.0, []
    for cap, most, rate, amount in INVERSE[exchange, symbol]:
        found.append(Bracket(floor, cap, most, rate, amount, unit, "2026-11-19", "fetched", "inverse"))
        floor = cap
    store_brackets(exchange, symbol, found)
    market = of(exchange, symbol)
    assert market.contract == "inverse"
    return market


@pytest.mark.parametrize("key", INVERSE)
def test_levels_of_inverse_contracts_are_those_of_the_bracket_of_the_typical_size(key) -> None:
    market = of_coins(*key)
    close = float(market.candles["close"].median())
    ledger = lw.build_ledger(market, [10, 50, 100], maintenance_rate="brackets")
    assert ledger.settings["brackets"]["table"] == f"{' '.join(key)}, 2026-11-19"
    factors = tier_factors([10, 50, 100], ledger.settings, "inverse")
    largest = 5.0 * close if key[0] == "binance" else 6e5  # USD, at 100x
    for side, k in zip(("long", "short"), factors, strict=True):
        for tier, usd, found in zip((10, 50, 100), (1e6, 1e6, largest), k, strict=True):
            in_unit = usd / close if key[0] == "binance" else usd
            bracket = lw.find_bracket(lw.load_brackets(*key), in_unit)
            rate, amount = bracket.maintenance_rate, bracket.maintenance_amount
            wanted = lw.liquidation_price(close, tier, side, rate, amount, usd, contract="inverse")
            assert found == pytest.approx(wanted / close, rel=1e-12)


def test_the_picture_of_an_inverse_market_names_its_table() -> None:
    hm = lw.LiquidationHeatmap(of_coins("binance", "BTCUSD_PERP"), {10: 1, 100: 1}, maintenance_rate="brackets")
    meta = decode_frame(hm._model).meta
    k_long, k_short = tier_factors(meta["leverage"], hm.ledger.settings, "inverse")
    assert (meta["k_long"], meta["k_short"]) == (k_long.tolist(), k_short.tolist())
    notice = "maintenance of positions of $1M by the brackets of binance BTCUSD_PERP, 2026-11-19"
    assert notice in decode_frame(hm._bars).meta["notices"]


def test_inverse_venues_take_the_table_of_the_first_and_both_kinds_take_none() -> None:
    both = lw.combine([of_coins(*key) for key in INVERSE])
    ledger = lw.build_ledger(both, [10], maintenance_rate="brackets")
    assert ledger.settings["brackets"]["table"] == "binance BTCUSD_PERP, 2026-11-19"
    mixed = lw.combine([of("bybit", "BTCUSDT"), of_coins("okx", "BTC-USD-SWAP")])
    with pytest.raises(lw.InputError, match="wanted a fraction for linear and inverse contracts together; got 'brack"):
        lw.build_ledger(mixed, [10], maintenance_rate="brackets")


def test_a_table_of_the_other_kind_of_contract_is_refused() -> None:
    market = of_coins("binance", "BTCUSD_PERP")
    linear = [lw.load_brackets("hyperliquid", "BTC")[0]]
    store_brackets("binance", "BTCUSD_PERP", linear)
    with pytest.raises(
        lw.InputError, match="wanted brackets of inverse contracts; got those of binance BTCUSD_PERP, wh"
    ):
        lw.build_ledger(market, [10], maintenance_rate="brackets")


def test_both_engines_get_the_same_factors_and_the_picture_names_the_table(market) -> None:
    hm = lw.LiquidationHeatmap(market, {10: 1, 100: 1}, maintenance_rate="brackets")
    meta = decode_frame(hm._model).meta
    k_long, k_short = tier_factors(meta["leverage"], hm.ledger.settings)
    assert (meta["k_long"], meta["k_short"]) == (k_long.tolist(), k_short.tolist())
    assert meta["settings"]["maintenance_rate"] == "brackets"
    notice = "maintenance of positions of $1M by the brackets of binance BTCUSDT, 2026-09"
    assert notice in decode_frame(hm._bars).meta["notices"]
    by_rate = lw.LiquidationHeatmap(market, {10: 1, 100: 1})
    assert not np.array_equal(hm.density.values, by_rate.density.values)
    assert notice not in decode_frame(by_rate._bars).meta["notices"]
    by_rate.maintenance_rate = "brackets"
    assert notice in decode_frame(by_rate._bars).meta["notices"]
    assert decode_frame(by_rate._model).meta["bars"] == decode_frame(by_rate._bars).meta["revision"]


def test_the_trait_takes_the_word_and_keeps_it_for_another_market(market) -> None:
    hm = lw.LiquidationHeatmap(market, {10: 1, 40: 1})
    hm.maintenance_rate = "brackets"
    assert hm.maintenance_rate == "brackets"
    assert hm.density.settings["brackets"]["table"] == "binance BTCUSDT, 2026-09"
    hm.market = of("hyperliquid", "BTC")
    assert hm.maintenance_rate == "brackets"
    assert hm.density.settings["brackets"]["table"] == "hyperliquid BTC, 2026-08-22"
    assert set(hm._presets) == {"on-chain"}  # the others have tiers above 40x
    hm.maintenance_rate = 0.004
    assert "brackets" not in hm.density.settings


def test_new_candles_keep_the_table_that_the_picture_has(market, monkeypatch) -> None:
    early = market.between(None, market.candles.index[500])
    hm = lw.LiquidationHeatmap(early, {10: 1, 100: 1}, maintenance_rate="brackets")
    ledger = hm.ledger
    monkeypatch.setattr("liqwidget.model.maintenance.load_brackets", lambda *_: pytest.fail("read again"))
    hm.append(market.candles.iloc[501:510])
    assert hm.ledger.settings["brackets"] == ledger.settings["brackets"]
    whole = lw.build_ledger(market.between(None, market.candles.index[509]), [10, 100], hm.ledger.bin_size, 0.004)
    assert len(hm.ledger) == len(whole)


def test_studies_take_the_word() -> None:
    made = lw.simulate(candles=1_500, traders=20_000, seed=3)
    frame, liquidations = made.market.candles, made.market.liquidations
    market = lw.Market.from_frame(frame, exchange="binance", symbol="BTCUSDT", liquidations=liquidations)
    fit = lw.calibrate(market, [5, 10, 25], maintenance_rate="brackets", draws=5)
    assert fit.maintenance_rate == "brackets"
    hm = lw.LiquidationHeatmap(market)
    hm.apply(fit)
    assert hm.maintenance_rate == "brackets"
    found = lw.validate(market, leverage_mix={5: 1, 10: 1, 25: 1}, maintenance_rate="brackets", draws=5)
    assert found.settings["maintenance_rate"] == "brackets"
    swept = lw.sweep(market, [{5: 1, 25: 1}], [0.03], maintenance_rate="brackets")
    assert len(swept.table) == 1


def test_settings_of_a_ledger_survive_json(market) -> None:
    settings = lw.build_ledger(of("hyperliquid", "BTC"), [10], maintenance_rate="brackets").settings
    assert json.loads(json.dumps(settings)) == settings


@pytest.mark.parametrize(
    ("exchange", "symbol", "tiers", "said"),
    [
        ("", "", [10], "wanted the brackets of a market without a venue; got no such table"),
        ("binance", "DOGEUSDT", [10], "wanted the brackets of binance DOGEUSDT; got no such table. Fetch it with"),
        ("hyperliquid", "BTC", [10, 50], "hyperliquid BTC, 2026-08-22 allows at most 40x; got 50x. Leave the tier out"),
    ],
)
def test_what_has_no_brackets_is_refused(exchange, symbol, tiers, said) -> None:
    with pytest.raises(lw.InputError, match=said):
        lw.build_ledger(of(exchange, symbol), tiers, maintenance_rate="brackets")


def test_other_words_arrays_and_histories_are_refused(market, tmp_path) -> None:
    with pytest.raises(lw.InputError, match=r"^maintenance_rate: wanted a fraction or .brackets.; got 'low'"):
        lw.build_ledger(market, maintenance_rate="low")  # type: ignore[arg-type]
    with pytest.raises(lw.InputError, match=r"^maintenance_rate: wanted one fraction"):
        lw.build_ledger(market, maintenance_rate=[0.1, 0.2])  # type: ignore[arg-type]
    with pytest.raises(lw.InputError, match="wanted a fraction for a history"):
        lw.history(market, tmp_path / "store", maintenance_rate="brackets")  # type: ignore[arg-type]


def test_possible_tiers_are_those_that_the_factors_take(market) -> None:
    settings = lw.build_ledger(market, [10], maintenance_rate="brackets").settings
    tiers = [1, 10, 150, 150.1, 200]
    assert possible(tiers, settings).tolist() == [True, True, True, False, False]
    assert possible(tiers, {"maintenance_rate": 0.004, "fee_rate": 0.002}).tolist() == [True, True, True, True, False]
