"""Redirects a notebook's kernel from the venues to an exchange on the loopback."""

from __future__ import annotations

import json

from exchange import Exchange
from loopback import VENUES

# The kernel connects to the loopback in place of the venues; the exchange runs in the test process, in real time.
CONNECT = """
import os, tempfile
from liqwidget.sources.venues import hosts
os.environ["LIQWIDGET_CACHE"] = tempfile.mkdtemp()
hosts.HOSTS = {{name: hosts.Host(rest, stream) for name, (rest, stream) in {addresses}.items()}}
"""


def connect(exchange: Exchange) -> str:
    addresses = {name: (exchange.rest(name), exchange.stream(name)) for name in VENUES}
    return CONNECT.format(addresses=json.dumps(addresses))
