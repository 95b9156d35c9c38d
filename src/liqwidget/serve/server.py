"""The server: Voila with other defaults, only the routes that a page uses, and only for its own hosts."""

from __future__ import annotations

import os
import re
import sys
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import nbformat
from jupyter_core.paths import jupyter_config_path
from jupyter_server.base.handlers import FileFindHandler
from jupyter_server.services.kernels.handlers import KernelHandler
from jupyter_server.utils import url_path_join
from jupyterlab_server.config import get_federated_extensions
from tornado.routing import Rule
from tornado.web import GZipContentEncoding, OutputTransform
from traitlets import Float, Integer, List, Unicode, default
from traitlets.config import Config
from voila.app import Voila
from voila.shutdown_kernel_handler import VoilaShutdownKernelHandler
from voila.static_file_handler import AllowListFileHandler, MultiStaticFileHandler
from voila.tornado.handler import TornadoVoilaHandler
from voila.tornado.kernel_websocket_handler import VoilaKernelWebsocketHandler

from . import executor, style
from .card import About, Health, Preview, PreviewPicture, Robots, about
from .channel import VisitorChannel
from .files import OFFERED, WIDGET_STYLE, AllowedFiles, ExtensionFiles, PageFiles, digest_of, offered
from .kernels import Kernels, Limits, VisitorKernel
from .log import with_plain_lines
from .memory import ceiling, shortage
from .message import LONGEST_CONTENT
from .metrics import Metrics
from .options import ONE_NOTEBOOK, refusals, refuse, unknown
from .outputs import allowed, code_of, has_formulas, scripts_for
from .settings import CONNECTION, ENVIRONMENT, PLAIN, SETTINGS, policy
from .sign_in import OPEN, Gate, SignedOut, SignInPage, networks
from .visits import LongAddress, Refused, Touched, VisitorKernelInfo, VisitorPage, sealed
from .waiting_line import Place, WaitingLine
from .words import FOLDER, in_words

ID = r"([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})"


