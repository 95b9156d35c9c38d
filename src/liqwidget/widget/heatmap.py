"""The widget: traits and their guards. The browser draws; numbers come from ledger and density."""

from __future__ import annotations

import difflib
import threading
from collections.abc import Mapping
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import traitlets

from ..errors import InputError, LiqError
from ..market import Market
from ..model.density import Density, resolve_decay_rate
from ..model.grid import MAX_ROWS, auto_bin_size, check_bin_size, nice_steps
from ..model.ledger import SPAN, Ledger, build_ledger
from ..model.settings import PRESETS, check_mix, shares
from .applied import Applied
from .export import Takeaway
from .frames import MAX_CELLS, MAX_COLUMNS, Picture, column_width
from .html_page import Pages
from .positions import Overlays
from .presence import Presence
from .traits import Bin, Bounded, Box, Decay, Mix, Threshold, mix_to_json
from .whatif import WhatIf

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pandas as pd

#: What the browser may write. Every other trait it sends is ignored.
WRITABLE = frozenset(
    [
        "leverage_mix",
        "decay_rate",
        "bin_size",
        "palette",
        "scale",
        "threshold",
        "opacity",
        "swept",
        "bubbles",
        "shock",
        "selection",
        "visible",
    ]
)
PALETTES = ("plasma", "viridis", "cividis", "inferno")
SCALES = ("linear", "sqrt", "log")
_FRAMES = ("_bars", "_ledger")


def _static(name: str) -> str:
    path = files("liqwidget") / "static" / name
    if not path.is_file():
        raise LiqError(f"the front end is not built: {name} is missing. Run `make build` in the checkout.")
    return path.read_text(encoding="utf-8")


