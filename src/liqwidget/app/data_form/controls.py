"""The data controls: where candles come from, of what, how far back; load, progress, cancel, and what went wrong."""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from pathlib import Path
from typing import Any

import ipywidgets

from ...errors import InputError, LiqError
from ...sources.venues.registry import VENUES
from ...sources.venues.venue import INTERVALS
from .loading import File, Sample, Uploaded, Venue, Wish
from .upload import Upload

SYMBOLS = ("BTCUSDT", "ETHUSDT", "SOLUSDT", "XRPUSDT", "BNBUSDT", "DOGEUSDT", "ADAUSDT", "LTCUSDT", "LINKUSDT")
SOURCES = {"sample": "Sample", "venue": "Venue", "upload": "Upload", "path": "File"}
MAX_DAYS = 365.0
_ERROR, _SAID = "liq-app-error", "liq-app-said"


class DataControls(ipywidgets.Box):  # type: ignore[misc]  # ipywidgets ships no types
    """A line of inputs, made for one application.

    Parameters
    ----------
    load
        Called with what the reader wants.
    cancel
        Called when they want it no longer.
    paths, uploads
        Whether files of the kernel's machine, and of the reader's, may be read.
    """

    def __init__(
        self, load: Callable[[Wish], object], cancel: Callable[[], object], *, paths: bool, uploads: bool
    ) -> None:
        self._load_wish, self._paths = load, paths
        self._uploaded: tuple[str, bytes] | None = None
        kinds = [kind for kind in SOURCES if (kind != "path" or paths) and (kind != "upload" or uploads)]
        self.source = ipywidgets.ToggleButtons(
            options=[(SOURCES[kind], kind) for kind in kinds], value="sample", tooltips=[_TIPS[kind] for kind in kinds]
        )
        self.symbol = ipywidgets.Combobox(
            value="BTCUSDT", options=SYMBOLS, ensure_option=False, description="symbol", continuous_update=False
        )
        self.exchange = ipywidgets.Dropdown(options=list(VENUES), value="binance", description="exchange")
        self.interval = ipywidgets.Dropdown(options=list(INTERVALS), value="5m", description="interval")
        self.days = ipywidgets.BoundedFloatText(value=7.0, min=0.04, max=MAX_DAYS, step=1.0, description="days")
        self.until = ipywidgets.DatePicker(description="until", tooltip="Last day, UTC; empty: now")
        self.path = ipywidgets.Text(
            placeholder="candles.csv, or a folder of archive files", description="path", continuous_update=False
        )
        self.upload = Upload(self._on_upload, self._on_upload_told, self.fail) if uploads else None
        self.button = ipywidgets.Button(description="Load", button_style="primary")
        self.stop = ipywidgets.Button(description="Cancel")
        self.bar = ipywidgets.IntProgress(min=0, max=1)
        self.said = ipywidgets.HTML()
        self.button.on_click(lambda _button: self._on_load())
        self.stop.on_click(lambda _button: cancel())
        self.source.observe(lambda _change: self._show_fields(), "value")
        self.exchange.observe(lambda _change: self._offer_intervals(), "value")
        self._fields = {
            "venue": (self.symbol, self.exchange, self.interval, self.days, self.until),
            "upload": (self.symbol, self.upload) if self.upload else (),
            "path": (self.symbol, self.path),
        }
        every = {field: None for fields in self._fields.values() for field in fields}
        for widget in (self.source, *every, self.button, self.stop):
            _keep_order(widget.comm)
        super().__init__([self.source, *every, self.button, self.stop, self.bar, self.said])
        self.add_class("liq-app-line")
        self.said.add_class(_SAID)
        self.source.add_class("liq-app-source")
        for name in ("symbol", "exchange", "interval", "days", "until", "path"):
            field = getattr(self, name)
            field.add_class(f"liq-app-{name}")
            field.layout.width = "auto"
        self._offer_intervals()
        self._show_fields()
        self.rest("")

    def busy(self, words: str) -> None:
        """Show that a load has begun."""
        self.button.disabled, self.stop.layout.display, self.bar.layout.display = True, "", ""
        self.bar.value, self.bar.max = 0, 1
        self.say(words)

    def progress(self, done: int, total: int, what: str) -> None:
        """Show how far a load is; `total` 0: not known."""
        self.bar.max, self.bar.value = max(total, 1), min(done, max(total, 1))
        self.say(f"{done:,} of {total:,} {what}" if total else f"asking: {what}")

    def rest(self, words: str) -> None:
        """Show that nothing is being loaded."""
        self.button.disabled, self.stop.layout.display, self.bar.layout.display = False, "none", "none"
        self.say(words)

    def say(self, words: str) -> None:
        """Show words beside the button."""
        self.said.remove_class(_ERROR)
        self.said.value = escape(words)

    def fail(self, words: str) -> None:
        """Show what went wrong beside the button."""
        self.rest("")
        self.said.add_class(_ERROR)
        self.said.value = f'<span role="alert">{escape(words)}</span>'

    def _wish(self) -> Wish:
        kind, symbol = self.source.value, self._label()
        if kind == "venue":
            return Venue(symbol, self.exchange.value, self.interval.value, float(self.days.value), self.until.value)
        if kind == "upload":
            if self._uploaded is None:
                raise InputError("upload: a file was wanted; none has arrived. Choose one first.")
            return Uploaded(*self._uploaded, symbol)
        if kind == "path":
            text = self.path.value.strip()
            if not self._paths or not text:
                raise InputError("path: a file of this machine was wanted; got none. Write its path first.")
            return File(Path(text).expanduser(), symbol)
        return Sample()

    def _label(self) -> str:
        return self.symbol.value.strip() or "BTCUSDT"

    def _on_load(self) -> None:
        try:
            wish = self._wish()
        except LiqError as error:
            self.fail(str(error))
            return
        self._load_wish(wish)

    def _on_upload(self, name: str, content: bytes) -> None:
        self._uploaded = (name, content)
        self.rest("")
        self._load_wish(Uploaded(name, content, self._label()))

    def _on_upload_told(self, done: int, total: int) -> None:
        self.bar.layout.display = ""
        self.progress(done // 1024, total // 1024, "kB")

    def _offer_intervals(self) -> None:
        known, before = list(VENUES[self.exchange.value].series["candles"].periods), self.interval.value
        self.interval.options = known
        self.interval.value = before if before in known else known[0]

    def _show_fields(self) -> None:
        shown = self._fields.get(self.source.value, ())
        for fields in self._fields.values():
            for field in fields:
                field.layout.display = "" if field in shown else "none"


def _keep_order(comm: Any) -> None:
    """Have a control's messages handled by the thread that the page names, which is one for all of them.

    ipykernel from 7.4 on answers in the thread that the control last spoke from: a click would overtake the text that
    was written before it as long as a cell is running.
    """
    if hasattr(comm, "_reply_subshell_for"):
        comm._reply_subshell_for = lambda _data, named: named


_TIPS = {
    "sample": "The simulated week that comes with the package",
    "venue": "From an exchange's public interface",
    "upload": "A file of yours: CSV, CSV.gz, Parquet, or a zip of Binance's archive; at most 64 MB",
    "path": "A file or folder on the machine that runs the kernel",
}
