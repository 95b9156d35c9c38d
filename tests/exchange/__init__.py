"""Fakes of four exchanges: HTTP and WebSocket servers on the loopback, one known history, faults on demand.

>>> history = History.make(start_ms=1_700_000_100_000, minutes=3 * 1440)
>>> with Exchange(history, vices=[vices.TooMany(times=2)], now_ms=history.end_ms) as exchange:
...     url = exchange.rest("binance") + "/fapi/v1/klines?symbol=BTCUSDT&interval=5m"

Tests compare what a client reads from the answers with the arrays of `History`.
"""

from . import vices
from .history import History
from .server import Exchange

__all__ = ["Exchange", "History", "vices"]
