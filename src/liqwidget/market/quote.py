"""What a symbol reveals about its instrument: base and quote currency, and whether contracts are inverse."""

from __future__ import annotations

import re
from dataclasses import dataclass

#: Currencies that are shown as USD.
USD_LIKE = frozenset(
    [
        "USD",
        "USDT",
        "USDC",
        "BUSD",
        "FDUSD",
        "TUSD",
        "DAI",
        "USDP",
        "USDE",
        "USDD",
        "USD1",
        "PYUSD",
        "GUSD",
        "RLUSD",
        "UST",
        "USDS",
        "USDH",
        "SUSD",
        "LUSD",
        "USDB",
    ]
)
_FIAT = frozenset(
    [
        "EUR",
        "GBP",
        "JPY",
        "KRW",
        "TRY",
        "BRL",
        "AUD",
        "CAD",
        "CHF",
        "INR",
        "RUB",
        "UAH",
        "ZAR",
        "IDR",
        "NGN",
        "PLN",
        "RON",
        "ARS",
        "COP",
        "MXN",
        "CZK",
        "THB",
        "VND",
        "SGD",
        "HKD",
        "NZD",
    ]
)
_CRYPTO = frozenset(["BTC", "XBT", "ETH", "BNB", "SOL", "TRX", "DOGE", "DOT", "XRP", "EURT", "EURI", "EURC"])
QUOTES = USD_LIKE | _FIAT | _CRYPTO
_WRAPPED = frozenset(
    [
        "WBTC",
        "CBBTC",
        "TBTC",
        "RENBTC",
        "STETH",
        "WSTETH",
        "WETH",
        "RETH",
        "BETH",
        "CBETH",
        "WBETH",
        "WEETH",
        "EZETH",
        "METH",
        "JITOSOL",
    ]
)
_BY_LENGTH = sorted(QUOTES, key=lambda code: (-len(code), code))
_SAME = {"XBT": "BTC"}

#: Venues whose contracts quoted in plain USD are inverse: margin in coins, sizes in USD.
_INVERSE_VENUES = frozenset(["binance", "bybit", "okx", "bitmex", "deribit", "htx", "huobi", "bitget", "gate"])
#: Venues whose inverse contracts are 100 USD for Bitcoin and 10 USD for other coins; elsewhere they are 1 USD.
_LARGE_CONTRACTS = frozenset(["binance", "okx", "htx", "huobi"])


@dataclass(frozen=True)
class Instrument:
    """What is known of an instrument from its symbol; unknown texts are empty.

    Attributes
    ----------
    base, quote
        Currency codes in capitals, such as BTC and USDT.
    term
        Expiry or another mark that distinguishes instruments of one pair, such as ``"250328"``.
    inverse
        Whether sizes are in USD according to the symbol or the venue; None if neither tells.
    contract_usd
        USD per contract if it is inverse.
    """

    base: str = ""
    quote: str = ""
    term: str = ""
    inverse: bool | None = None
    contract_usd: float = 1.0

    @property
    def is_usd(self) -> bool:
        """Whether amounts may be shown as USD: the quote currency is equivalent to it, or unknown."""
        return not self.quote or self.quote in USD_LIKE

    @property
    def is_bitcoin(self) -> bool:
        """Whether the coins are bitcoins."""
        return self.base == "BTC"

    def same_as(self, other: Instrument) -> bool:
        """Return whether two symbols name the same instrument, as far as they tell."""
        quotes = not self.quote or not other.quote or self.quote == other.quote
        return self.base == other.base and quotes and self.term == other.term


def instrument(symbol: str, exchange: str = "") -> Instrument:
    """Return what a symbol reveals, in the spelling of any venue.

    Examples
    --------
    >>> instrument("BTC-USDT-SWAP").quote, instrument("ETCBTC").quote, instrument("XBTUSD").inverse
    ('USDT', 'BTC', True)
    """
    venue = exchange.strip().lower()
    text = re.sub(r"^t(?=[A-Z]{3})", "", symbol.strip()).upper()  # Bitfinex: tBTCUSD
    settle = text.rpartition(":")[2] if "/" in text and ":" in text else ""  # ccxt: BTC/USD:BTC
    text = text.partition(":")[0] if settle else text.rpartition(":")[2]  # TradingView: BINANCE:BTCUSDT.P
    settle, _, dated = settle.partition("-")
    text = re.sub(r"\.P$", "", text)
    words = [word for word in re.split(r"[\s/_\-.]+", text) if word]
    inverse: bool | None = None
    if words and words[0] in ("PI", "FI"):
        words, inverse = words[1:], True
    elif words and words[0] in ("PF", "FF"):
        words, inverse = words[1:], False
    marks = {"SWAP", "PERP", "PERPETUAL", "SPOT", "SIM", "UMCBL", "DMCBL", "LINEAR", "CASH"}
    marked = [word for word in words if word in marks]
    words = [word for word in words if word not in marks]
    if not words:
        return Instrument()
    if len(words) > 1 and words[0] in _FIAT | {"USDT"} and words[1].isalpha() and words[1] not in _FIAT:
        words[:2] = [words[1], words[0]]  # Upbit: KRW-BTC
    base, quote, rest = _pair(words)
    term = "-".join([*rest, *([dated] if dated else [])])
    base, quote, settle = _SAME.get(base, base), _SAME.get(quote, quote), _SAME.get(settle, settle)
    if inverse is None:
        inverse = _inverse(text, base, quote, settle, venue, marked, term)
    is_large = venue in _LARGE_CONTRACTS or (not venue and text.endswith(("USD_PERP", "USD-SWAP")))
    size = (100.0 if base == "BTC" else 10.0) if inverse and is_large else 1.0
    return Instrument(base, quote, term, inverse, size)


def _pair(words: list[str]) -> tuple[str, str, list[str]]:
    first, rest = words[0], words[1:]
    if rest and rest[0] in QUOTES:
        return first, rest[0], rest[1:]
    if first not in _WRAPPED:
        for least in (3, 2):  # XBTUSD is XBT and USD, not XB and TUSD
            for code in _BY_LENGTH:
                if first.endswith(code) and len(first) - len(code) >= least:
                    return first.removesuffix(code), code, rest
    return first.removesuffix("PERP") or first, "", rest


def _inverse(text: str, base: str, quote: str, settle: str, venue: str, marked: list[str], term: str) -> bool | None:
    if settle:
        return settle == base
    if quote and quote != "USD":
        return False if quote in USD_LIKE else None
    if "PERPETUAL" in marked and not quote:  # Deribit: BTC-PERPETUAL
        return venue in ("", "deribit")
    if quote == "USD":
        is_bitmex = text.startswith("XBT") and venue in ("", *_INVERSE_VENUES)  # Kraken has XBT for USD, not inverse
        if is_bitmex or "SWAP" in marked or re.search(r"USD_(PERP|\d{6})$", text):
            return True
        if venue == "okx":
            return bool(term)  # BTC-USD is a spot pair
        if venue in _INVERSE_VENUES:
            return True
    return None
