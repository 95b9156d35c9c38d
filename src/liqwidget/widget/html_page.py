"""Where no kernel runs: the widget as one HTML file, and a still picture for saved notebooks."""

from __future__ import annotations

import json
import re
import threading
from base64 import b64encode
from hashlib import sha256
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anywidget

from ..errors import InputError, LiqError
from .still_image import Look, Still, draw_still
from .traits import mix_to_json
from .wire import decode_frame, encode_frame

if TYPE_CHECKING:
    import os
    from collections.abc import Callable

    import numpy as np
    import numpy.typing as npt

    from .frames import Picture
    from .marks import Columns, Realised

WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
#: Settings of a page, as settings.ts names them, and the traits they come from.
_SETTINGS = {
    "decayRate": "decay_rate",
    "binSize": "bin_size",
    **{name: name for name in ("palette", "scale", "threshold", "opacity", "swept", "bubbles")},
    **{name: name for name in ("shock", "theme", "height")},
}
_PAGE_CSS = """
body { margin: 0 auto; padding: 12px; max-width: 1500px; background: #fff; color: #23212e;
  font: 14px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
h1, header p { overflow-wrap: anywhere; }
h1 { margin: 0; font-size: 20px; }
header p, footer p { margin: 4px 0 12px; }
"""
_STILL_CSS = """
.liq-still { margin: 0; max-width: 720px; overflow-x: auto; }
[hidden] { display: none; }
.liq-still img { max-width: 100%; height: auto; display: block; }
.liq-still caption { text-align: left; font-weight: 600; white-space: nowrap; }
.liq-still td, .liq-still th { text-align: right; padding: 1px 10px 1px 0; font-variant-numeric: tabular-nums; }
@media (prefers-color-scheme: dark) { body { background: #121019; color: #dcd9e6; } a { color: #b98af0; } }
"""
#: In a notebook the picture is there for whoever cannot run the widget: next to a living one it is hidden. The outputs
#: of a cell share the first of these in JupyterLab, Notebook, Voila and nbconvert; the others, in VS Code and Colab,
#: are as their sources have them.
_CELL = ":is(.jp-OutputArea,.cell_container,#output-body)"
NOTEBOOK_CSS = (
    f"{_CELL}:has(.liq,.liq-sheet) .liq-still{{display:none}}"
    ".jp-OutputArea:has(.liq,.liq-sheet) .jp-OutputArea-child:has(.liq-still){display:none}"
    ".jp-OutputArea:has(.liq-still) .jp-OutputArea-output.jupyter-widgets:not(:has(*)){display:none}"
    ".liq-still{margin:0;max-width:720px}.liq-still img{max-width:100%;height:auto}"
    ".liq-still caption{text-align:left}"
)


