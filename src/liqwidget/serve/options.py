"""Which of Voila's options work here; an option without an effect is refused with what to do instead."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from typing import Any

from .settings import SETTINGS

_OF_VOILA = """
port ip base_url server_url port_retries root_dir notebook_path connection_dir_root config_file_paths open_browser
browser webbrowser_open_new custom_display_url cookie_secret authorizer_class tornado_settings log_level log_format
log_datefmt logging_config show_config show_config_json
"""
_OF_CONFIGURATION = """
theme strip_sources show_tracebacks file_allowlist file_denylist preheat_kernel default_pool_size
http_keep_alive_timeout language_kernel_mapping kernel_spec_manager_class attempt_fix_notebook extension_allowlist
extension_denylist extension_config extra_labextensions_path page_config_hook prelaunch_hook http_header_envs
"""
#: Options of Voila that work as Voila documents them.
WORKING = {"Voila": frozenset(_OF_VOILA.split()), "VoilaConfiguration": frozenset(_OF_CONFIGURATION.split())}

ONE_NOTEBOOK = "Name one notebook: python -m liqwidget.serve NOTEBOOK.ipynb; for several start several servers."
_PAGE = "This server has one page of its own; change its look with --css=FILE.css."
_LIMITS = "It holds the checks and limits of this server."
_SIGN_IN = "Ask for a password with --password, or let a proxy sign visitors in: docs/deploy.md."
_OLD_LIST = "Name the files with VoilaConfiguration.file_allowlist and file_denylist."
#: Options that cannot work, by class and name, with what to do instead. Other values than ours are refused.
REFUSED: dict[str, dict[str, str]] = {
    "Voila": {
        "static_root": _PAGE,
        "static_paths": _PAGE,
        "template_paths": _PAGE,
        "autoreload": "Restart the server after a change.",
        "mathjax_config": "Formulas are set by the MathJax that is served with the page.",
        "mathjax_url": "Formulas are set by the MathJax that is served with the page, which loads nothing elsewhere.",
        "prelaunch_hook": "Set VoilaConfiguration.prelaunch_hook.",
        "token": _SIGN_IN,
        "auto_token": _SIGN_IN,
        "identity_provider_class": _SIGN_IN,
        "kernel_websocket_connection_class": _LIMITS,
    },
    "VoilaConfiguration": {
        "template": _PAGE,
        "allow_template_override": _PAGE,
        "allow_theme_override": "The page follows each visitor's system; --theme=dark or light sets one for all.",
        "classic_tree": ONE_NOTEBOOK,
        "resources": _PAGE,
        "show_margins": _PAGE,
        "file_whitelist": _OLD_LIST,
        "file_blacklist": _OLD_LIST,
        "extension_language_mapping": "Convert the script to a notebook: jupytext --to ipynb FILE.",
        "multi_kernel_manager_class": _LIMITS,
        "progressive_rendering": "Cells are run by the server and shown as they finish; visitors cannot run them.",
    },
}
#: Options whose effect a kernel that has run before its visitor came would miss.
PER_VISITOR = ("prelaunch_hook", "http_header_envs")


def refuse(reasons: Iterable[str]) -> None:
    """End the program and write the reasons, if there are any."""
    if text := "\n".join(reasons):
        raise SystemExit(text)


def refusals(app: Any, configuration: Any) -> Iterator[str]:
    """Yield why options in effect cannot work."""
    for owner, section in ((app, "Voila"), (configuration, "VoilaConfiguration")):
        for name, cure in REFUSED[section].items():
            wanted, got = _ours(owner, section, name), getattr(owner, name)
            if isinstance(got, type):
                got = f"{got.__module__}.{got.__qualname__}"
            if got != wanted:
                yield f"{section}.{name}: wanted {wanted!r}; got {'one' if name == 'token' else repr(got)}. {cure}"
    if configuration.preheat_kernel:
        for name in PER_VISITOR:
            if getattr(configuration, name):
                yield (
                    f"VoilaConfiguration.{name}: wanted kernels that start when their visitor comes; got preheated "
                    "ones. Add --VoilaConfiguration.preheat_kernel=False."
                )


def unknown(argv: list[str], app: Any) -> Iterator[str]:
    """Yield which words of a command line are no options; traitlets would go on without them."""
    traits = {cls.__name__: cls.class_trait_names(config=True) for cls in [*app.classes, type(app)]}
    short = [*app.aliases, *app.flags]
    for word in argv:
        if word == "--":
            return
        name = word[2:].partition("=")[0]
        section, dot, trait = name.partition(".")
        known = traits.get(section, [trait]) if dot else short
        if word.startswith("--") and (trait if dot else name) not in known:
            whole = [f"{cls}.{name}" for cls, names in traits.items() if name in names]  # has no short form
            near = [f"{section}{dot}{found}" if dot else found for found in get_close_matches(trait or name, known, 1)]
            cure = f"Nearest: --{[*whole, *near][0]}." if whole or near else "--help-all lists them."
            yield f"--{name}: wanted an option of this server; got none of that name. {cure}"


def _ours(owner: Any, section: str, name: str) -> Any:
    """Return the value that this server sets, or Voila's default."""
    ours = SETTINGS.get(section, {})
    if name in ours:
        return ours[name]
    default = type(owner).class_traits()[name].default(owner)
    return f"{default.__module__}.{default.__qualname__}" if isinstance(default, type) else default
