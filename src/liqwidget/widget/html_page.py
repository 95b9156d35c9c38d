"""Pages without a kernel: the widget as one HTML file, and a static picture for saved notebooks."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from html import escape
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from ..errors import LiqError
from .still_image import HEIGHT, WIDTH, Still
from .wire import decode_frame, encode_frame

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..market.market import Market

WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
#: The PNG of a static picture has twice as many pixels.
PNG_SIZE = {"image/png": {"width": WIDTH, "height": HEIGHT}}
#: Settings of a page, as settings.ts names them, and the traits they come from.
SETTINGS = {
    "leverageMix": "leverage_mix",
    "decayRate": "decay_rate",
    "decayAuto": "decay_auto",
    "binSize": "bin_size",
    "binAuto": "bin_auto",
    "turnover": "turnover",
    "venues": "venues",
    **{name: name for name in ("palette", "scale", "contrast", "threshold", "opacity", "swept", "layer")},
    **{name: name for name in ("bubbles", "shock", "theme", "height")},
    "asOf": "as_of",
    "priceAxis": "price_axis",
}
_PAGE_CSS = """
body { margin: 0 auto; padding: 12px; max-width: 1500px; background: #fff; color: #23212e;
  font: 14px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
h1, header p { overflow-wrap: anywhere; }
h1 { margin: 0; font-size: 20px; }
header p, footer p { margin: 4px 0 12px; }
"""
_EMBED_CSS = """
.liq-embedded body { margin: 0; padding: 0; max-width: none; overflow: hidden; }
.liq-embedded body > header, .liq-embedded body > footer, .liq-embedded :is(.liq-fit, .liq-deck, .liq-table,
.liq-near, .liq-replay, .liq-levels) { display: none !important; }
.liq-embedded .liq { border: 0 !important; border-radius: 0 !important; }
"""
_STILL_CSS = """
.liq-still { margin: 0; max-width: 720px; overflow-x: auto; }
[hidden] { display: none; }
.liq-still img { max-width: 100%; height: auto; display: block; }
.liq-still caption { text-align: left; font-weight: 600; white-space: nowrap; }
.liq-still td, .liq-still th { text-align: right; padding: 1px 10px 1px 0; font-variant-numeric: tabular-nums; }
@media (prefers-color-scheme: dark) { body { background: #121019; color: #dcd9e6; } a { color: #b98af0; } }
"""
#: Of the static picture in a notebook; a view of its widget hides it while it lives. JupyterLab shows an empty view of
#: a widget that is gone: it would be a gap above the picture.
NOTEBOOK_CSS = (
    ".jp-OutputArea:has(.liq-still) .jp-OutputArea-output.jupyter-widgets:not(:has(*)){display:none}"
    ".liq-still{margin:0;max-width:720px}.liq-still img{max-width:100%;height:auto}"
    ".liq-still caption{text-align:left}"
)


@dataclass(frozen=True)
class Page:
    """The content of a page.

    Attributes
    ----------
    market
        The candles; the page names their symbol and last time.
    still
        The static picture, for readers without scripts.
    frames
        Name -> bytes, as `saved_page.ts` reads them; empty ones are omitted.
    settings, more
        Settings, as `settings.ts` names them; presets, selection and times in view.
    script, style
        The front end's bundle.
    """

    market: Market
    still: Still
    frames: Mapping[str, bytes]
    settings: Mapping[str, Any]
    more: Mapping[str, Any]
    script: str
    style: str

    def html(self, title: str | None = None, embed: bool = False) -> str:
        """Return the page as one HTML file that needs no kernel and no network; ``embed``: for another page's frame."""
        heading = self.still.title if title is None else title
        script, style = entry(self.script), self.styles()
        return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy(script, style)}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>{escape(heading)}</title>
<style>{style}</style>
</head>
<body>
{self.body(heading)}
{self.data(embed)}
<script type="module">{script}</script>
</body>
</html>
"""

    def styles(self) -> str:
        """Return the style sheet of the page."""
        return f"{self.style}{_PAGE_CSS}{_EMBED_CSS}{_STILL_CSS}"

    def data(self, embed: bool = False) -> str:
        """Return the inert elements that hold settings and frames."""
        facts = {"settings": dict(self.settings), **self.more, **({"embed": True} if embed else {})}
        frames = (
            f'<script type="application/octet-stream;base64" data-frame="{name}">{_base64(frame)}</script>'
            for name, frame in self.frames.items()
            if frame
        )
        return "\n".join([f'<script type="application/json" id="liq-facts">{_json(facts)}</script>', *frames])

    def body(self, heading: str) -> str:
        """Return what the page shows without its script: text and static picture."""
        market = self.market
        until = market.candles.index[-1] + market.interval
        kind = "a simulated market" if market.simulated else "market data"
        return f"""<header>
<h1>{escape(heading)}</h1>
<p>Estimated liquidation levels: an estimate, not a forecast. This page is a snapshot of {kind} up to \
{until:%Y-%m-%d %H:%M} UTC; nothing in it is live. All that moves here is computed by your browser.</p>
</header>
<main>
<div id="liq-host"></div>
<div id="liq-still">{self.still.html()}</div>
<noscript><p>The controls need JavaScript; the picture above shows the settings that this page was saved with.</p>\
</noscript>
</main>
<footer><p id="liq-made">Made with liqwidget.</p></footer>"""


def new_picture_id() -> str:
    """Return an id for the static pictures of a widget: in one page there may be widgets of several kernels."""
    return uuid4().hex


def notebook_picture(still: Still, picture_id: str) -> dict[str, str]:
    """Return a static picture for a saved notebook; views of the widget that has its id hide it while they live.

    As HTML and, for converters to LaTeX and Word and for code hosts, which drop or clean HTML, as a PNG.
    """
    more = "A picture of the widget as it was shown; with a kernel, run the cell again for its controls."
    png = b64encode(still.png).decode("ascii")
    return {"text/html": notebook_figure(still.html(more), picture_id), "image/png": png}


def notebook_figure(html: str, picture_id: str) -> str:
    """Return a static picture with its id and style; the id has a line of its own, so that notebooks compare well."""
    return f'<style>{NOTEBOOK_CSS}</style><div data-liq-picture="{picture_id}">\n{html}</div>'


def view_of(made: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return mime bundle and metadata of a view; ``made``: by a widget, which may leave out the latter."""
    return made if isinstance(made, tuple) else (made, {})


def display_with_picture(view: Any, *pictures: Callable[[], dict[str, Any]]) -> None:
    """Display a view, and after it static pictures, which are hidden while the view runs.

    They are outputs of their own because JupyterLab shows one mime type of each: in a reopened notebook it would choose
    the view and show "model not found". Use one output once front ends fall back to another type. The view's text goes
    with the first picture: converters that show no widgets would print it above.

    Parameters
    ----------
    view
        Mime bundle of the view, with or without metadata.
    *pictures
        Each returns a picture: HTML and PNG by mime type, and other types that go with it.
    """
    from IPython import display

    show: Any = display.display
    data, metadata = view_of(view)
    text = data.get("text/plain", "")
    if _captured():
        show(data, metadata=metadata, raw=True)
        return
    show({**data, "text/plain": ""}, metadata=metadata, raw=True)
    for picture in pictures:
        show({**picture(), "text/plain": text}, metadata=PNG_SIZE, raw=True)
        text = ""


def _captured() -> bool:
    """Return whether an Output widget captures displays: notebooks do not save those, so no picture is needed."""
    from ipywidgets import Output
    from ipywidgets.widgets import widget

    return any(isinstance(other, Output) and other.msg_id for other in list(widget._instances.values()))


def entry(bundle: str) -> str:
    """Return the bundle with a call of its export ``openPage``.

    Raises
    ------
    LiqError
        The bundle has no such export, or cannot be embedded in a page.
    """
    exports = re.search(r"export\s*\{([^{}]*)\};?\s*$", bundle)
    name = re.search(r"([\w$]+) as openPage\b", exports[1]) if exports else None
    if name is None or re.search(r"</script|<!--", bundle, re.IGNORECASE):
        raise LiqError(
            "the front end cannot open pages: it is not built from js/src. Run `make build` in the checkout."
        )
    return f"{bundle}\n{name[1]}(document);\n"


def policy(script: str, style: str) -> str:
    """Return the Content-Security-Policy of a page: this script, this style and embedded pictures only."""
    return (
        f"default-src 'none'; script-src '{_digest(script)}'; style-src '{_digest(style)}'; img-src data: blob:; "
        "base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
    )


def _digest(text: str) -> str:
    return f"sha256-{b64encode(sha256(text.encode()).digest()).decode('ascii')}"


def _base64(frame: bytes) -> str:
    """Return a frame for a page, compressed as far as possible: speed does not matter here."""
    made = decode_frame(frame)
    return b64encode(encode_frame(made.kind, made.meta, made.arrays, level=9)).decode("ascii")


def _json(facts: dict[str, Any]) -> str:
    """Return JSON that cannot close its HTML element or open a comment."""
    text = json.dumps(facts, allow_nan=False, sort_keys=True, separators=(",", ":"))
    for sign in "<>&":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return text
