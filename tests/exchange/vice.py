"""Vice: one way to misbehave, and which requests it befalls."""

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
    """Base of all: does nothing. Immutable; what it remembers belongs to the server (`Memory`).

    Parameters
    ----------
    venue, path
        Only this exchange, only paths that hold this text (Hyperliquid: "/info candleSnapshot" and so on).
    nth
        Only the n-th matching request (from 1), or those of a tuple.
    probability, seed
        Only this share of the matching requests.
    times
        At most so often.
    per_url
        `nth` and `times` count each URL (with its parameters) for itself.
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
        """What the server takes the time for."""
        return now_ms

    def ask(self, request: Request, now_ms: int) -> tuple[Request, int]:
        """What the exchange takes the question for, and up to when its data reach."""
        return request, now_ms

    def reply(self, request: Request, normal: Reply, memory: Memory) -> Reply:
        """What it answers instead of the normal reply."""
        return normal

    async def deliver(self, wire: Wire, reply: Reply) -> bool:
        """Put the answer on the wire in its own way; False leaves that to the server."""
        return False

    def __repr__(self) -> str:
        fields = [(f.name, getattr(self, f.name), f.default) for f in dataclasses.fields(self)]
        given = [f"{name}={_short(repr(value))}" for name, value, default in fields if value != default]
        return f"{type(self).__name__}({', '.join(given)})"


@dataclass
class Memory:
    """What a server remembers of one vice."""

    vice: Vice
    now_ms: int = 0
    elsewhere: str = ""  # URL of another server that nobody should follow to
    seen: Counter[str] = field(default_factory=Counter)
    done: Counter[str] = field(default_factory=Counter)
    facts: dict[Any, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.rng = random.Random(self.vice.seed)

    def befalls(self, request: Request) -> bool:
        """Whether the vice strikes at this request; counts it."""
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
    """The path; of a POST with the type of its body."""
    if request.method == "POST":
        return f"{request.path} {(request.params or {}).get('type', '')}"
    return request.path


def _short(text: str) -> str:
    return text if len(text) <= 40 else f"{text[:30]}... ({len(text)} characters)"