class Pages(anywidget.AnyWidget):
    """A widget that can be seen where no kernel runs."""

    _lock: threading.RLock
    _picture: Picture
    _realised: Realised

    if TYPE_CHECKING:  # the widget's own, and what it shares with the overlays

        def _weights(self) -> npt.NDArray[np.float64]: ...
        def _columns(self) -> Columns: ...

    def to_html(self, path: str | os.PathLike[str] | None = None, *, title: str | None = None) -> str | None:
        """Write what is shown as one HTML file that needs no kernel and no network.

        Mix, decay rate, presets, threshold, palette, hover, profile, selection, realised liquidations and positions
        work in it, and its pictures and tables can be saved. Bins can be made coarser, by adding up whole rows: at
        every candle the totals stay what they are, while a :func:`liqwidget.build_ledger` at that size would count
        the rows next to the close by other centres. Finer ones need Python.

        Parameters
        ----------
        path
            File to write; None: the text is returned instead.
        title
            Heading of the page; None: symbol, venue and interval.

        Returns
        -------
        str or None
            The HTML where ``path`` is None. It is the same for the same picture and settings.

        Raises
        ------
        InputError
            If the title is no text.
        """
        if title is not None and not isinstance(title, str):
            raise InputError(f"title: wanted text or None; got {type(title).__name__}")
        with self._lock:
            html = self._page(title)
        if path is None:
            return html
        Path(path).write_text(html, encoding="utf-8", newline="\n")
        return None

    def _page(self, title: str | None) -> str:
        still = self._still()
        heading = still.title if title is None else title
        frames = {
            "bars": self._picture.bars_frame(),
            "ledger": self._picture.ledger_frame(),
            "events": self._realised.again(self._columns()) if self._realised.frame is not None else b"",
            "positions": self._positions,
        }
        data = "\n".join(
            f'<script type="application/octet-stream;base64" data-frame="{name}">{_base64(frame)}</script>'
            for name, frame in frames.items()
            if frame
        )
        script, style = entry(self._esm), f"{self._css}{_PAGE_CSS}{_STILL_CSS}"
        market = self._picture.market
        until = market.candles.index[-1] + market.interval
        kind = "a simulated market" if market.simulated else "market data"
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
<header>
<h1>{escape(heading)}</h1>
<p>Estimated liquidation levels: an estimate, not a forecast. This page is a snapshot of {kind} up to \
{until:%Y-%m-%d %H:%M} UTC; nothing in it is live. All that moves here is computed by your browser.</p>
</header>
<main>
<div id="liq-host"></div>
<div id="liq-still">{still.html()}</div>
<noscript><p>The controls need JavaScript; the picture above shows the settings that this page was saved with.</p>\
</noscript>
</main>
<footer><p id="liq-made">Made with liqwidget.</p></footer>
<script type="application/json" id="liq-facts">{_json(self._facts())}</script>
{data}
<script type="module">{script}</script>
</body>
</html>
"""

    def _facts(self) -> dict[str, Any]:
        settings = {name: getattr(self, trait) for name, trait in _SETTINGS.items()}
        settings["leverageMix"] = mix_to_json(self.leverage_mix, self)
        return {"settings": settings, "presets": self._presets, "selection": self.selection, "visible": self.visible}

    def _still(self) -> Still:
        with self._lock:
            look = Look(self.palette, self.scale, self.threshold)
            picture = self._picture
            return draw_still(picture.market, picture.ledger, self.decay_rate, self._weights(), look)

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        """Return the view, and a picture for where no view can be."""
        data, metadata = self._view(**kwargs)
        return {**data, "text/html": self._still_html()}, metadata

    def _view(self, **kwargs: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        made: Any = super()._repr_mimebundle_(**kwargs)
        return made if isinstance(made, tuple) else (made, {})

    def _ipython_display_(self, **_: Any) -> None:
        display_with_picture(self._view(), self._still_html)

    def _still_html(self) -> str:
        more = "A picture of the widget as it was shown; with a kernel, run the cell again for its controls."
        return f"<style>{NOTEBOOK_CSS}</style>{self._still().html(more)}"


def display_with_picture(view: tuple[dict[str, Any], dict[str, Any]], picture: Callable[[], str]) -> None:
    """Show a view, and after it a picture, which hides itself next to a living view.

    They are two outputs because JupyterLab shows one kind of data of each: in a notebook that was opened again it
    would choose the view that is gone, and say "model not found". Both could be one once front ends fall back.

    Parameters
    ----------
    view
        Mime bundle and metadata of what is shown.
    picture
        Gives the picture as HTML.
    """
    from IPython import display

    show: Any = display.display
    data, metadata = view
    show(data, metadata=metadata, raw=True)
    if not _captured():
        show({"text/html": picture(), "text/plain": ""}, raw=True)


def _captured() -> bool:
    """Tell whether an Output widget takes what is displayed: no notebook saves that, so that it needs no picture."""
    from ipywidgets import Output
    from ipywidgets.widgets import widget

    return any(isinstance(other, Output) and other.msg_id for other in list(widget._instances.values()))


def entry(bundle: str) -> str:
    """Return the bundle with a call of its export ``openPage``.

    Raises
    ------
    LiqError
        If the bundle has no such export, or cannot stand in a page.
    """
    exports = re.search(r"export\s*\{([^{}]*)\};?\s*$", bundle)
    name = re.search(r"([\w$]+) as openPage\b", exports[1]) if exports else None
    if name is None or re.search(r"</script|<!--", bundle, re.IGNORECASE):
        raise LiqError(
            "the front end cannot open pages: it is not built from js/src. Run `make build` in the checkout."
        )
    return f"{bundle}\n{name[1]}(document);\n"


def policy(script: str, style: str) -> str:
    """Return the Content-Security-Policy of a page: this script and this style, pictures of its own, nothing else."""
    return (
        f"default-src 'none'; script-src '{_digest(script)}'; style-src '{_digest(style)}'; img-src data: blob:; "
        "base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
    )


def _digest(text: str) -> str:
    return f"sha256-{b64encode(sha256(text.encode()).digest()).decode('ascii')}"


def _base64(frame: bytes) -> str:
    """Return a frame for a page, packed as small as it gets: nobody waits for it."""
    made = decode_frame(frame)
    return b64encode(encode_frame(made.kind, made.meta, made.arrays, level=9)).decode("ascii")


def _json(facts: dict[str, Any]) -> str:
    """Return JSON in which no text can end its element or begin a comment."""
    text = json.dumps(facts, allow_nan=False, sort_keys=True, separators=(",", ":"))
    for sign in "<>&":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return text
