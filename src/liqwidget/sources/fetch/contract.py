"""Asks a venue what an instrument is where its name does not say: an inverse contract is never read as a linear one."""

from __future__ import annotations

from ...errors import FetchError
from ...market.quote import instrument
from ..http.client import Client

_ATTEMPTS = 3  # an empty list is more often a temporary error than an unknown name


async def contract_size(client: Client, symbol: str) -> float:
    """Return the coins in one contract, or USD if it is inverse; 1 where sizes are in these.

    Raises
    ------
    InputError
        It is no perpetual of the client's kind.
    FetchError, ParseError
        The venue did not answer as expected.
    """
    contract = client.venue.contract
    if contract is None:
        return instrument(symbol, client.venue.name).contract_usd if client.venue.kind == "inverse" else 1.0
    for _ in range(_ATTEMPTS):
        body = (await client.ask(contract.request(symbol))).body
        if not isinstance(body, dict) or body.get("data") != []:
            return contract.size(body, symbol)
    raise FetchError(
        f"{client.venue.name}: wanted the contract {symbol}; got none of this name. Check the symbol, such as BTCUSDT."
    )
