"""Symbols as people write them. A part that names another contract is refused, never dropped.

Spellings: ``BTCUSDT``, ``BTC-USDT-SWAP``, ``BTC_USDT``, ccxt's ``BTC/USDT:USDT``, TradingView's ``BINANCE:BTCUSDT.P``.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from ...checks import shown
from ...errors import InputError

#: Letters of symbols beside A-Z: Binance lists some in Chinese. Others look like Latin ones, or change with case.
LETTERS = r"A-Z0-9\u3041-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3"
#: Coins whose price is so small that Hyperliquid counts them in thousands (kPEPE), others mostly too (1000PEPEUSDT).
THOUSANDS = ("PEPE", "SHIB", "BONK", "FLOKI", "LUNC", "DOGS", "NEIRO")

_QUOTES = ("USDT", "USDC", "USD")
_EXCHANGES = {
    "BINANCE": "binance",
    "BINANCEUSDM": "binance",
    "BYBIT": "bybit",
    "OKX": "okx",
    "OKEX": "okx",
    "HYPERLIQUID": "hyperliquid",
}
_PREFIX = re.compile(r"([A-Za-z0-9_]{1,24}):(.+)")
_CCXT = re.compile(r"([^/:]+)/([^/:-]+)(?::([^/:-]+)(-[^/:]+)?)?")
_PLAIN = re.compile(rf"[{LETTERS}]{{1,24}}(-[A-Z0-9]{{1,12}}){{0,5}}")
_DATE = re.compile(r"\d{6}|\d{8}|\d{1,2}[A-Z]{3}\d{2,4}")
_DATED = re.compile(r".+USD[TC]?([FGHJKMNQUVXZ]\d{2,4}|\d{6})")  # TradingView's and Bybit's month codes
_QUOTE = re.compile(r"(?!SWAP|PERP)[A-Z0-9]{1,6}")
_MULTIPLE = re.compile(rf"(10{{3,}}|1M)(?=[{LETTERS}])")


@dataclass(frozen=True)
class Symbol:
    """A perpetual, by what its symbol says.

    Attributes
    ----------
    base
        The coin, or a multiple of it: ``BTC``, ``1000PEPE``, ``kPEPE`` (k: a thousand).
    quote
        ``USDT``, ``USDC``, ``USD`` or another; empty where the symbol has none.
    perpetual
        Whether it says so: ``-SWAP``, ``_PERP``, ``.P``.
    dashed
        Whether it came in parts.
    in_coins
        Whether it says that it is settled in its coin, as ccxt writes it.
    """

    base: str
    quote: str
    perpetual: bool
    dashed: bool
    in_coins: bool = False

    @property
    def is_inverse(self) -> bool:
        """Whether it is settled in its coin, if its exchange has such contracts."""
        return self.in_coins or self.quote == "USD"

    @property
    def thousands(self) -> str:
        """Return the coin of which the base is a multiple; empty if it is none."""
        if self.base.startswith("k"):
            return self.base[1:]
        many = _MULTIPLE.match(self.base)
        return self.base[many.end() :] if many else ""


def read_symbol(symbol: object, venue: str) -> Symbol:
    """Return what a symbol says.

    The result becomes part of file names and URLs: it holds letters and digits only.

    Raises
    ------
    InputError
        It is no symbol, or one of another exchange, a dated future, an option, or a contract that is settled neither
        in its quote currency nor, quoted in USD, in its coin.
    """
    text = unicodedata.normalize("NFKC", symbol).strip() if isinstance(symbol, str) and len(symbol) <= 99 else ""
    text = _local(text, symbol, venue)
    text, is_perpetual = re.subn(r"\.P$", "", text, flags=re.IGNORECASE)
    in_coins = False
    if found := _CCXT.fullmatch(text):
        base, quote, settled, expiry = found.groups()
        if expiry:
            raise dated(symbol, expiry[1:])
        in_coins = bool(settled) and settled.upper() != quote.upper()
        if in_coins and (settled.upper() != base.upper() or quote.upper() != "USD"):
            raise unknown_settlement(symbol, settled)
        text = f"{base}-{quote}"
    text = text.replace("_", "-")
    head, *tails = text.upper().split("-")
    if not _PLAIN.fullmatch(text.upper()) or not all(letter.isascii() or letter.isalpha() for letter in text):
        raise _unreadable(symbol, text, venue)
    for part in tails:
        if _DATE.fullmatch(part):
            raise dated(symbol, part)
    if _DATED.fullmatch(head):
        raise dated(symbol, head)
    dashed, quote = bool(tails), ""
    if tails and _QUOTE.fullmatch(tails[0]):
        quote = tails.pop(0)
    if tails and tails[0] in ("SWAP", "PERP"):
        tails, is_perpetual = tails[1:], 1
    if tails:
        raise InputError(
            f"symbol: wanted a perpetual such as BTCUSDT; got {shown(symbol)}, whose part {tails[0]!r} means nothing "
            f"for {venue}. Leave it out if that is the same contract."
        )
    if not quote:
        if head.endswith("PERP") and head != "PERP":
            head, is_perpetual = head.removesuffix("PERP"), 1
        quote = next((name for name in _QUOTES if head.endswith(name) and head != name), "")
        head = head.removesuffix(quote)
    if not head.isascii() and not quote:
        raise _unreadable(symbol, text, venue)
    written = text[: len(head)]
    k = (written[:1] == "k" and written[1:].isupper()) or (head.removeprefix("K") in THOUSANDS and head[:1] == "K")
    return Symbol(f"k{head[1:]}" if k else head, quote, bool(is_perpetual), dashed, in_coins)


def inverse(symbol: object) -> InputError:
    """Return the error for a contract that is settled in its coin where a linear one is wanted."""
    return InputError(
        f"symbol: wanted a linear perpetual, settled in USDT or USDC; got {shown(symbol)}, an inverse contract "
        "(settled in coins). Write the linear one, such as BTCUSDT."
    )


def not_inverse(symbol: object) -> InputError:
    """Return the error for a contract that is not settled in its coin although its symbol says so."""
    return InputError(
        f"symbol: wanted an inverse perpetual, settled in its coin; got {shown(symbol)}, which the venue lists as "
        "another contract. Write the linear one, such as BTCUSDT."
    )


def unknown_settlement(symbol: object, currency: str) -> InputError:
    """Return the error for a contract that is settled in another currency than its quote or its coin."""
    return InputError(
        f"symbol: wanted a perpetual settled in its quote currency, or quoted in USD and settled in its coin; got "
        f"{shown(symbol)}, settled in {shown(currency)}. Write BTC/USDT:USDT or BTC/USD:BTC."
    )


def dated(symbol: object, part: str) -> InputError:
    """Return the error for a contract that expires."""
    return InputError(
        f"symbol: wanted a perpetual; got {shown(symbol)}, a dated contract ({part}). "
        "Write the perpetual, such as BTCUSDT."
    )


def other_unit(symbol: object, venue: str, right: str) -> InputError:
    """Return the error for a multiple of a coin that the venue does not list."""
    return InputError(
        f"symbol: wanted one in the unit of {venue}; got {shown(symbol)}, whose prices are another multiple of the "
        f"coin's. Write {right}."
    )


def unlisted(venue: str, example: str) -> str:
    """Return what to do where a venue does not know a symbol."""
    return f"{venue} may not list it, or under another name (such as {example}). Check symbol, interval and range"


def _local(text: str, symbol: object, venue: str) -> str:
    """Return the text without a prefix that names this venue."""
    found = _PREFIX.fullmatch(text)
    if found is None:
        return text
    named = _EXCHANGES.get(found[1].upper())
    if named == venue:
        return found[2]
    if named:
        raise InputError(f"symbol: wanted one of {venue}; got {shown(symbol)}. Pass exchange={named!r}.")
    if venue == "hyperliquid" and found[1].islower():
        raise InputError(
            f"symbol: wanted a coin of Hyperliquid's own, such as BTC; got {shown(symbol)}, of the dex {found[1]!r} "
            "that others run on it. Those are not supported; read their candles with lw.Market.from_frame."
        )
    raise InputError(
        f"symbol: wanted a symbol of {venue}; got {shown(symbol)}, whose part {found[1] + ':'!r} names no exchange of "
        f"{', '.join(dict.fromkeys(_EXCHANGES.values()))}. Write it as BTCUSDT."
    )


def _unreadable(symbol: object, text: str, venue: str) -> InputError:
    strange = next((letter for letter in text if letter.isalpha() and not letter.isascii()), "")
    which = f", with the letter {strange!r} ({unicodedata.name(strange, 'unknown').lower()})" if strange else ""
    return InputError(
        f"symbol: wanted letters and digits, in parts joined by '-'; got {shown(symbol)}{which} for {venue}. "
        "Write it as BTCUSDT or BTC-USDT-SWAP."
    )
