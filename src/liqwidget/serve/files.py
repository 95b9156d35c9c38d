"""Scripts and styles of the page: sent compressed, and kept by the browser under addresses that name their contents."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import posixpath
import re
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import brotli
from jupyter_server.base.handlers import FileFindHandler
from tornado.web import HTTPError
from voila.static_file_handler import AllowListFileHandler, MultiStaticFileHandler

from .words import InWords

#: A year: an address with a digest always has the same contents.
BUNDLE = Path(__file__).parents[1] / "static"
#: The widget's style sheet.
WIDGET_STYLE = BUNDLE / "index.css"
FOREVER = "public, max-age=31536000, immutable"
#: Images and fonts are compressed already.
TEXT = frozenset({".js", ".css", ".json", ".svg", ".map", ".mjs"})
#: What is sent at once, and what replaces it soon: brotli's highest takes ten times as long and saves another 8 %.
FAST, BEST = {"br": 5, "gzip": 6}, {"br": 11, "gzip": 9}
SMALLEST = 512  # bytes; compressing less saves nothing

#: Tells kernels which scripts the page loads as files, so that they do not send them: `liqwidget.widget.page_files`.
OFFERED = "LIQWIDGET_PAGE_FILES"

_fast, _best = ThreadPoolExecutor(1, "compress"), ThreadPoolExecutor(1, "compress-well")


class Version(NamedTuple):
    """A file at one time, in one encoding."""

    path: str
    size: int
    changed: int  # ns
    encoding: str

    def packed(self, quality: dict[str, int]) -> bytes:
        """Return the contents in this encoding."""
        raw = Path(self.path).read_bytes()
        if self.encoding == "gzip":
            return gzip.compress(raw, quality["gzip"], mtime=0)
        packed: bytes = brotli.compress(raw, quality=quality["br"])
        return packed


class Packer:
    """Compressed contents of files, in memory: each is packed fast for whoever asks first, and then well."""

    def __init__(self) -> None:
        self._first: dict[Version, asyncio.Task[bytes]] = {}
        self._best: dict[Version, bytes] = {}

    async def packed(self, version: Version) -> bytes:
        """Return the contents in the version's encoding."""
        if version in self._best:
            return self._best[version]
        if version not in self._first:
            self._first[version] = asyncio.create_task(self._pack(version))
        return await asyncio.shield(self._first[version])

    async def _pack(self, version: Version) -> bytes:
        try:
            body = await asyncio.get_running_loop().run_in_executor(_fast, version.packed, FAST)
        except OSError:  # the file has gone meanwhile
            del self._first[version]
            raise
        _best.submit(self._improve, version)
        return body

    def _improve(self, version: Version) -> None:
        with suppress(OSError):
            self._best[version] = version.packed(BEST)


_packer = Packer()


def accepted(header: str) -> str | None:
    """Return the encoding to use for a request's ``Accept-Encoding``: br, gzip or None.

    Browsers accept br over TLS and from the machine itself only.
    """
    offers: dict[str, float] = {}
    for part in header[:1_000].split(","):
        name, _, weight = part.partition(";")
        try:
            offers[name.strip().lower()] = float(weight.strip().removeprefix("q=") or 1)
        except ValueError:
            continue
    return next((name for name in BEST if offers.get(name, 0) > 0), None)


class Compressed:
    """Makes a handler of static files send text compressed; each file is compressed once and kept in memory."""

    path: str

    async def get(self: Any, path: str, include_body: bool = True) -> None:
        """Send the file, or 304 if the browser has it."""
        self.path = self.parse_url_path(path)
        absolute = self.get_absolute_path(self.root, self.path)  # Voila's handler sets the root in it
        absolute = self.validate_absolute_path(self.root, absolute)
        if absolute is None:  # a redirect
            return
        encoding = accepted(self.request.headers.get("Accept-Encoding", ""))
        state = Path(absolute).stat()
        if encoding is None or Path(absolute).suffix not in TEXT or state.st_size < SMALLEST:
            await super().get(path, include_body)  # type: ignore[misc]
            return
        version = Version(absolute, state.st_size, state.st_mtime_ns, encoding)
        body = await _packer.packed(version)
        self.absolute_path = absolute
        self.set_header("Content-Type", self.get_content_type())
        self.set_header("Content-Encoding", encoding)
        self.set_extra_headers(self.path)
        self.set_header("Etag", f'W/"{hashlib.sha256(repr(version).encode()).hexdigest()[:32]}"')
        if self.check_etag_header():
            self.set_status(304)
            return
        self.set_header("Content-Length", str(len(body)))
        if include_body:
            self.write(body)