class Dashboard(Voila):  # type: ignore[misc]  # Voila ships no types
    """One notebook for the public."""

    description: Unicode[str, str | bytes] = Unicode(
        "Serve one notebook as a page for strangers: python -m liqwidget.serve NOTEBOOK"
    )
    examples: Unicode[str, str | bytes] = Unicode(
        "python -m liqwidget.serve dashboard.ipynb --port=8866 --host=maps.example.org"
    )

    hosts: List[str] = List(
        Unicode(), ["localhost", "127.0.0.1"], help="Names that the server goes by; requests for others are refused."
    ).tag(config=True)
    max_visitors: Integer[int, int] = Integer(
        20, min=1, help="Kernels at once; who comes when all are taken is asked to wait."
    ).tag(config=True)
    frame_ancestors: Unicode[str, str | bytes] = Unicode(
        "'self'", help="Which sites may show the page in a frame (a CSP source list)."
    ).tag(config=True)
    query: List[str] = List(
        Unicode(),
        help="Parameters of the address that the notebook reads from QUERY_STRING; may be given several times.",
    ).tag(config=True)
    extensions: List[str] = List(
        Unicode(), help="Further JupyterLab extensions that the page loads; may be given several times."
    ).tag(config=True)
    css: Unicode[str, str | bytes] = Unicode(help="A style sheet of your own, which prevails over the page's.").tag(
        config=True
    )
    password: Unicode[str, str | bytes] = Unicode(
        help="Ask visitors for a password: its hash, as jupyter_server.auth.passwd makes it."
    ).tag(config=True)
    password_tries: Integer[int, int] = Integer(
        60, min=1, help="Wrong passwords of all visitors that may be tried at once, and then in five minutes."
    ).tag(config=True)
    user_header: Unicode[str, str | bytes] = Unicode(
        help="Admit only requests in which a proxy names the user in this header."
    ).tag(config=True)
    proxies: List[str] = List(
        Unicode(), ["127.0.0.1", "::1"], help="Addresses or networks of the proxy whose user_header is believed."
    ).tag(config=True)
    metrics: List[str] = List(
        Unicode(), help="Addresses or networks that may read /voila/api/metrics; without any there is no such route."
    ).tag(config=True)
    max_message: Integer[int, int] = Integer(2 << 20, help="Longest message of a visitor's page, in bytes.").tag(
        config=True
    )
    message_rate: Float[float, float] = Float(100, help="Messages a second of one page; more are read later.").tag(
        config=True
    )
    traffic_rate: Float[float, float] = Float(
        6 << 20, help="Bytes a second between one page and its kernel, likewise."
    ).tag(config=True)
    effort_rate: Float[float, float] = Float(
        0.1, help="Share of the server's thread that one page's messages may cost, likewise."
    ).tag(config=True)
    max_content: Integer[int, int] = Integer(
        LONGEST_CONTENT, help="Longest content of a message without its buffers, in bytes; longer ones are passed over."
    ).tag(config=True)

    aliases: dict[str, str] = {  # noqa: RUF012  # traitlets wants it so
        **Voila.aliases,
        "port": "Voila.port",
        "ip": "Voila.ip",
        "base_url": "Voila.base_url",
        "host": "Dashboard.hosts",
        "query": "Dashboard.query",
        "password": "Dashboard.password",
        "user_header": "Dashboard.user_header",
        "metrics": "Dashboard.metrics",
        "css": "Dashboard.css",
        "extension": "Dashboard.extensions",
        "visitors": "Dashboard.max_visitors",
        "memory": "VisitorKernel.memory_mb",
        "forgotten": "MappingKernelManager.cull_idle_timeout",
        "gone": "Kernels.cull_gone_timeout",
        "pool": "VoilaConfiguration.default_pool_size",
        "theme": "VoilaConfiguration.theme",
    }
    classes: list[Any] = [*Voila.classes, Kernels, VisitorKernel]  # noqa: RUF012

    @default("config_file_paths")
    def _default_config_file_paths(self) -> list[str]:
        """Read Jupyter's folders, but not the folder in which the server is started."""
        return list(jupyter_config_path())

    def initialize(self, argv: list[str] | None = None) -> None:
        """Start with our settings; voila.json, voila.py and the command line override them."""
        self.started: str = uuid4().hex
        self.update_config(Config(SETTINGS))
        refuse(unknown(sys.argv[1:] if argv is None else argv, self))
        try:
            super().initialize(argv)
        except ValueError as error:  # no such file, or more than one
            refuse([f"NOTEBOOK: wanted one file that ends with .ipynb; got {error}. {ONE_NOTEBOOK}"])
        if not str(self.notebook_path or "").endswith(".ipynb"):
            got = self.notebook_path or (f"the folder {self.root_dir}" if self.extra_args else "none")
            refuse([f"NOTEBOOK: wanted one file that ends with .ipynb; got {got}. {ONE_NOTEBOOK}"])
        for name in ("proxies", "metrics"):
            try:
                networks(getattr(self, name))
            except ValueError as error:
                refuse([f"{name}: wanted addresses or networks; got {error}. Write 10.0.0.5 or 10.0.0.0/8."])
        self.gate: Gate = Gate(self.password, self.user_header, self.proxies, self.cookie_secret, self.password_tries)
        refuse(filter(None, [self.gate.fault()]))
        self.notebook: Any = nbformat.read(self.notebook_path, as_version=4)  # type: ignore[no-untyped-call]
        self.about: About = about(Path(self.notebook_path))
        self._load_what_outputs_need(self.voila_configuration)
        os.environ[OFFERED] = offered()
        for name, value in ENVIRONMENT.items():
            os.environ.setdefault(name, value)
        self.authors_hook: Any = self.voila_configuration.page_config_hook
        self.voila_configuration.page_config_hook = self._page_config

    def _load_what_outputs_need(self, configuration: Any) -> None:
        """Add extensions of other packages to the page, and prepare to name outputs that will not be shown."""
        code = code_of(self.notebook)
        self.scripts: list[str] = scripts_for(code)
        if "QUERY_STRING" in code and not self.query:
            self.log.warning("The notebook reads QUERY_STRING, which has no parameters without --query=NAME.")
        if configuration.extension_allowlist is not None:
            configuration.extension_allowlist = allowed(configuration.extension_allowlist, code, self.extensions)
        listed = configuration.extension_allowlist
        found = get_federated_extensions(self.labextensions_path)
        executor.install(name for name in found if listed is None or name in listed)

    def _page_config(self, config: dict[str, Any], **given: Any) -> dict[str, Any]:
        """Keep the browser from loading what the page does not use, and name early what it will need.

        Without a formula in the notebook an empty stand-in replaces MathJax: 17 files and 0.9 MB less. The chunks of
        Voila's front end are requested at once, instead of after its first script has run.
        """
        if self.authors_hook is not None:
            config = self.authors_hook(config, **given)
        config["fullStaticUrl"] += f"/{self.digest}"
        if not has_formulas(self.notebook):
            config.update(fullMathjaxUrl=f"{config['fullStaticUrl']}/no-formulas.js", mathjaxConfig="")
        return {
            **config,
            "early": _pieces(self.static_paths),
            "scripts": self.scripts,
            "title": self.about.title,
            "css": style.NAME if self.css else "",
            "theme": self._theme(),
            "started": self.started,
        }

    def _theme(self) -> str:
        """Return the theme that the server was started with, or auto: the visitor's."""
        if "theme" not in self.config.VoilaConfiguration:
            return "auto"
        return "dark" if self.voila_configuration.theme in ("dark", "JupyterLab Dark") else "light"

    def get_default_logging_config(self) -> Any:
        """Write the records of all loggers with one handler that limits them."""
        return with_plain_lines(super().get_default_logging_config())

    def setup_template_dirs(self) -> None:
        """Use our page before Voila's; its files are in the static folder."""
        refuse(refusals(self, self.voila_configuration))
        super().setup_template_dirs()
        self.template_paths.insert(0, str(FOLDER))
        self.static_paths.insert(0, str(FOLDER / "static"))
        if self.css and (fault := style.fault_of(Path(self.css))):
            refuse([fault])
        self.own: dict[str, Path] = {WIDGET_STYLE.name: WIDGET_STYLE}
        if self.css:
            self.own[style.NAME] = Path(self.css).resolve()
        self.digest: str = digest_of(self.static_paths, self.own.values())

    def init_settings(self) -> dict[str, Any]:
        """Limit message sizes. The one cookie is never sent for another site: no XSRF token is needed."""
        settings: dict[str, Any] = super().init_settings()
        return {**settings, "websocket_max_message_size": self.max_message, "disable_check_xsrf": True}

    def init_handlers(self) -> list[Any]:
        """Keep only the routes of Voila listed here, for our hosts; routes that it adds later are not served."""
        limits = Limits(
            (self.message_rate, 3 * self.message_rate),
            (self.traffic_rate, 4 * self.traffic_rate),
            (self.effort_rate, 5 * self.effort_rate),
            self.max_content,
        )
        preview, line, page = Preview(), WaitingLine(), url_path_join(self.base_url, "voila")
        look = {"files": f"{page}/static/{self.digest}", "ask": f"{page}/api/place/", "theme": self._theme()}
        kept: dict[type, tuple[type, dict[str, Any]]] = {
            KernelHandler: (VisitorKernelInfo, {}),
            VoilaKernelWebsocketHandler: (VisitorChannel, {"limits": limits}),
            VoilaShutdownKernelHandler: (VoilaShutdownKernelHandler, {}),
            MultiStaticFileHandler: (PageFiles, {"digest": self.digest, "own": self.own}),
            FileFindHandler: (ExtensionFiles, {"no_cache_paths": []}),
            TornadoVoilaHandler: (
                VisitorPage,
                {
                    "max_visitors": self.max_visitors,
                    "line": line,
                    "look": look,
                    "preview": preview,
                    "what": self.about,
                    "read": self.query,
                },
            ),
        }
        if self.voila_configuration.file_allowlist:
            kept[AllowListFileHandler] = (AllowedFiles, {})
        own: list[Any] = [
            ("/voila/api/touched/" + ID, Touched, {"started": self.started}),
            ("/voila/api/place/([0-9a-f]{32})", Place, {"line": line, "max_visitors": self.max_visitors}),
            ("/voila/api/preview.png", PreviewPicture, {"preview": preview}),
            ("/robots.txt", Robots),
        ]
        operators: list[Any] = [("/voila/api/health", Health, {"max_visitors": self.max_visitors})]
        if self.metrics:
            given = {"max_visitors": self.max_visitors, "readers": networks(self.metrics)}
            operators.append(("/voila/api/metrics", Metrics, given))
        operators = [(url_path_join(self.server_url, path), *more) for path, *more in operators]
        rules: list[Any] = [
            Rule(LongAddress(), Refused, {"status": 414}),
            *operators,
            *((url_path_join(self.server_url, path), *more) for path, *more in own),
        ]
        for pattern, handler, *options in super().init_handlers():
            if handler in kept:
                ours, more = kept[handler]
                given = {**(options[0] if options else {}), **more}
                if handler is MultiStaticFileHandler:
                    given.pop("default_filename")
                rules.append((pattern, ours, given))
        rules.append((".*", Refused, {"status": 404}))
        rules = [rule if isinstance(rule, Rule) else (rule[0], in_words(rule[1]), *rule[2:]) for rule in rules]
        if self.gate:
            is_open = frozenset(url_path_join(self.server_url, path) for path in OPEN)
            rules.insert(0, (SignedOut(self.gate, is_open), SignInPage, {"gate": self.gate, "title": self.about.title}))
        names = "|".join(re.escape(name.lower()) for name in self.hosts)
        self.app.add_handlers(rf"(?i:{names})$", rules)
        self.app.add_handlers(r"(localhost|127\.0\.0\.1)$", operators)  # whatever the public name is
        return [(".*", Refused, {"status": 403})]

    def listen(self) -> None:
        """Listen, with limits on each connection and our headers on each reply; say if memory may become short."""
        most = self.config.VisitorKernel.get("memory_mb", VisitorKernel.memory_mb.default_value)
        if words := shortage(self.max_visitors, self.voila_configuration.default_pool_size, int(most), ceiling()):
            self.log.warning(words)
        self.app.listen = partial(self.app.listen, **CONNECTION)
        transform: type[OutputTransform] = sealed(
            policy(self.frame_ancestors, bool(self.password)), PLAIN, bool(self.gate)
        )
        self.app.add_transform(transform)
        self.app.add_transform(GZipContentEncoding)  # the page itself; files are compressed already
        super().listen()


def _pieces(folders: list[str]) -> list[str]:
    """Return the names of the scripts that Voila's first script loads and that exist."""
    for folder in map(Path, folders):
        if (folder / "voila.js").is_file():
            numbers = re.findall(r"\.e\((\d+)\)", (folder / "voila.js").read_text(encoding="utf-8"))
            names = [f"{number}.voila.js" for number in dict.fromkeys(numbers)]
            return [name for name in names if (folder / name).is_file()]
    return []
