"""The state of a view as a short text for links, and back; twin of js/src/panels/link.ts."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, quote

import traitlets

from ..checks import shown
from ..errors import InputError

#: Traits that a text is made of, and those of them that are settings of the estimate.
LINKED = (
    *(
        "leverage_mix",
        "decay_auto",
        "decay_rate",
        "bin_auto",
        "bin_size",
        "turnover",
        "venues",
        "palette",
        "scale",
        "threshold",
        "opacity",
    ),
    *("swept", "bubbles", "theme", "layer", "contrast", "price_axis", "shock", "as_of", "visible"),
)
MODEL = frozenset(["leverage_mix", "decay_rate", "bin_size", "turnover", "venues"])
_VERSION = "1"
_MAX_LENGTH = 2000
_NUMBER = re.compile(r"-?\d{1,30}(\.\d{0,30})?(e[+-]?\d{1,3})?", re.IGNORECASE | re.ASCII)
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,3})?)?Z", re.ASCII)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
#: Names in the text and the traits that they stand for, where text and trait have the same form.
_SAME = {"palette": str, "scale": str, "layer": str, "contrast": str, "theme": str, "opacity": float, "shock": float}


def view_text(traits: Mapping[str, Any]) -> str:
    """Return the settings and the visible range of a widget as text, from its traits by name."""
    visible = traits["visible"]
    parts = {
        "view": _VERSION,
        "mix": ",".join(f"{tier:g}:{_text(weight)}" for tier, weight in traits["leverage_mix"].items()),
        "decay": "auto" if traits["decay_auto"] else _text(traits["decay_rate"]),
        "bin": "auto" if traits["bin_auto"] else _text(traits["bin_size"]),
        "turnover": _text(traits["turnover"]),
        "palette": traits["palette"],
        "scale": traits["scale"],
        "threshold": ",".join(map(_text, traits["threshold"])),
        "opacity": _text(traits["opacity"]),
        "layer": traits["layer"],
        "contrast": traits["contrast"],
        "axis": traits["price_axis"],
        "swept": str(int(traits["swept"])),
        "bubbles": str(int(traits["bubbles"])),
        "theme": traits["theme"],
    }
    if traits["venues"]:
        parts["venues"] = ",".join(quote(name, "") for name in traits["venues"])
    if traits["shock"] is not None:
        parts["shock"] = _text(traits["shock"])
    if traits["as_of"] is not None:
        parts["asof"] = _time_text(traits["as_of"])
    if visible is None:
        parts["range"] = "all"
    elif "range" in visible:
        parts["range"] = visible["range"]
    else:
        parts |= {"from": _time_text(visible["time_from"]), "to": _time_text(visible["time_to"])}
    if visible is not None and "price_low" in visible:
        parts["price"] = f"{_text(visible['price_low'])},{_text(visible['price_high'])}"
    return "&".join(f"{name}={value}" for name, value in parts.items())


def read_view(text: object) -> dict[str, Any]:
    """Return the traits that a text of :func:`view_text` sets; settings that it does not name stay as they are.

    Raises
    ------
    InputError
        It is no such text. Values are checked by the traits themselves.
    """
    if not isinstance(text, str) or len(text) > _MAX_LENGTH:
        raise InputError(f"view: wanted a text of at most {_MAX_LENGTH} characters; got {shown(text)}. {_TRY}")
    pairs = parse_qsl(text.lstrip("?#"), keep_blank_values=True)
    given = dict(pairs)
    if len(given) < len(pairs) or given.get("view") != _VERSION:
        raise InputError(f"view: wanted view={_VERSION} and each name once; got {shown(text)}. {_TRY}")
    found: dict[str, Any] = {"shock": None, "as_of": None}  # a text that does not name them has none

    def take(name: str, trait: str, read: Callable[[str], Any]) -> None:
        if name in given:
            try:
                found[trait] = read(given[name])
            except ValueError:
                raise InputError(f"view: {name} cannot be read; got {shown(given[name])}. {_TRY}") from None

    take("mix", "leverage_mix", _mix)
    take("decay", "decay_rate", _number_or_auto)
    take("bin", "bin_size", _number_or_auto)
    take("turnover", "turnover", _number_or_auto)
    take("venues", "venues", lambda names: tuple(names.split(",")))
    take("threshold", "threshold", _pair)
    take("swept", "swept", _flag)
    take("bubbles", "bubbles", _flag)
    take("asof", "as_of", _ms)
    take("axis", "price_axis", str)
    for name, kind in _SAME.items():
        take(name, name, _number if kind is float else str)
    take("range", "visible", str)
    if "from" in given or "to" in given:
        if not {"from", "to"} <= given.keys():
            raise InputError(f"view: wanted both from and to; got one of them. {_TRY}")
        take("from", "time_from", _ms)
        take("to", "time_to", _ms)
        found["visible"] = {name: found.pop(name) for name in ("time_from", "time_to")}
    if "price" in given:
        take("price", "price", _pair)
        low, high = found.pop("price")
        view = found.get("visible", "all")
        times = {"time": view} if isinstance(view, str) else view
        found["visible"] = {
            **times,
            **({"price": (low, high)} if "time" in times else {"price_low": low, "price_high": high}),
        }
    return found


def checked_view(text: object, widget: traitlets.HasTraits) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what a text sets as checked traits of a widget: settings of the estimate, and others.

    Raises
    ------
    InputError
        It is no view, or not one that the widget can show. Settings of the estimate are checked when they are shown.
    """
    found = read_view(text)
    traits: dict[str, Any] = widget.traits()
    model = {name: found.pop(name) for name in MODEL & found.keys()}
    try:
        others = {
            name: value if value is None else traits[name].validate(widget, value) for name, value in found.items()
        }
    except traitlets.TraitError as error:
        raise InputError(f"view: wanted values that the widget takes; got another: {error}") from None
    return model, others


_TRY = "Assign what hm.view returned, or what a page copied as a link after its #."


def _text(value: float | str) -> str:
    """Return a number as JavaScript writes it: 200, 0.05, 1e-7."""
    if isinstance(value, str):
        return value
    whole = float(value).is_integer() and abs(value) < 1e15
    return str(int(value)) if whole else re.sub(r"e([+-])0*", r"e\1", repr(float(value)))


def _time_text(ms: float) -> str:
    text = (_EPOCH + timedelta(milliseconds=round(ms))).isoformat(timespec="milliseconds")
    return re.sub(r"(:00)?\.000$", "", text.removesuffix("+00:00")) + "Z"


def _number(text: str) -> float:
    if not _NUMBER.fullmatch(text):
        raise ValueError
    return float(text)


def _number_or_auto(text: str) -> float | str:
    return text if text == "auto" else _number(text)


def _pair(text: str) -> tuple[float, float]:
    low, high = map(_number, text.split(","))
    return low, high


def _flag(text: str) -> bool:
    if text not in ("0", "1"):
        raise ValueError
    return text == "1"


def _ms(text: str) -> float:
    if not _TIME.fullmatch(text):
        raise ValueError
    return (datetime.fromisoformat(text) - _EPOCH) / timedelta(milliseconds=1)


def _mix(text: str) -> dict[float, float]:
    pairs = [one.split(":") for one in text.split(",")]
    mix = {_number(tier): _number(share) for tier, share in pairs}
    if len(mix) < len(pairs):
        raise ValueError
    return mix