class LiquidationHeatmap(Overlays, Presence, Pages, Takeaway, WhatIf, Applied):
    """Price candles in front of the estimated liquidation density, with its controls.

    Leverage mix and decay rate act in the browser at once; a new bin size is computed here.

    Parameters
    ----------
    market
        The candles.
    leverage_mix
        Tier -> weight, or a preset's name ("balanced", "hot", "on-chain").
    decay_rate
        Share of the standing estimate that closes by itself, per hour; "auto": what open interest and
        volume imply.
    bin_size
        Height of a price row, USD; None: the 1-2-5 number nearest to a picture of 500 rows.
    maintenance_rate, fee_rate, turnover, span
        See :func:`liqwidget.build_ledger`.
    **traits
        ``palette``, ``scale``, ``threshold``, ``opacity``, ``swept``, ``bubbles``, ``shock``, ``theme``, ``height``,
        ``layout``.

    Attributes
    ----------
    selection
        Box chosen with shift-drag: dict of ``time_from``, ``time_to`` (ms since 1970 UTC), ``price_low``,
        ``price_high`` (USD), or None. :meth:`selected` gives its levels.
    visible
        Times in view: dict of ``time_from``, ``time_to`` (ms since 1970 UTC), or None: all of them. Set it to move
        the view.
    bubbles
        Whether realised liquidations are drawn where there are some.
    shock
        Push of the price that is asked about, a signed fraction of the last close such as -0.03; None: none is.
        :meth:`cascade` answers.

    Raises
    ------
    InputError
        If an argument or a trait value is not usable; what was shown stays.
    """

    _esm = _static("index.js")  # text, read once: a path would be watched, and leak every instance
    _css = _static("index.css")

    _bars = traitlets.Bytes().tag(sync=True)
    _ledger = traitlets.Bytes().tag(sync=True)
    _status = traitlets.Dict({"state": "idle", "message": ""}).tag(sync=True)
    _presets = traitlets.Dict().tag(sync=True)
    _bin_sizes: traitlets.List[float] = traitlets.List().tag(sync=True)

    leverage_mix = Mix().tag(sync=True, to_json=mix_to_json)
    decay_rate = Decay().tag(sync=True)
    bin_size = Bin().tag(sync=True)
    palette = traitlets.Enum(PALETTES, "plasma").tag(sync=True)
    scale = traitlets.Enum(SCALES, "linear").tag(sync=True)
    threshold = Threshold((0.0, 0.5)).tag(sync=True)
    opacity = Bounded(1.0, 0.0, 1.0).tag(sync=True)
    swept = traitlets.Bool(False).tag(sync=True)
    theme = traitlets.Enum(("auto", "light", "dark"), "auto").tag(sync=True)
    height = Bounded(560.0, 200.0, 4000.0).tag(sync=True)
    selection = Box("time_from", "time_to", "price_low", "price_high").tag(sync=True)
    visible = Box("time_from", "time_to").tag(sync=True)
    #: Number of the picture, for whoever in Python follows it: it grows with every candle and every new ledger.
    _revision = traitlets.Int(1)

    def __init__(
        self,
        market: Market,
        leverage_mix: Mapping[float, float] | str | None = None,
        decay_rate: float | str = "auto",
        bin_size: float | None = None,
        *,
        maintenance_rate: float = 0.004,
        fee_rate: float = 0.0,
        turnover: float = 1.0,
        span: float = SPAN,
        **traits: Any,
    ) -> None:
        if not isinstance(market, Market):
            raise InputError(
                f"market: wanted a Market; got {type(market).__name__}. "
                "Use lw.Market.from_frame(df) for a DataFrame of candles."
            )
        self._refuse_unknown(traits)
        self._lock = threading.RLock()
        self._ready = False
        self._stale_frames = False
        self._seen: tuple[object, Density] | None = None
        self._market = market
        self.maintenance_rate, self.fee_rate, self.turnover, self.span = maintenance_rate, fee_rate, turnover, span
        mix = check_mix(leverage_mix)
        size = self._auto_bin(market) if bin_size is None else self._check_bin(bin_size)
        self._picture = self._draw(market, mix, size, revision=1)
        self._has_own_layout = "layout" not in traits
        super().__init__(
            _bars=self._picture.bars_frame(),
            _ledger=self._picture.ledger_frame(),
            _presets={name: mix_to_json(preset, self) for name, preset in self._possible_presets().items()},
            _bin_sizes=self._bins_on_offer(),
            leverage_mix=mix,
            decay_rate=resolve_decay_rate(decay_rate, market, turnover),
            bin_size=size,
            **traits,
        )
        self._ready = True
        self.on_msg(self._on_message)

    @property
    def market(self) -> Market:
        """The candles shown; assign another Market to show that one."""
        return self._market

    @market.setter
    def market(self, market: Market) -> None:
        if not isinstance(market, Market):
            raise InputError(f"market: wanted a Market; got {type(market).__name__}")
        with self._lock:
            size = self._auto_bin(market)
            self._show(self._draw(market, self.leverage_mix, size, self._picture.revision + 1), size)
            self._show_realised(market.liquidations)
            self.selection = None

    @property
    def ledger(self) -> Ledger:
        """Opened entries and sweeps of the market, one column a candle, for all presets' tiers and the mix's."""
        return self._picture.ledger

    @property
    def density(self) -> Density:
        """The mixed density of the present settings, one column a candle."""
        with self._lock:
            weights = self._weights()
            key = (self._picture, self.decay_rate, tuple(weights))
            if self._seen is None or self._seen[0] != key:
                self._seen = (key, self.ledger.replay(self.decay_rate, weights))
            return self._seen[1]

    def selected(self) -> pd.DataFrame:
        """Return the levels inside ``selection``.

        Returns
        -------
        DataFrame
            ``time`` (UTC), ``price`` (row centre, USD), ``side``, ``density`` (USD): the rows that are not
            zero; empty without a selection.
        """
        import numpy as np
        import pandas as pd

        density, box = self.density, self.selection
        ms = density.time.astype("datetime64[ms]").astype(np.int64)
        centre = density.grid.centres
        columns = np.zeros(len(ms), bool) if box is None else (ms >= box["time_from"]) & (ms <= box["time_to"])
        rows = (
            np.zeros(len(centre), bool) if box is None else (centre >= box["price_low"]) & (centre <= box["price_high"])
        )
        part = density.values[np.ix_(rows, columns)].T
        t, row = np.nonzero(part)
        price = centre[rows][row]
        return pd.DataFrame(
            {
                "time": pd.DatetimeIndex(density.time[columns][t]).tz_localize("UTC"),
                "price": price,
                "side": np.where(price < density.close[columns][t], "long", "short"),
                "density": part[t, row],
            }
        )

    def append(self, candles: pd.DataFrame, *, replace: bool = False) -> None:
        """Add live candles; the first may replace the forming one. Only the change is sent.

        Parameters
        ----------
        candles, replace
            As for :meth:`liqwidget.Market.append`.
        """
        with self._lock:
            old = self._market
            market = old.append(candles, replace=replace)
            since = len(market) - len(candles)
            low, high = market.candles["low"].min(), market.candles["high"].max()
            picture = self._picture
            if column_width(len(market)) != picture.width or not self._has_room(low, high):
                self._show(self._draw(market, self.leverage_mix, self.bin_size, picture.revision + 1), self.bin_size)
            else:
                ledger = picture.ledger.extended(market, since)
                self._picture, frame = picture.tail(market, ledger, since)
                self._market = market
                self._stale_frames = True
                self.send({"type": "tail"}, [frame])
                self._revision = self._picture.revision
            self._more_columns()

    def close(self) -> None:
        """Close the widget with its views, and the layout that was made for it, which ipywidgets would keep."""
        is_open = self.comm is not None
        super().close()
        if is_open and self._has_own_layout:
            self.layout.close()

    def set_state(self, sync_data: dict[str, Any]) -> None:
        """Take what the browser wrote, if it may write it and the value is valid; else send the old value back."""
        with self._lock:
            for name in sync_data:
                if name not in WRITABLE:
                    self.log.debug("liqwidget: the browser may not write %r", name[:40])
            for name in WRITABLE & sync_data.keys():
                if self._status["state"] == "error":
                    self._status = {"state": "idle", "message": ""}
                try:
                    if name == "leverage_mix":
                        self._check_tiers(sync_data[name])
                    super().set_state({name: sync_data[name]})
                except (LiqError, traitlets.TraitError) as error:
                    self._status = {"state": "error", "message": str(error)[:500]}
                    self.send_state(name)

    def get_state(self, key: Any = None, drop_defaults: bool = False) -> Any:
        """Return the synced state; frames that live candles have overtaken are made anew first."""
        wanted = {key} if isinstance(key, str) else set(key) if key is not None else set(_FRAMES)
        if self._ready and self._stale_frames and wanted & set(_FRAMES):
            with self._lock:
                self._stale_frames = False
                # Not through the traits: the browser has this picture already, by its tails.
                self._trait_values.update(_bars=self._picture.bars_frame(), _ledger=self._picture.ledger_frame())
        if self._ready and (key is None or "_events" in wanted):
            with self._lock:
                self._fresh_events()
        return super().get_state(key, drop_defaults)

    @traitlets.observe("bin_size")
    def _on_bin_size(self, change: Any) -> None:
        with self._lock:
            if self._ready and change.new != self.ledger.bin_size:
                self._show(
                    self._draw(self._market, self.leverage_mix, change.new, self._picture.revision + 1), change.new
                )

    @traitlets.observe("leverage_mix")
    def _on_leverage_mix(self, change: Any) -> None:
        with self._lock:
            if self._ready and not set(change.new) <= set(self.ledger.leverage.tolist()):
                self._show(
                    self._draw(self._market, change.new, self.bin_size, self._picture.revision + 1), self.bin_size
                )

    def _on_message(self, _widget: object, content: Any, _buffers: object) -> None:
        kind = content.get("type") if isinstance(content, dict) else None
        if kind == "resync":
            with self._lock:
                if content.get("revision") != self._picture.revision:
                    self.send_state(_FRAMES)
                if content.get("events", self._realised.revision) != self._realised.revision:
                    self.send_state("_events")
        elif kind in ("here", "gone"):
            self._hear(content)
        elif kind == "export":
            self._hear_ask(content)

    def _draw(self, market: Market, mix: Mapping[float, float], bin_size: float, revision: int) -> Picture:
        tiers = sorted({*mix, *(tier for preset in self._possible_presets().values() for tier in preset)})
        ledger = build_ledger(market, tiers, bin_size, self.maintenance_rate, self.fee_rate, self.turnover, self.span)
        return Picture.of(market, ledger, revision, self._bars_shown(market))

    def _bars_shown(self, market: Market) -> int | None:
        """Return the revision of the bars frame that holds these candles, if one does."""
        shown = self._picture if self._ready else None
        return shown.bars_revision if shown and shown.market is market and not self._stale_frames else None

    def _show(self, picture: Picture, bin_size: float) -> None:
        """Send a picture, without its bars where they are there already. Nothing is changed before it is complete."""
        same_bars = self._bars_shown(picture.market) == picture.bars_revision
        bars, ledger = self._bars if same_bars else picture.bars_frame(), picture.ledger_frame()
        positions, problem = self._positions_on(picture.ledger.grid)
        self._picture, self._market, self._stale_frames = picture, picture.market, False
        with self.hold_sync():
            self.bin_size = bin_size
            self._bars, self._ledger, self._positions = bars, ledger, positions
            self._bin_sizes = self._bins_on_offer()
            if problem:
                self._status = {"state": "error", "message": problem[:500]}
        self._revision = picture.revision

    def _possible_presets(self) -> dict[str, dict[float, float]]:
        """Return the presets all of whose tiers can exist at this maintenance rate."""
        least = self.maintenance_rate + self.fee_rate
        return {name: preset for name, preset in PRESETS.items() if all(1 / tier > least for tier in preset)}

    def _weights(self) -> npt.NDArray[np.float64]:
        mix = self.leverage_mix
        return shares({tier: mix.get(tier, 0.0) for tier in self.ledger.leverage.tolist()})

    def _check_tiers(self, mix: object) -> None:
        strange = set(check_mix(mix)) - set(self.ledger.leverage.tolist())  # type: ignore[arg-type]
        if strange:
            raise InputError(f"leverage_mix: the controls know no tier {min(strange):g}; add it from Python")

    def _check_bin(self, value: object) -> float:
        size = check_bin_size(value)
        columns = min(len(self._market), MAX_COLUMNS)
        rows, most = self._height(self._market) / size, min(MAX_CELLS // columns, MAX_ROWS - 2)
        if rows > most:
            raise InputError(
                f"bin_size: {size:g} makes {rows:,.0f} rows x {columns:,} columns; the browser draws at most "
                f"{most:,} rows of them. Use {self._height(self._market) / most:.3g} or more."
            )
        return size

    def _bins_on_offer(self) -> list[float]:
        columns = min(len(self._market), MAX_COLUMNS)
        height = self._height(self._market)
        return [size for size in nice_steps(self._auto_bin(self._market), 4) if height / size * columns <= MAX_CELLS]

    def _height(self, market: Market) -> float:
        low, high = market.candles["low"].min(), market.candles["high"].max()
        return float(high * (1 + self.span) - low * (1 - self.span))

    def _auto_bin(self, market: Market) -> float:
        return auto_bin_size(market.candles["low"], market.candles["high"], self.span)

    def _has_room(self, low: float, high: float) -> bool:
        """Tell whether the grid still reaches half its span beyond these prices."""
        edges = self.ledger.price_edges
        return bool(edges[0] <= low * (1 - self.span / 2) and edges[-1] >= high * (1 + self.span / 2))

    @classmethod
    def _refuse_unknown(cls, traits: Mapping[str, Any]) -> None:
        known = [name for name in cls.class_trait_names() if not name.startswith("_") and name not in ("keys", "comm")]
        for name in traits:
            if name not in known:
                near = difflib.get_close_matches(name, known, 3, 0.5) or ["palette", "scale", "threshold"]
                raise InputError(f"LiquidationHeatmap has no {name[:40]!r}; did you mean {', '.join(near)}?")
