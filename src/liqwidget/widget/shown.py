"""What is shown: one immutable state, built and checked completely before it replaces another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np

from ..errors import InputError
from ..model.estimate import resolve_decay_rate
from ..model.grid import Floats, PriceGrid, bins_on_offer, model_rows, nearest_bin, usual_bin
from ..model.maintenance import maintenance_note, possible
from ..model.opening import check_settings
from ..model.settings import MAX_TIERS, PRESETS, check_mix, shares
from .frames import MAX_CANDLES, CandlePicture
from .marks import Columns, Realised
from .positions import HasProfile, Snapshots, positions_frame

if TYPE_CHECKING:
    from ..market.market import Market
    from ..model.ledger import Ledger


class Picture(Protocol):
    """What `Shown` needs of a picture: a :class:`CandlePicture`, or a window of a history."""

    @property
    def market(self) -> Market: ...  # noqa: D102
    @property
    def grid(self) -> PriceGrid: ...  # noqa: D102
    @property
    def leverage(self) -> Floats: ...  # noqa: D102
    @property
    def settings(self) -> Mapping[str, Any]: ...  # noqa: D102
    @property
    def revision(self) -> int: ...  # noqa: D102
    @property
    def bars_revision(self) -> int: ...  # noqa: D102
    @property
    def ledger(self) -> Ledger: ...  # noqa: D102
    def frame(self, name: str) -> bytes: ...  # noqa: D102


Mix = Mapping[float, float]

#: Traits that hold frames.
FRAMES = ("_bars", "_model", "_ledger", "_events", "_positions")
_OF_PICTURE = ("_bars", "_model", "_ledger", "_positions")
#: Settings of the ledger.
SETTINGS = ("maintenance_rate", "fee_rate", "turnover", "span")


@dataclass(frozen=True, eq=False)
class Shown:
    """A picture, its mix and decay rate, and its overlays.

    Attributes
    ----------
    picture
        Market, rows and settings of the model, with its revision.
    mix
        Tier -> weight; all tiers are in the ledger.
    decay_rate
        Per hour, the number in use.
    decay_auto
        Whether the rate is automatic: it then follows the market.
    bin_size
        Height of a bin, USD: a whole multiple of the picture's rows.
    bin_auto
        Whether the size is automatic: the view then chooses it, and until then it is the usual one.
    venues
        Venues of a combined market that are shown; empty for a market of one venue.
    presets
        Presets whose tiers are in the ledger.
    fitted
        The mix of the calibration that was applied last, a preset of its own; or None.
    bin_sizes
        Bin sizes on offer, USD.
    realised
        Realised liquidations; only copies are ever changed.
    snapshots
        The last true positions.
    positions
        Those that are shown, which a replay chooses; or None.
    frames
        Trait -> frame for a new view. Frames that live messages have overtaken are absent; `filled` builds them.
    note
        Message to the user about this state, or empty.
    """

    picture: Picture
    mix: Mix
    decay_rate: float
    decay_auto: bool
    bin_size: float
    presets: Mapping[str, Mix]
    bin_sizes: tuple[float, ...]
    realised: Realised
    snapshots: Snapshots
    positions: HasProfile | None
    frames: Mapping[str, bytes]
    fitted: Mix | None = None
    note: str = ""
    bin_auto: bool = False
    venues: tuple[str, ...] = ()

    @property
    def market(self) -> Market:
        """The candles."""
        return self.picture.market

    @cached_property
    def ledger(self) -> Ledger:
        """The ledger of the venues shown, one column a candle; built on first use."""
        whole = self.picture.ledger
        return whole if len(self.venues) == len(self.market.venues) else whole.only(self.venues)

    @property
    def settings(self) -> Mapping[str, Any]:
        """Settings of the model; ``turnover`` may be "auto"."""
        return self.picture.settings

    @property
    def model(self) -> dict[str, Any]:
        """Settings of the estimate by trait name; ``decay_rate`` and ``bin_size`` may be "auto"."""
        rate = "auto" if self.decay_auto else self.decay_rate
        size = "auto" if self.bin_auto else self.bin_size
        model = {"leverage_mix": self.mix, "decay_rate": rate, "bin_size": size}
        model |= {name: self.settings[name] for name in SETTINGS}
        return {**model, "venues": self.venues} if self.venues else model

    @cached_property
    def closes(self) -> Floats:
        """Times at which the candles close, ms since 1970 UTC, shape (T,)."""
        index = self.market.candles.index.as_unit("ms").asi8.astype(np.float64)
        closes: Floats = index + self.market.interval.value / 1e6
        return closes

    def closed_by(self, ms: float | None) -> int:
        """Return how many candles have closed at a time, ms since 1970 UTC; None: all of them."""
        return len(self.closes) if ms is None else int(np.searchsorted(self.closes, ms, "right"))

    def until(self, ms: float | None) -> tuple[Market, Ledger]:
        """Return the candles that have closed at a time, and their ledger; None: all. Settings stay as they are."""
        columns = self.closed_by(ms)
        if columns == len(self.closes):
            return self.market, self.ledger
        last = self.market.candles.index[columns - 1]
        return self.market.between(None, last), self.ledger.at(self.decay_rate).until(columns)

    @cached_property
    def weights(self) -> Floats:
        """Share of each of the ledger's tiers, shape (L,)."""
        return shares({tier: self.mix.get(tier, 0.0) for tier in self.picture.leverage.tolist()})

    @property
    def columns(self) -> Columns:
        """The columns in which marks are placed."""
        return Columns.of(self.market, 1)

    def redrawn(self, picture: Picture, **changes: Any) -> Shown:
        """Return the state with another picture and other attributes, with its frames.

        Positions that do not fit the new grid are omitted, and ``note`` says so.
        """
        has_bars = picture.bars_revision == self.picture.bars_revision
        frames = self._frames_but("_model", "_ledger", "_positions", "" if has_bars else "_bars")
        return replace(self, picture=picture, frames=frames, **changes).filled(*_OF_PICTURE)

    def filled(self, *names: str) -> Shown:
        """Return the state with these frames built if they are absent."""
        frames, note = dict(self.frames), self.note
        for name in names:
            if name in frames:
                continue
            if name in ("_bars", "_model", "_ledger"):
                frames[name] = self.picture.frame(name)
            elif name == "_events":
                frames[name] = self.realised.again(self.columns)
            elif name == "_positions":
                frames[name] = b""
                if self.positions is not None:
                    try:
                        frames[name] = positions_frame(self.positions, self.picture.grid)
                    except InputError as error:
                        note = f"{error} The outline is left out."
        return replace(self, frames=frames, note=note)

    def _frames_but(self, *names: str) -> dict[str, bytes]:
        return {name: frame for name, frame in self.frames.items() if name not in names}

    def with_realised(self, realised: Realised, tail: bytes | None) -> Shown:
        """Return the state with other realised liquidations: as a complete frame, unless a tail was sent."""
        frames = self._frames_but("_events")
        if tail is None:
            frames["_events"] = realised.whole(self.columns)
        return replace(self, realised=realised, frames=frames)

    def with_positions(self, snapshots: Snapshots, ms: float | None) -> Shown:
        """Return the state with other snapshots, of which that of a replay's time is shown; None: of now."""
        positions = snapshots.at(ms)
        if positions is self.positions and "_positions" in self.frames:
            return replace(self, snapshots=snapshots)
        frames = self._frames_but("_positions")
        return replace(self, snapshots=snapshots, positions=positions, frames=frames).filled("_positions")

    def wanted(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Return `model` after some settings, possibly ``decay_auto`` or ``bin_auto``, were assigned.

        ``_auto_bin``, the size that a view chose, is kept if the size is automatic.
        """
        wanted = {**self.model, **given}
        for switch, name, number in (
            ("decay_auto", "decay_rate", self.decay_rate),
            ("bin_auto", "bin_size", self.bin_size),
        ):
            if switch not in given:
                continue
            auto = wanted.pop(switch)
            if not isinstance(auto, bool):
                raise InputError(f"{switch}: wanted True or False; got {str(auto)[:40]!r}. Use {name} for a number.")
            wanted[name] = "auto" if auto else number
        return wanted

    def appended(self, market: Market, since: int) -> tuple[Shown, bytes | None]:
        """Return the state with the candles from row ``since`` on changed, and the tail frame for them.

        If the rows do not reach far enough for the new candles, the picture is rebuilt and there is no tail.
        """
        _check_length(market)
        picture, span = self.picture, self.settings["span"]
        low, high = float(market.candles["low"].min()), float(market.candles["high"].max())
        edges = picture.grid.edges
        has_room = edges[0] <= low * (1 - span / 2) and edges[-1] >= high * (1 + span / 2)
        if isinstance(picture, CandlePicture) and has_room:
            changed, tail = picture.tail(market, since)
            rate, _ = _rate(self.model["decay_rate"], market, self.settings["turnover"])
            frames = self._frames_but("_bars", "_model")
            return replace(self, picture=changed, decay_rate=rate, frames=frames, note=""), tail
        return shown_of(market, self.model, self), None


def shown_of(market: Market, wanted: Mapping[str, Any], before: Shown | None = None) -> Shown:
    """Return the state that shows a market with some settings, complete and checked.

    Parameters
    ----------
    market
        The candles.
    wanted
        As `Shown.model`; without ``bin_size`` it is automatic and begins with the usual size.
    before
        The current state: overlays are kept, and the picture if it still fits. None for a new widget.

    Raises
    ------
    InputError
        A setting is not valid; the message names it.
    """
    _check_length(market)
    mix = check_mix(wanted["leverage_mix"])
    settings = _checked_settings(mix, wanted, market, before)
    rate, auto = _rate(wanted["decay_rate"], market, settings["turnover"])
    fitted = wanted.get("fitted", before.fitted if before is not None else None)
    presets = presets_beside(mix, settings, PRESETS if fitted is None else {**PRESETS, "fitted": fitted})
    tiers = {tier for one in (mix, *presets.values()) for tier in one}
    mixed: dict[str, Any] = {"mix": mix, "decay_rate": rate, "decay_auto": auto, "presets": presets, "fitted": fitted}
    mixed["venues"] = _shown_venues(wanted.get("venues"), market)
    if before is not None:
        old = before.picture
        if market is old.market and settings == old.settings and tiers <= set(old.leverage.tolist()):
            return replace(before, **mixed, **_bin(wanted, old.grid, before))
    candles = market.candles
    low, high, close = (candles[name].to_numpy() for name in ("low", "high", "close"))
    rows = model_rows(low, high, close, settings["span"])
    revision = 1 if before is None else before.picture.revision + 1
    has_bars = before is not None and market is before.market and "_bars" in before.frames
    if before is not None and maintenance_note(settings) != maintenance_note(before.settings):
        has_bars = False  # what is told of the data goes with them
    bars = before.picture.bars_revision if before is not None and has_bars else revision
    picture = CandlePicture(market, rows, np.array(sorted(tiers), np.float64), settings, revision, bars)
    mixed |= {"bin_sizes": tuple(bins_on_offer(rows.bin_size, rows.rows)), **_bin(wanted, rows, before)}
    if before is not None:
        return before.redrawn(picture, **mixed)
    realised = Realised(market.liquidations)
    shown = Shown(picture=picture, realised=realised, snapshots=Snapshots(), positions=None, frames={}, **mixed)
    return shown.with_realised(realised, None).filled(*_OF_PICTURE)


def _shown_venues(wanted: object, market: Market) -> tuple[str, ...]:
    """Return the venues to show, in the market's order; None: all of them."""
    known = tuple(market.venues)
    if wanted is None:
        return known
    names = wanted if isinstance(wanted, list | tuple) else [wanted]
    strange = [name for name in names if name not in known]
    if strange or bool(names) != bool(known):
        what = f"some of {', '.join(known)}" if known else "none, as the market is of one venue"
        raise InputError(f"venues: wanted {what}; got {str(strange[0] if strange else names)[:40]!r}.")
    return tuple(name for name in known if name in names)


def _check_length(market: Market) -> None:
    if len(market) > MAX_CANDLES:
        raise InputError(
            f"market: wanted at most {MAX_CANDLES:,} candles in a widget; got {len(market):,}. "
            f"Use market.tail({MAX_CANDLES}), or lw.history, which shows years of candles."
        )


def _bin(wanted: Mapping[str, Any], rows: PriceGrid, before: Shown | None) -> dict[str, Any]:
    """Return the bin size to show, whether it is automatic, and a note if it is not the one that was asked for."""
    asked = wanted.get("bin_size", "auto")
    if isinstance(asked, str) and asked == "auto":
        # What a view chose may be of another picture by now: then it chooses again.
        kept = before.bin_size if before is not None and "bin_size" in wanted else None
        chosen = wanted.get("_auto_bin", kept)
        offered = bins_on_offer(rows.bin_size, rows.rows)
        size = next((size for size in offered if size == chosen), usual_bin(rows.bin_size, rows.rows))
        return {"bin_size": size, "bin_auto": True, "note": ""}
    if isinstance(asked, str):
        raise InputError(f'bin_size: wanted a positive number of USD or "auto"; got {asked[:40]!r}. Use "auto".')
    size, note = nearest_bin(asked, rows.bin_size, rows.rows), ""
    if abs(size - asked) > 1e-9 * size:
        note = (
            f"bin_size: wanted a whole multiple of the rows ({rows.bin_size:.12g} USD); got {asked:.12g}. "
            f"{size:.12g} is shown."
        )
    return {"bin_size": size, "bin_auto": False, "note": note}


def _checked_settings(mix: Mix, wanted: Mapping[str, Any], market: Market, before: Shown | None) -> dict[str, Any]:
    """Return the settings of the ledger; errors name the setting that is at fault."""
    given = {name: wanted[name] for name in SETTINGS}
    check_settings([1.0], **given, market=market)
    try:
        return check_settings(list(mix), **given, market=market)[1]
    except InputError as error:
        if before is not None and mix != before.mix and str(error).startswith("leverage:"):
            raise InputError(f"leverage_mix: {error}") from None
        raise


def _rate(wanted: object, market: Market, turnover: float | Literal["auto"]) -> tuple[float, bool]:
    """Return the decay rate as a number, and whether it is automatic."""
    return resolve_decay_rate(wanted, market, turnover), isinstance(wanted, str)


def presets_beside(mix: Mix, settings: Mapping[str, Any], presets: Mapping[str, Mix] = PRESETS) -> dict[str, Mix]:
    """Return the presets whose tiers fit into a ledger beside those of a mix.

    Parameters
    ----------
    mix
        Tier -> weight.
    settings
        Of the ledger: its maintenance decides which tiers are possible.
    presets
        Those to choose from, by name.
    """
    tiers: set[float] = set(mix)
    offered: dict[str, Mix] = {}
    for name, preset in presets.items():
        if possible(list(preset), settings).all() and len(tiers | set(preset)) <= MAX_TIERS:
            tiers |= set(preset)
            offered[name] = preset
    return offered
