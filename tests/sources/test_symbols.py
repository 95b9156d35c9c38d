"""Symbols as people write them: the correct instrument, or an error that names the problematic part."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

import liqwidget as lw
from liqwidget.sources.venues.registry import VENUES, find_instrument
from liqwidget.sources.venues.symbols import read_symbol


def named(venue: str, symbol: object) -> str:
    return find_instrument(VENUES[venue], symbol)[1]


@pytest.mark.parametrize(
    ("venue", "given", "native"),
    [
        ("binance", "BINANCE:BTCUSDT", "BTCUSDT"),
        ("binance", "BINANCE:BTCUSDT.P", "BTCUSDT"),
        ("binance", "binance:btcusdt.p", "BTCUSDT"),
        ("binance", "BTC_USDT", "BTCUSDT"),
        ("binance", "BTCUSDT_PERP", "BTCUSDT"),
        ("binance", "ETH/BTC:BTC", "ETHBTC"),
        ("binance", "币安人生USDT", "币安人生USDT"),
        ("binance", "ＢＴＣＵＳＤＴ", "BTCUSDT"),
        ("binance", "1000SATS/USDT:USDT", "1000SATSUSDT"),
        ("binance", "1INCHUSDT", "1INCHUSDT"),
        ("bybit", "BYBIT:BTCUSDT.P", "BTCUSDT"),
        ("bybit", "BTC-PERP", "BTCPERP"),
        ("bybit", "BTCPERP", "BTCPERP"),
        ("bybit", "BTC/USDC:USDC", "BTCUSDC"),
        ("okx", "OKX:BTCUSDT.P", "BTC-USDT-SWAP"),
        ("okx", "BTC/USDC:USDC", "BTC-USDC-SWAP"),
        ("okx", "ksmusdt", "KSM-USDT-SWAP"),
        ("binance", "BTCUSD", "BTCUSD_PERP"),
        ("binance", "BTCUSD_PERP", "BTCUSD_PERP"),
        ("binance", "BINANCE:BTCUSD.P", "BTCUSD_PERP"),
        ("binance", "BTC-USD-SWAP", "BTCUSD_PERP"),
        ("bybit", "BTC/USD:BTC", "BTCUSD"),
        ("bybit", "BTCUSD_PERP", "BTCUSD"),
        ("okx", "BTCUSD", "BTC-USD-SWAP"),
        ("okx", "BTC-USD", "BTC-USD-SWAP"),
        ("okx", "BTC/USD:BTC", "BTC-USD-SWAP"),
        ("hyperliquid", "BTC/USDC:USDC", "BTC"),
        ("hyperliquid", "BTC-USD", "BTC"),
        ("hyperliquid", "HYPERLIQUID:BTC", "BTC"),
        ("hyperliquid", "kas", "KAS"),
        ("hyperliquid", "ksmusdt", "KSM"),
        ("hyperliquid", "KSMUSDT", "KSM"),
        ("hyperliquid", "1000PEPEUSDT", "kPEPE"),
        ("hyperliquid", "1000PEPE/USDT:USDT", "kPEPE"),
        ("hyperliquid", "kpepe", "kPEPE"),
        ("hyperliquid", "KPEPE", "kPEPE"),
        ("hyperliquid", "kSHIB-USD", "kSHIB"),
        ("hyperliquid", "1INCHUSDT", "1INCH"),
    ],
)
def test_the_instrument_that_is_meant(venue: str, given: str, native: str) -> None:
    assert named(venue, given) == native


@pytest.mark.parametrize("venue", VENUES)
@pytest.mark.parametrize(
    ("symbol", "part"),
    [
        ("BTC/USDT:USDT-270326", "dated contract .270326"),
        ("BTC/USDT:USDT-270326-100000-C", "dated contract .270326-100000-C"),
        ("BTC-USDT-270326", "dated contract .270326"),
        ("BTC-USDT-20270326", "dated contract .20270326"),
        ("BTC-USD-270326-100000-C", "dated contract .270326"),
        ("BTCUSDT_260925", "dated contract .260925"),
        ("BTCUSDT260925", "dated contract"),
        ("BTCUSD_260925", "dated contract .260925"),
        ("BTCUSDT-26SEP25", "dated contract .26SEP25"),
        ("BTC-26SEP25", "dated contract .26SEP25"),
        ("BTC-5JUN26", "dated contract .5JUN26"),
        ("BTCUSDU25", "dated contract"),
        ("BTCUSDTZ2026.P", "dated contract"),
        ("BTC/USDT:BTC", "settled in 'BTC'"),
        ("BTC/USD:ETH", "settled in 'ETH'"),
        ("BTC-USD-250627", "dated contract .250627"),
        ("BTCUSDZ25", "dated contract"),
        ("BTC-PERPETUAL", "part 'PERPETUAL'"),
        ("BTC-USDT-QUARTER", "part 'QUARTER'"),
        ("NASDAQ:BTCUSDT", "part 'NASDAQ:'"),
        ("BTCUSDT.PS", "letters and digits"),
        ("ВТСUSDT", "cyrillic capital letter ve"),
        ("BTC/USDT:", "letters and digits"),
        ("BTC/USDT:USDT:USDT", "letters and digits"),
        ("BTC//USDT", "letters and digits"),
        ("币安人生", "letters and digits"),
    ],
)
def test_a_part_that_names_another_contract_is_refused(venue: str, symbol: str, part: str) -> None:
    with pytest.raises(lw.InputError, match=f"symbol: .*{part}"):
        named(venue, symbol)


@pytest.mark.parametrize(
    ("venue", "symbol", "cure"),
    [
        ("bybit", "BINANCE:BTCUSDT.P", "Pass exchange='binance'"),
        ("binance", "OKX:BTCUSDT.P", "Pass exchange='okx'"),
        ("hyperliquid", "xyz:TSLA", "of the dex 'xyz'"),
        ("binance", "xyz:TSLA", "part 'xyz:'"),
        ("hyperliquid", "BTC/USD:BTC", "inverse"),
        ("hyperliquid", "BTCUSD_PERP", "inverse"),
        ("hyperliquid", "BTC-USD-SWAP", "inverse"),
        ("binance", "kPEPEUSD", "Write PEPEUSD_PERP"),
        ("okx", "BTC", "BTC-USDT-SWAP or BTCUSDT"),
        ("okx", "1000PEPEUSDT", "Write PEPE-USDT-SWAP"),
        ("okx", "1000PEPE/USDT:USDT", "Write PEPE-USDT-SWAP"),
        ("okx", "1000000MOGUSDT", "Write MOG-USDT-SWAP"),
        ("okx", "kPEPE", "Write PEPE-USDT-SWAP"),
        ("binance", "kPEPE", "Write 1000PEPEUSDT"),
        ("binance", "BTC-PERP", "Write it as BTCUSDT"),
        ("bybit", "kSHIB", "Write 1000SHIBUSDT"),
        ("hyperliquid", "PEPEUSDT", "Write kPEPE"),
        ("hyperliquid", "1000000MOGUSDT", "as Hyperliquid lists it"),
        ("hyperliquid", "10000SATSUSDT", "as Hyperliquid lists it"),
        ("hyperliquid", "ETH/BTC", "Write it as ETH"),
    ],
)
def test_what_to_write_instead(venue: str, symbol: str, cure: str) -> None:
    with pytest.raises(lw.InputError, match=cure):
        named(venue, symbol)


@given(st.text(max_size=40) | st.text("BTCUSDk1056:/-_.P币", max_size=24))
def test_any_text_is_a_safe_name_or_refused(text: str) -> None:
    for venue in VENUES:
        try:
            name = named(venue, text)
        except lw.InputError:
            continue
        assert name.removesuffix("_PERP").replace("-", "").isalnum()
        assert read_symbol(text, venue).base


@given(st.sampled_from(["BTCUSDT", "BTC-USDT-SWAP", "BTC/USDT:USDT"]), st.from_regex(r"[-_:][0-9]{6}", fullmatch=True))
def test_no_date_is_dropped(symbol: str, date: str) -> None:
    for venue in VENUES:
        with pytest.raises(lw.InputError):
            named(venue, symbol + date)
