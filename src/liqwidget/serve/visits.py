"""Answers to a visitor's browser: the page, files, and words where there is no page."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from jupyter_server.auth.identity import IdentityProvider, User
from jupyter_server.base.handlers import APIHandler, FileFindHandler, JupyterHandler
from jupyter_server.services.kernels.handlers import KernelHandler
from tornado.web import HTTPError, OutputTransform
from voila.request_info_handler import RequestInfoSocketHandler
from voila.static_file_handler import MultiStaticFileHandler
from voila.tornado.handler import TornadoVoilaHandler

FOLDER = Path(__file__).parent / "page"
WORDS = {
    403: ("Not here", "This address is not one of this server's pages."),
    404: ("Nothing here", "This server has one page, and it is not at this address."),
    503: ("All places are taken", "Each visitor gets a small computer of their own here, and all are in use. "
          "This page tries again by itself; one is free when somebody leaves."),
}  # fmt: skip
OTHERWISE = ("That did not work", "Reload the page; if it stays, tell those who run this site.")
RETRY_SECONDS = 20


@cache
def _words() -> str:
    return (FOLDER / "words.html").read_text(encoding="utf-8")


class Anybody(IdentityProvider):
    """Who comes has no name and gets no cookie; whoever must sign in does so in front of this server."""

    def get_user(self, handler: Any) -> User:
        """Return the same user for all."""
        return User("visitor")


class InWords:
    """Lets a handler say what is wrong in two lines, and nothing of the server's."""

    def write_error(self: Any, status_code: int, **details: Any) -> None:
        """Write the page of words."""
        title, text = WORDS.get(status_code, OTHERWISE)
        again = ""
        if status_code == 503:
            self.set_header("Retry-After", str(RETRY_SECONDS))
            again = f'<meta http-equiv="refresh" content="{RETRY_SECONDS}" />'
        self.set_header("Content-Type", "text/html; charset=utf-8")
        self.set_header("Cache-Control", "no-store")
        self.finish(_words().format(title=title, text=text, again=again))


class Refused(InWords, JupyterHandler):
    """Answers whatever no rule names."""

    def initialize(self, status: int) -> None:
        """Take the status of the answer."""
        self.status = status

    async def prepare(self) -> None:  # type: ignore[override]
        """Refuse every method, before anybody is asked who it is."""
        raise HTTPError(self.status)


class VisitorPage(InWords, TornadoVoilaHandler):  # type: ignore[misc]  # Voila ships no types
    """The notebook, for as many visitors as there are places."""

    def initialize(self, max_visitors: int, **options: Any) -> None:
        """Take the number of places, and what Voila's own handler takes."""
        super().initialize(**options)
        self.max_visitors = max_visitors

    async def get(self, path: str | None = None) -> None:
        """Send the page as it is made: what waits for the kernel is shown at once."""
        if path:
            raise HTTPError(404)
        kernels = self.kernel_manager
        kernels.tidy()
        if kernels.visitors() >= self.max_visitors:
            raise HTTPError(503)
        kernels.waiting += 1
        here = True
        try:
            self.set_header("X-Accel-Buffering", "no")  # nginx hands each piece on
            async for html in self.get_generator():
                kernels.waiting -= here
                here = False
                self.write(html)
                await self.flush()
        finally:
            kernels.waiting -= here
            RequestInfoSocketHandler._cache.clear()  # Voila keeps each visitor's request, for a route that is not here


class VisitorKernelInfo(KernelHandler):
    """What a page asks of its own kernel before it connects. Whoever knows a kernel's name is its visitor."""

    SUPPORTED_METHODS = ("GET",)


class Touched(APIHandler):
    """The page says now and then that a hand is in it."""

    SUPPORTED_METHODS = ("POST",)

    async def post(self, kernel_id: str) -> None:
        """Note it; 404 says that the kernel has ended."""
        kernels: Any = self.kernel_manager
        if kernel_id not in kernels:
            raise HTTPError(404)
        kernels.touch(kernel_id)
        self.set_status(204)


class PageFiles(MultiStaticFileHandler):  # type: ignore[misc]  # Voila ships no types
    """Scripts and styles; their names do not change with their contents, so not for long."""

    def set_extra_headers(self, path: str) -> None:
        """Spare a second visit the 70 questions whether they are still the same."""
        self.set_header("Cache-Control", "public, max-age=3600")


class ExtensionFiles(InWords, FileFindHandler):
    """Scripts of the front ends of widgets, named by their contents."""

    def set_extra_headers(self, path: str) -> None:
        """Keep them."""
        self.set_header("Cache-Control", "public, max-age=86400")


def sealed(headers: dict[str, str]) -> type[OutputTransform]:
    """Return what puts these headers on every answer, whoever wrote it."""

    class Sealed(OutputTransform):
        def transform_first_chunk(self, status_code: int, found: Any, chunk: bytes, finishing: bool) -> Any:
            for name, value in headers.items():
                found[name] = value
            return status_code, found, chunk

    return Sealed
