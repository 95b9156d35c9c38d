"""Vice: one kind of misbehaviour, and the requests that it applies to."""

from __future__ import annotations

import dataclasses
import random
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Self

from .messages import Reply, Request

if TYPE_CHECKING:
    from .wire import Wire


@dataclass(frozen=True, kw_only=True)
class Vice:
    """Base of all vices: does nothing. Immutable; its state is kept by the server (`Memory`).

    Parameters
    ----------
    venue, path
        Apply only to this exchange, only to paths with this text (Hyperliquid: "/info candleSnapshot" and so on).
    nth
        Apply only to the n-th matching request (from 1), or to those of a tuple.
    probability, seed
        Apply only to this share of the matching requests.
    times
        Apply at most this many times.
    per_url
        Count `nth` and `times` separately for each URL (with its parameters).
    """

    name: ClassVar[str] = "nothing"
    venue: str | None = None
    path: str = ""
    nth: int | tuple[int, ...] | None = None
    probability: float = 1.0
    seed: int = 0
    times: int | None = None
    per_url: bool = False

    def on(self, **fields: Any) -> Self:
        """The same vice with other fields: `vice.on(times=2, per_url=True)`."""
        return dataclasses.replace(self, **fields)

    def matches(self, request: Request) -> bool:
        return self.venue in (None, request.venue) and self.path in described(request)

    def clock(self, now_ms: int) -> int:
        """The time as the server sees it."""
        return now_ms

    def ask(self, request: Request, now_ms: int) -> tuple[Request, int]:
        """The request as the exchange understands it, and the time up to which its data reach."""
        return request, now_ms

    def reply(self, request: Request, normal: Reply, memory: Memory) -> Reply:
        """The reply that replaces the normal one."""
        return normal

    async def deliver(self, wire: Wire, reply: Reply) -> bool:
        """Send the answer in a special way; return False to leave that to the server."""
        return False

    def __repr__(self) -> str:
        fields = [(f.name, getattr(self, f.name), f.default) for f in dataclasses.fields(self)]
        given = [f"{name}={_short(repr(value))}" for name, value, default in fields if value != default]
        return f"{type(self).__name__}({', '.join(given)})"


@dataclass
class Memory:
    """The state that a server keeps for one vice."""

    vice: Vice
    now_ms: int = 0
    elsewhere: str = ""  # URL of another server that clients must not follow to
    seen: Counter[str] = field(default_factory=Counter)
    done: Counter[str] = field(default_factory=Counter)
    facts: dict[Any, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.rng = random.Random(self.vice.seed)

    def befalls(self, request: Request) -> bool:
        """Whether the vice applies to this request; counts it."""
        vice = self.vice
        if not vice.matches(request):
            return False
        key = f"{request.venue} {request.url} {request.body!r}" if vice.per_url else ""
        self.seen[key] += 1
        wanted = (vice.nth,) if isinstance(vice.nth, int) else vice.nth
        if wanted is not None and self.seen[key] not in wanted:
            return False
        if vice.times is not None and self.done[key] >= vice.times:
            return False
        if vice.probability < 1.0 and self.rng.random() >= vice.probability:
            return False
        self.done[key] += 1
        return True


def described(request: Request) -> str:
    """The path; for a POST also the type in its body."""
    if request.method == "POST":
        return f"{request.path} {(request.params or {}).get('type', '')}"
    return request.path


def _short(text: str) -> str:
    return text if len(text) <= 40 else f"{text[:30]}... ({len(text)} characters)"
