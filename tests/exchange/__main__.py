"""The fake exchanges as a separate process, for tests with several clients.

``python -m exchange '{"start_ms": ..., "minutes": ..., "seed": 0, "now_ms": null, "limits": {}}'`` prints the base
addresses as one line of JSON (append "/binance" and so on), and stops when its standard input ends. The keys are the
arguments of `History.make` and `Exchange`, without vices.
"""

from __future__ import annotations

import json
import sys

from .history import History
from .server import Exchange

OF_THE_HISTORY = ("start_ms", "minutes", "seed", "gaps")


def main() -> None:
    given = json.loads(sys.argv[1])
    history = History.make(**{name: given.pop(name) for name in OF_THE_HISTORY if name in given})
    with Exchange(history, **given) as exchange:
        addresses = {"rest": exchange.rest(""), "stream": exchange.stream("")}
        print(json.dumps({name: address.rstrip("/") for name, address in addresses.items()}), flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
