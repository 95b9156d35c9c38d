"""Replies to a visitor's browser: the page, and error pages."""

from __future__ import annotations

import re
from typing import Any

from jupyter_server.auth.identity import IdentityProvider, User
from jupyter_server.base.handlers import APIHandler, JupyterHandler
from jupyter_server.services.kernels.handlers import KernelHandler
from tornado.httputil import HTTPServerRequest
from tornado.routing import Matcher
from tornado.web import HTTPError, OutputTransform
from voila.request_info_handler import RequestInfoSocketHandler
from voila.tornado.handler import TornadoVoilaHandler

from .card import About, Preview, card_html, is_for_a_person, is_prefetch
from .counts import TURNED_AWAY, VISITS
from .page_copy import Copy, waiting_html
from .query import QueryRefusedError, asked_of
from .waiting_line import WaitingLine
from .words import RETRY_SECONDS, InWords, page_file

#: Bytes: most servers accept as many, and links to a view have at most 2,000.
LONGEST_ADDRESS = 8 << 10
#: What names its kernel in the page: the front end's configuration, which comes before the notebook's outputs.
KERNEL = re.compile(r'"kernelId": "([0-9a-f-]{36})"')


class Anybody(IdentityProvider):
    """Visitors are anonymous and get no cookie; authentication, if any, is done by a proxy in front of this server."""

    def get_user(self, handler: Any) -> User:
        """Return the same user for everybody."""
        return User("visitor")


class Refused(InWords, JupyterHandler):
    """Replies to all requests that no other rule matches."""

    def initialize(self, status: int) -> None:
        """Set the status of the reply."""
        self.status = status

    async def prepare(self) -> None:  # type: ignore[override]
        """Refuse every method, before authentication."""
        raise HTTPError(self.status)


class LongAddress(Matcher):
    """Addresses that are longer than any of a page."""

    def match(self, request: HTTPServerRequest) -> dict[str, Any] | None:
        """Return that it is one, or None."""
        return {} if len(request.uri or "") > LONGEST_ADDRESS else None


class VisitorPage(InWords, TornadoVoilaHandler):  # type: ignore[misc]  # Voila ships no types
    """The notebook, for a limited number of visitors."""

    max_visitors: int
    line: WaitingLine
    look: dict[str, str]
    preview: Preview
    what: About
    read: list[str]

    def initialize(
        self,
        max_visitors: int,
        line: WaitingLine,
        look: dict[str, str],
        preview: Preview,
        what: About,
        read: list[str],
        **options: Any,
    ) -> None:
        """Set the places, who waits and what they see, what programs and the notebook read, and Voila's own options."""
        super().initialize(**options)
        self.max_visitors, self.line, self.look = max_visitors, line, look
        self.preview, self.what, self.read = preview, what, read

    async def get(self, path: str | None = None) -> None:
        """Send the page as it is rendered: the loading message is shown at once."""
        if path:
            raise HTTPError(404)
        if is_prefetch(self.request.headers):
            raise HTTPError(503)
        if not is_for_a_person(self.request.headers):
            self._send_card()
            return
        ticket = self.get_query_argument("place", "")
        self._keep_what_is_read()
        kernels = self.kernel_manager
        kernels.tidy()
        if not self.line.enter(ticket, self.max_visitors - kernels.visitors()):
            TURNED_AWAY.inc()
            self._send_copy(kernels.copy)
            return
        VISITS.inc()
        kernels.waiting += 1
        here, kernel_id = True, ""
        try:
            self.set_header("X-Accel-Buffering", "no")  # makes nginx forward each piece
            async for html in self.get_generator():
                kernels.waiting -= here
                here = False
                self.preview.look(html)
                if not kernel_id and (found := KERNEL.search(html)):
                    kernel_id = found[1]
                    kernels.send_page(kernel_id, True)
                self.write(html)
                await self.flush()
        finally:
            kernels.send_page(kernel_id, False)
            kernels.waiting -= here
            RequestInfoSocketHandler._cache.clear()  # Voila keeps all requests for a route not served here

    async def head(self, path: str | None = None) -> None:
        """Reply to programs that only ask whether the page is there."""
        if path:
            raise HTTPError(404)
        self._send_card()

    def _keep_what_is_read(self) -> None:
        """Reduce the address to what the notebook reads: kernels get it, and Voila passes it on to the next one."""
        try:
            query = asked_of(self.request.query, self.read)
        except QueryRefusedError:
            raise HTTPError(400) from None
        self.request.query = query
        self.request.arguments.clear()  # Voila's template and theme are not a visitor's choice here
        self.request.uri = f"{self.request.path}?{query}" if query else self.request.path

    def should_use_rendered_notebook(self, *given: Any) -> bool:
        """Use a kernel that has run the notebook already, unless the notebook reads this address."""
        return not self.request.query and bool(super().should_use_rendered_notebook(*given))

    def _send_copy(self, copy: Copy | None) -> None:
        if copy is None:
            raise HTTPError(503)
        self.set_status(503)
        self.set_header("Retry-After", str(RETRY_SECONDS))
        self.set_header("Cache-Control", "no-store")
        self.finish(
            waiting_html(copy, page_file("waiting.html"), self.max_visitors, retry=str(RETRY_SECONDS), **self.look)
        )

    def _send_card(self) -> None:
        is_secure = self.request.headers.get("X-Forwarded-Proto") == "https"  # a proxy's word; used in this text only
        address = f"{'https' if is_secure else self.request.protocol}://{self.request.host}{self.base_url}voila/api/preview.png"
        self.set_header("Cache-Control", "no-store")
        self.set_header("Vary", "Sec-Fetch-Dest, User-Agent")
        self.finish(card_html(self.what, address if self.preview.png else None))


class VisitorKernelInfo(KernelHandler):
    """What a page requests about its kernel before it connects. The kernel's id serves as the credential."""

    SUPPORTED_METHODS: tuple[str, ...] = ("GET",)


class Touched(APIHandler):
    """The page reports from time to time that the visitor is using it."""

    SUPPORTED_METHODS = ("POST",)

    started: str

    def initialize(self, started: str) -> None:
        """Set what tells this run of the server from others."""
        self.started = started

    async def post(self, kernel_id: str) -> None:
        """Record the use; 404 says that the kernel has ended."""
        kernels: Any = self.kernel_manager
        is_here = kernel_id in kernels
        if is_here:
            kernels.touch(kernel_id)
        self.set_header("X-Started", self.started)
        self.set_status(204 if is_here else 404)


def sealed(documents: dict[str, str], others: dict[str, str], is_private: bool = False) -> type[OutputTransform]:
    """Return a transform that sets these headers on documents and on other replies, whichever handler wrote them.

    Private replies are kept by browsers only: a proxy would give them to visitors who have not signed in.
    """

    class Sealed(OutputTransform):
        def transform_first_chunk(self, status_code: int, found: Any, chunk: bytes, finishing: bool) -> Any:
            is_document = found.get("Content-Type", "text/html").startswith("text/html")
            for name, value in (documents if is_document else others).items():
                found[name] = value
            if is_private and "Cache-Control" in found:
                found["Cache-Control"] = found["Cache-Control"].replace("public", "private")
            return status_code, found, chunk

    return Sealed
