"""The synced traits of a widget, their guards, and the one state behind them."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from typing import Any, Literal, get_args

import anywidget
import ipywidgets
import traitlets
from traitlets.utils.bunch import Bunch

from ..checks import is_finite, stamp
from ..errors import InputError, LiqError
from ..model.maintenance import MaintenanceRate
from ..model.settings import PresetName, check_mix
from .front_end import Module, entry_of, send_module
from .html_page import new_picture_id
from .presence import OFF
from .shown import FRAMES, Shown
from .traits import (
    Bounded,
    Box,
    Choice,
    Contrast,
    Get,
    Layer,
    Moment,
    Palette,
    PriceAxis,
    Scale,
    Set,
    Switch,
    Theme,
    Threshold,
    mix_to_json,
)
from .visible import Extent, is_scene, plain_view, view_of

#: What the browser may write. Every other trait it sends is ignored.
WRITABLE = frozenset(
    [
        "leverage_mix",
        "decay_rate",
        "decay_auto",
        "bin_size",
        "bin_auto",
        "_auto_bin",
        "venues",
        "palette",
        "scale",
        "contrast",
        "price_axis",
        "threshold",
        "opacity",
        "swept",
        "bubbles",
        "layer",
        "shock",
        "selection",
        "visible",
        "as_of",
    ]
)
PALETTES: tuple[Palette, ...] = get_args(Palette)
SCALES: tuple[Scale, ...] = get_args(Scale)
#: Latest time that the browser can write as a date, ms since 1970 UTC.
_LATEST = 8.64e15
LAYERS: tuple[Layer, ...] = get_args(Layer)
CONTRASTS: tuple[Contrast, ...] = get_args(Contrast)
PRICE_AXES: tuple[PriceAxis, ...] = get_args(PriceAxis)
_THEMES: tuple[Theme, ...] = get_args(Theme)
_Auto = Literal["auto"]
_IDLE = {"state": "idle", "message": ""}
#: As high as its contents. Without a height, Shiny cuts a widget to 400 pixels.
_LAYOUT = {"height": "fit-content"}


class _Model(traitlets.TraitType[Get, Set]):
    """A setting of the estimate: assigning it shows a new state, or raises and changes nothing."""

    def set(self, obj: Any, value: Any) -> None:
        """Pass the value to the widget, which sets the trait once the new state is complete."""
        if not obj._is_ready:
            super().set(obj, value)
        elif value is not getattr(obj, str(self.name)):  # traitlets sets held values a second time
            obj._change({self.name: value})


class _AutoBin(_Model[float | None, float | None]):
    """The bin size that a view chose. It is no user's setting: it has no effect unless the size is automatic."""

    def set(self, obj: Any, value: Any) -> None:
        """Pass a number to the widget if it matters there."""
        if not obj._is_ready:
            super().set(obj, value)
        elif value is not None:  # ipywidgets may send back what it was sent
            if not is_finite(value):
                raise InputError(f"_auto_bin: wanted a number of USD; got {str(value)[:40]!r}. Set bin_size instead.")
            if obj.bin_auto:
                super().set(obj, value)


class _Visible(traitlets.TraitType[dict[str, Any] | None, Sequence[Any] | Mapping[str, Any] | None]):
    """What is in view; see `visible.view_of`. A form that users write also makes the picture readable there."""

    def validate(self, obj: Any, value: Any) -> dict[str, Any] | None:
        """Return the value to store, or raise InputError."""
        return view_of(value, obj._extent)

    def set(self, obj: Any, value: Any) -> None:
        """Store the value, and set what goes with it."""
        if not obj._is_ready or not is_scene(value):
            super().set(obj, value)
            return
        with obj._lock, obj.hold_sync():
            super().set(obj, value)
            obj._make_readable()


