"""The data controls: source, symbol, interval and range of candles; load, progress, cancel and errors."""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from pathlib import Path
from typing import Any

import ipywidgets

from ...errors import InputError, LiqError
from ...sources.venues.registry import VENUES
from ...sources.venues.venue import INTERVALS
from .loading import MAX_DAYS, Choice, FromFile, FromSample, FromUpload, FromVenue
from .upload import Upload

SYMBOLS = ("BTCUSDT", "ETHUSDT", "SOLUSDT", "XRPUSDT", "BNBUSDT", "DOGEUSDT", "ADAUSDT", "LTCUSDT", "LINKUSDT")
SOURCES = {"sample": "Sample", "venue": "Venue", "upload": "Upload", "path": "File"}
_ERROR, _SAID = "liq-app-error", "liq-app-said"


class DataControls(ipywidgets.Box):  # type: ignore[misc]  # ipywidgets ships no types
    """A row of inputs of one application.

    Parameters
    ----------
    load
        Called with the user's choice.
    cancel
        Called when the user cancels.
    paths, uploads
        Whether files of the kernel's machine may be read, and whether the user may upload files.
    """

    def __init__(
        self, load: Callable[[Choice], object], cancel: Callable[[], object], *, paths: bool, uploads: bool
    ) -> None:
        self._load_choice, self._paths = load, paths
        self._loading = ""
        self._uploaded: tuple[str, bytes] | None = None
        kinds = [kind for kind in SOURCES if (kind != "path" or paths) and (kind != "upload" or uploads)]
        self.source: Any = ipywidgets.ToggleButtons(
            options=[(SOURCES[kind], kind) for kind in kinds], value="sample", tooltips=[_TIPS[kind] for kind in kinds]
        )
        self.symbol: Any = ipywidgets.Combobox(
            value="BTCUSDT", options=SYMBOLS, ensure_option=False, description="symbol", continuous_update=False
        )
        offered = [*((name, name) for name in VENUES), ("all together", tuple(VENUES))]
        self.exchange: Any = ipywidgets.Dropdown(options=offered, value="binance", description="exchange")
        self.interval: Any = ipywidgets.Dropdown(options=list(INTERVALS), value="5m", description="interval")
        self.days: Any = ipywidgets.BoundedFloatText(value=7.0, min=0.04, max=MAX_DAYS, step=1.0, description="days")
        self.until: Any = ipywidgets.DatePicker(description="until", tooltip="Last day, UTC; empty: now")
        self.path: Any = ipywidgets.Text(
            placeholder="candles.csv, or a folder of archive files", description="path", continuous_update=False
        )
        self.upload: Upload | None = Upload(self._on_upload, self._on_upload_told, self.fail) if uploads else None
        self.button: Any = ipywidgets.Button(description="Load", button_style="primary")
        self.stop: Any = ipywidgets.Button(description="Cancel")
        self.bar: Any = ipywidgets.IntProgress(min=0, max=1)
        self.said: Any = ipywidgets.HTML()
        self.button.on_click(lambda _button: self._on_load())
        self.stop.on_click(lambda _button: cancel())
        self.source.observe(lambda _change: self._on_source(), "value")
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
        """Show that a load has started."""
        self._loading = self.source.label
        self.button.disabled, self.stop.layout.display, self.bar.layout.display = True, "", ""
        self.bar.value, self.bar.max = 0, 1
        self.say(words)

    def progress(self, done: int, total: int, what: str) -> None:
        """Show the progress of a load; `total` 0: not known."""
        self.bar.max, self.bar.value = max(total, 1), min(done, max(total, 1))
        self.say(f"{done:,} of {total:,} {what}" if total else f"loading: {what}")

    def rest(self, words: str) -> None:
        """Show that no load is running."""
        self.button.disabled, self.stop.layout.display, self.bar.layout.display = False, "none", "none"
        self.say(words)

    def say(self, words: str) -> None:
        """Show a message beside the button."""
        self.said.remove_class(_ERROR)
        self.said.value = escape(words)

    def fail(self, words: str) -> None:
        """Show an error beside the button, with its source if another one has been chosen during the load."""
        if self.button.disabled and self._loading != self.source.label:
            words = f"{self._loading}: {words}"
        self.rest("")
        self.said.add_class(_ERROR)
        self.said.value = f'<span role="alert">{escape(words)}</span>'

    def _choice(self) -> Choice:
        kind, symbol = self.source.value, self._label()
        if kind == "venue":
            return FromVenue(symbol, self.exchange.value, self.interval.value, float(self.days.value), self.until.value)
        if kind == "upload":
            if self._uploaded is None:
                raise InputError("upload: wanted a file; got none. Choose one first.")
            return FromUpload(*self._uploaded, symbol)
        if kind == "path":
            text = self.path.value.strip()
            if not self._paths or not text:
                raise InputError("path: wanted the path of a file or folder; got none. Enter it first.")
            return FromFile(Path(text).expanduser(), symbol)
        return FromSample()

    def _label(self) -> str:
        """Return the symbol as entered; without one, a venue's is BTCUSDT, and a file has none but its own."""
        return self.symbol.value.strip() or (SYMBOLS[0] if self.source.value == "venue" else "")

    def _on_load(self) -> None:
        try:
            choice = self._choice()
        except LiqError as error:
            self.fail(str(error))
            return
        self._load_choice(choice)

    def _on_upload(self, name: str, content: bytes) -> None:
        self._uploaded = (name, content)
        self.rest("")
        self._load_choice(FromUpload(name, content, self._label()))

    def _on_upload_told(self, done: int, total: int) -> None:
        self.bar.layout.display = ""
        self.progress(done // 1024, total // 1024, "kB")

    def _on_source(self) -> None:
        self._show_fields()
        if not self.button.disabled:
            self.rest("")  # what was said belongs to the source before

    def _offer_intervals(self) -> None:
        chosen, before = self.exchange.value, self.interval.value
        venues = [VENUES[name] for name in ([chosen] if isinstance(chosen, str) else chosen)]
        known = [name for name in INTERVALS if all(venue.series["candles"].offers(name) for venue in venues)]
        self.interval.options = known
        self.interval.value = before if before in known else known[0]

    def _show_fields(self) -> None:
        shown = self._fields.get(self.source.value, ())
        if self.source.value in ("upload", "path") and self.symbol.value == SYMBOLS[0]:
            self.symbol.value = ""  # text entered for a venue does not apply to a file
        elif self.source.value == "venue" and not self.symbol.value:
            self.symbol.value = SYMBOLS[0]
        for fields in self._fields.values():
            for field in fields:
                field.layout.display = "" if field in shown else "none"


def _keep_order(comm: Any) -> None:
    """Handle all controls' messages in the one thread that the page names, which keeps their order.

    ipykernel 7.4 and later answers in the thread that the control last sent from: while a cell runs, a click would
    otherwise be handled before text that was entered earlier.
    """
    if hasattr(comm, "_reply_subshell_for"):
        comm._reply_subshell_for = lambda _data, named: named


_TIPS = {
    "sample": "The simulated week that comes with the package",
    "venue": "From an exchange's public API",
    "upload": "Your own file: CSV, JSON, Excel, Parquet or Feather, also in gzip or zip; at most 64 MB",
    "path": "A file or folder on the machine that runs the kernel",
}