class PageFiles(Compressed, InWords, MultiStaticFileHandler):  # type: ignore[misc]  # Voila ships no types
    """Scripts and styles of the page itself, below a folder that names the digest of all of them."""

    digest: str = ""
    own: dict[str, Path]
    root: str

    def initialize(self, digest: str, own: dict[str, Path], **options: Any) -> None:
        """Set the digest, files of other folders by name, and the options of Voila's own handler."""
        super().initialize(**options)
        self.digest, self.own = digest, own

    def parse_url_path(self, path: str) -> str:
        """Return the path below the folder; one of an earlier digest is not here any more."""
        folder, _, rest = path.partition("/")
        if not re.fullmatch("[0-9a-f]{16}", folder):
            return super().parse_url_path(path)  # type: ignore[no-any-return]
        if folder != self.digest:
            raise HTTPError(404)
        self.is_fixed = True
        return super().parse_url_path(rest)  # type: ignore[no-any-return]

    def get_absolute_path(self, root: str, path: str) -> str:
        """Return where a file is: a widget's script, or one in the page's folders."""
        for files in (self.own, *(script.files for script in widget_scripts().values())):
            if path in files:
                self.root = str(files[path].parent)
                return str(files[path])
        return super().get_absolute_path(root, path)  # type: ignore[no-any-return]

    def set_extra_headers(self, path: str) -> None:
        """Let browsers keep what has a digest in its address, and anything else for an hour."""
        self.set_header("Cache-Control", FOREVER if getattr(self, "is_fixed", False) else "public, max-age=3600")


class ExtensionFiles(Compressed, InWords, FileFindHandler):
    """Scripts of widget front ends; most are named by their contents."""

    def parse_url_path(self, path: str) -> str:
        """Refuse other spellings of a path: Jupyter keeps each one that it has found."""
        if posixpath.normpath(path) != path:
            raise HTTPError(404)
        return super().parse_url_path(path)

    def set_headers(self) -> None:
        """Set the headers; Jupyter's own forbid to keep a file."""
        super().set_headers()
        self.set_extra_headers(self.path)

    def set_extra_headers(self, path: str) -> None:
        """Let browsers keep what is named by its contents, and anything else for a day."""
        is_named = re.search(r"(?<![0-9a-f])[0-9a-f]{8,}(?![0-9a-f])", Path(path).name)
        self.set_header("Cache-Control", FOREVER if is_named else "public, max-age=86400")


class AllowedFiles(InWords, AllowListFileHandler):  # type: ignore[misc]  # Voila ships no types
    """Files beside the notebook that its author lets visitors read."""


def digest_of(folders: list[str], own: Iterable[Path] = ()) -> str:
    """Return a digest of the names and contents of all files in these folders, of other files, and of the scripts."""
    found = hashlib.sha256()
    for folder in map(Path, folders):
        for path in sorted(folder.rglob("*")) if folder.is_dir() else ():
            if path.is_file():
                found.update(f"{path.relative_to(folder)}\0".encode())
                found.update(hashlib.sha256(path.read_bytes()).digest())
    for path in own:
        found.update(hashlib.sha256(path.read_bytes()).digest())
    found.update(offered().encode())
    return found.hexdigest()[:16]


class Script(NamedTuple):
    """What tells the contents of widgets' scripts, and where they are, by the name in their address."""

    version: str
    files: dict[str, Path]


@cache
def widget_scripts() -> dict[str, Script]:
    """Return the scripts that widgets of this package can load from the page."""
    module = BUNDLE / "index.js"
    version = hashlib.sha256(module.read_bytes()).hexdigest()
    found = {"module": Script(version, {module.name: module})}
    try:
        import bokeh
        from bokeh.util.paths import server_path
    except ImportError:  # a notebook without panels
        return found
    folder = server_path() / "static" / "js"
    files = {f"{name}.min.js": folder / f"{name}.min.js" for name in ("bokeh", "bokeh-tables", "bokeh-widgets")}
    return {**found, "bokeh": Script(bokeh.__version__, files)}


def offered() -> str:
    """Return names and versions of the widgets' scripts, for the environment of kernels."""
    return " ".join(f"{name}:{script.version}" for name, script in widget_scripts().items())