class SyncedHeatmap(anywidget.AnyWidget):
    """A widget whose traits are those of one `Shown`, changed all at once or not at all.

    A subclass builds the first state; its `_planned` returns the state for other settings.
    """

    # Text: anywidget watches paths, which keeps every instance alive.
    _esm: str
    _css: str
    _module = traitlets.Instance(Module, allow_none=True).tag(sync=True, **ipywidgets.widget_serialization)

    # What is shown, in the form that the browser reads: only `_swap` sets it.
    _bars = traitlets.Bytes().tag(sync=True)
    _model = traitlets.Bytes().tag(sync=True)
    _ledger = traitlets.Bytes().tag(sync=True)
    _events = traitlets.Bytes().tag(sync=True)
    _positions = traitlets.Bytes().tag(sync=True)
    _presets = traitlets.Dict().tag(sync=True)
    _bin_sizes: traitlets.List[float] = traitlets.List().tag(sync=True)
    _status = traitlets.Dict(_IDLE).tag(sync=True)
    _live = traitlets.Dict(OFF).tag(sync=True)
    #: Revision of the picture, for observers in Python: it grows with every candle and every new ledger.
    _revision = traitlets.Int(1)
    #: Number of times another market was assigned: a live feed belongs to the market it was started for.
    markets_assigned: traitlets.Int[int, int] = traitlets.Int(0, read_only=True)

    # Settings of the estimate.
    leverage_mix: _Model[dict[float, float], Mapping[int, float] | Mapping[float, float] | PresetName] = _Model().tag(
        sync=True, to_json=mix_to_json
    )
    decay_rate: _Model[float, float | _Auto] = _Model().tag(sync=True)
    decay_auto: _Model[bool, bool] = _Model().tag(sync=True)
    bin_size: _Model[float, float | _Auto] = _Model().tag(sync=True)
    bin_auto: _Model[bool, bool] = _Model().tag(sync=True)
    #: Size that a view chose, used while the bin size is automatic; None while it is not. Only views write it.
    _auto_bin = _AutoBin().tag(sync=True)
    maintenance_rate: _Model[MaintenanceRate, MaintenanceRate] = _Model()
    fee_rate: _Model[float, float] = _Model()
    turnover: _Model[float | _Auto, float | _Auto] = _Model().tag(sync=True)
    venues: _Model[tuple[str, ...], Sequence[str] | None] = _Model(()).tag(
        sync=True, to_json=lambda names, _: list(names)
    )
    span: _Model[float, float] = _Model()

    # How it is displayed.
    palette: Choice[Palette] = Choice(PALETTES, "plasma").tag(sync=True)
    scale: Choice[Scale] = Choice(SCALES, "linear").tag(sync=True)
    contrast: Choice[Contrast] = Choice(CONTRASTS, "view").tag(sync=True)
    price_axis: Choice[PriceAxis] = Choice(PRICE_AXES, "linear").tag(sync=True)
    threshold: Threshold = Threshold((0.0, 0.5)).tag(sync=True)
    opacity: Bounded[float] = Bounded(1.0, 0.0, 1.0).tag(sync=True)
    swept: Switch = Switch(False).tag(sync=True)
    bubbles: Switch = Switch(True).tag(sync=True)
    layer: Choice[Layer] = Choice(LAYERS, "estimate").tag(sync=True)
    theme: Choice[Theme] = Choice(_THEMES, "auto").tag(sync=True)
    height: Bounded[float] = Bounded(560.0, 200.0, 4000.0).tag(sync=True)
    shock: Bounded[float | None] = Bounded[float | None](None, -0.99, 10.0, allow_none=True).tag(sync=True)
    selection: Box = Box("time_from", "time_to", "price_low", "price_high").tag(sync=True)
    visible: _Visible = _Visible(None, allow_none=True).tag(sync=True)
    as_of: Moment = Moment().tag(sync=True)

    #: How the estimate compares with realised liquidations, written by Python alone.
    score: traitlets.Dict[str, Any] = traitlets.Dict(read_only=True).tag(sync=True)
    #: Clusters near the last price, and the rules they are chosen by: written by Python alone.
    near: traitlets.List[dict[str, Any]] = traitlets.List(read_only=True).tag(sync=True)
    _near_rules: traitlets.List[dict[str, float]] = traitlets.List(read_only=True).tag(sync=True)
    #: Name shared by the heatmaps whose crosshairs are linked; "" if they are not.
    linked: traitlets.Unicode[str, str | bytes] = traitlets.Unicode("", read_only=True).tag(sync=True)
    #: Id of its static pictures, by which its views find and hide them.
    _picture_id = traitlets.Unicode().tag(sync=True)

    _is_ready = False

    def __init__(self, shown: Shown, traits: Mapping[str, Any]) -> None:
        self._lock = threading.RLock()
        self._shown = shown
        self._has_own_layout = "layout" not in traits
        module = Module.of_kernel()
        self._esm, self._css = entry_of(module)
        own = {"layout": _LAYOUT, "_module": module, "_picture_id": new_picture_id()}
        super().__init__(**{**_traits_of(shown), **own, **traits})
        self.on_msg(send_module)
        self._is_ready = True

    def __repr__(self) -> str:
        """Return text that is the same in each run, so that notebooks can be compared: ipywidgets' has an address."""
        return f"{type(self).__name__}({self._shown.market!r})" if self._is_ready else object.__repr__(self)

    @property
    def shown(self) -> Shown:
        """The current state, immutable."""
        return self._shown

    @property
    def _extent(self) -> Extent:
        """Times of everything that can be shown."""
        time, interval = self._shown.market.candles.index.as_unit("ns").asi8, self._shown.market.interval.value
        return Extent.of(int(time[0]), int(time[-1]), interval)

    def _make_readable(self) -> None:
        """Let the view choose what depends on the part that is in view."""
        if len(self._shown.bin_sizes) > 1:
            self.bin_auto = True
        self.contrast = "view"

    def _planned(self, wanted: Mapping[str, Any]) -> Shown:
        """Return the state with other settings of the estimate, by their names, or raise."""
        raise NotImplementedError

    def check_replay(self, ms: float) -> None:
        """Raise InputError if no candle had closed at a time, ms since 1970 UTC: there would be nothing to show."""
        if not ms <= _LATEST or self._shown.closed_by(ms) == 0:
            first = stamp(round(self._shown.closes[0] * 1e6))
            raise InputError(
                f"as_of: wanted a time from {first} (UTC) on, when the first candle closes; got {ms:.15g} ms since "
                "1970. Assign a later time, or None to show all."
            )

    def _change(self, wanted: Mapping[str, Any]) -> None:
        """Show the state with other settings of the estimate."""
        with self._lock:
            self._swap(self._planned(wanted))

    def _swap(self, shown: Shown, *messages: tuple[str, bytes | None], **traits: Any) -> None:
        """Replace the current state by a complete one, then notify the browser and observers.

        Parameters
        ----------
        shown
            The state.
        messages
            Kind and frame of messages to send, in addition to changed traits.
        **traits
            Other traits to set with it, already checked.
        """
        new = {**_traits_of(shown), **traits}
        if shown.note:
            new["_status"] = {"state": "error", "message": shown.note[:500]}
        old = {name: self._trait_values.get(name) for name in new}
        new = {name: value for name, value in new.items() if old[name] is not value and old[name] != value}
        self._shown = replace(shown, note="")
        self._trait_values.update(new)
        for kind, frame in messages:
            if frame is not None:
                self.send({"type": kind}, [frame])
        synced = new.keys() & set(self.keys)
        with self.hold_sync() if synced else nullcontext():  # one message, sent even if an observer raises
            for name in synced:
                self._should_send_property(name, new[name])
            for name, value in new.items():
                self.notify_change(Bunch(name=name, old=old[name], new=value, owner=self, type="change"))

    def set_state(self, sync_data: dict[str, Any]) -> None:
        """Apply what the browser wrote if it is writable and valid; else send the old value back."""
        with self._lock, self.hold_sync():
            for name in sync_data:
                if name not in WRITABLE:
                    self.log.debug("liqwidget: the browser may not write %r", name[:40])
            # Reversed: a number as decay_rate or bin_size clears decay_auto or bin_auto, unless that is written too.
            for name in sorted(WRITABLE & sync_data.keys(), reverse=True):
                if self._status["state"] == "error":
                    self._status = _IDLE
                try:
                    if name == "leverage_mix":
                        self._check_tiers(sync_data[name])
                    elif name == "visible":
                        plain_view(sync_data[name])
                    super().set_state({name: sync_data[name]})
                    if self.get_state(name)[name] != sync_data[name]:  # a size on offer, which may be the old value
                        self.send_state(name)
                except (LiqError, traitlets.TraitError) as error:
                    self._status = {"state": "error", "message": str(error)[:500]}
                    self.send_state(name)

    def get_state(self, key: Any = None, drop_defaults: bool = False) -> Any:
        """Return the synced state; frames that live messages have overtaken are rebuilt first."""
        if self._is_ready:
            with self._lock:
                wanted = {key} if isinstance(key, str) else set(FRAMES if key is None else key)
                late = [name for name in FRAMES if name in wanted and name not in self._shown.frames]
                if late:
                    self._shown = self._shown.filled(*late)
                    # Without notification: messages have brought the browser to this state already.
                    self._trait_values.update({name: self._shown.frames[name] for name in late})
        return super().get_state(key, drop_defaults)

    def close(self) -> None:
        """Close the widget with its views, and the layout that was created for it, which ipywidgets would keep open."""
        is_open = self.comm is not None
        super().close()
        if is_open and self._has_own_layout:
            self.layout.close()

    def _check_tiers(self, mix: object) -> None:
        strange = set(check_mix(mix)) - set(self._shown.picture.leverage.tolist())  # type: ignore[arg-type]
        if strange:
            tier = f"{min(strange):g}"
            raise InputError(f"leverage_mix: wanted tiers of the ledger; got {tier}. Add tier {tier} from Python.")


def _traits_of(shown: Shown) -> dict[str, Any]:
    """Return the traits of a state; mutable values are copies."""
    return {
        **shown.frames,
        "_presets": {name: mix_to_json(preset, None) for name, preset in shown.presets.items()},
        "_bin_sizes": list(shown.bin_sizes),
        **shown.model,
        "leverage_mix": dict(shown.mix),
        "venues": shown.venues,
        "decay_rate": shown.decay_rate,
        "decay_auto": shown.decay_auto,
        "bin_size": shown.bin_size,
        "bin_auto": shown.bin_auto,
        "_auto_bin": shown.bin_size if shown.bin_auto else None,
        "_revision": shown.picture.revision,
    }
