"""What this installation has and how to start it: `python -m liqwidget`."""

from __future__ import annotations

import platform
import re
import sys
from importlib import metadata
from pathlib import Path

from ._version import __version__
from .errors import LiqError

USAGE = """\
usage: python -m liqwidget [--help | --version | brackets [--refresh [SYMBOL]]]

Prints the version, the extras that are installed, the folder of cached market data, and how to start.
brackets: lists the tables of leverage brackets with their dates. With --refresh it first requests those of SYMBOL
(BTCUSDT; BTCUSD for inverse contracts) from bybit, okx and hyperliquid, as far as they have such contracts; nothing
else is requested from a network. Binance shows its tables to accounts only: see lw.fetch_brackets."""

_PACKAGE = Path(__file__).absolute().parent
_REQUIREMENT = re.compile(r"""([\w.-]+)[^;]*?(?:>=\s*([\d.]+))?[^;]*;.*\bextra\s*==\s*['"]([\w.-]+)['"]""")
_TARGET = re.compile(r"^(demo|voila|course|docs):[^#\n]*## *(.*)$", re.MULTILINE)
_NAMED = 3  # packages of an extra that are named


def main(arguments: list[str]) -> int:
    """Print what is asked for; return the exit code."""
    if not arguments:
        print(_text())
    elif arguments in (["--help"], ["-h"]):
        print(USAGE)
    elif arguments == ["--version"]:
        print(f"liqwidget {__version__}")
    elif arguments == ["brackets"] or (arguments[:2] == ["brackets", "--refresh"] and len(arguments) < 4):
        return _brackets([*arguments[2:], "BTCUSDT"][0] if arguments[1:] else None)
    else:
        got = " ".join(map(repr, arguments))
        print(
            f"python -m liqwidget: wanted --help, --version, brackets or nothing; got {got[:100]}. "
            "Without an argument it says how to start.",
            file=sys.stderr,
        )
        return 2
    return 0


def _brackets(symbol: str | None) -> int:
    """Print the known tables of brackets; with a symbol, fetch it first."""
    from .model.bracket_tables import known_tables, load_brackets, newest

    problems = []
    for venue in () if symbol is None else ("bybit", "okx", "hyperliquid"):
        try:
            from .sources.fetch.brackets import fetch_brackets, has_contracts_of

            if has_contracts_of(symbol or "", venue):
                fetch_brackets(symbol or "", venue, trust_env=True)
        except (LiqError, ModuleNotFoundError) as error:
            problems.append(str(error))
    for venue, name in known_tables():
        try:
            table = load_brackets(venue, name)
        except LiqError as error:
            problems.append(str(error))
            continue
        rows = f"{len(table)} bracket{'s'[: len(table) != 1]} to {table[0].max_leverage:g}x"
        status = ", ".join(dict.fromkeys(bracket.status for bracket in table))
        print(f"{venue:<11}  {name:<16}  {newest(table) or 'undated':<10}  {rows}: {status}")
    for problem in problems:
        print(_printable(problem), file=sys.stderr)
    return 1 if problems else 0


def _text() -> str:
    found = _extras()
    width = max(map(len, found), default=0)
    extras = [f"  {name:<{width}}  {_state(missing)}" for name, missing in found.items()]
    return "\n".join(
        [
            f"liqwidget {__version__}, Python {platform.python_version()}, {_printable(_PACKAGE)}",
            "",
            "Extras (pip install 'liqwidget[NAME]')",
            *(extras or ["  not known: these sources are not installed"]),
            "",
            "Cache of market data",
            f"  {_cache()}",
            "",
            "Start",
            *(f"  {line}" for line in _starts(found)),
        ]
    )


def _extras() -> dict[str, list[str]]:
    """Return what each extra of the installed package still lacks; empty if it is not installed."""
    try:
        requirements = metadata.requires("liqwidget") or []
    except metadata.PackageNotFoundError:
        return {}
    found: dict[str, list[str]] = {}
    for requirement in requirements:
        if match := _REQUIREMENT.match(requirement):
            name, least, extra = match.groups()
            missing = found.setdefault(extra, [])
            try:
                version = metadata.version(name)
            except metadata.PackageNotFoundError:
                missing.append(name)
            else:
                if least and _numbers(version) < _numbers(least):
                    missing.append(f"{name}>={least} (got {version})")
    return dict(sorted(found.items()))


def _numbers(version: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", re.split(r"[a-z+]", version)[0])]


def _state(missing: list[str]) -> str:
    more = f" and {len(missing) - _NAMED} more" if len(missing) > _NAMED else ""
    return f"lacks {', '.join(missing[:_NAMED])}{more}" if missing else "installed"


def _cache() -> str:
    try:
        from . import sources  # noqa: F401  # says which extra is missing
        from .cache_folder import ENVIRONMENT, folder

        return f"{_printable(folder(None))} ({ENVIRONMENT} moves it)"
    except ModuleNotFoundError as error:
        return f"none: {error}"
    except LiqError as error:
        return str(error)
    except OSError as error:  # a relative path below a folder that was deleted
        return f"cache: wanted the path of a folder; got a current folder that is not there ({error.strerror})."


def _starts(extras: dict[str, list[str]]) -> list[str]:
    """Return how to start what this installation contains."""
    lines = ["in a notebook  import liqwidget as lw; lw.LiquidationHeatmap(lw.load_sample())"]
    for extra, what in (
        ("app", "application    lw.explore(), in a notebook"),
        ("voila", "serve          python -m liqwidget.serve NOTEBOOK.ipynb: a page for visitors; its options: --help"),
    ):
        lines.append(what if not extras.get(extra, [extra]) else f"{what[:14]} needs the extra {extra!r}")
    lines.append("docs           help('liqwidget'), or lw.NAME? in a notebook")
    root = _PACKAGE.parents[1]
    try:
        makefile = (root / "Makefile").read_text("utf-8", "replace") if (root / "pyproject.toml").is_file() else ""
    except OSError:
        makefile = ""
    targets = _TARGET.findall(makefile) if _PACKAGE.parent.name == "src" else []
    if not targets:
        return [*lines, "The demo, the course and further documentation are in a checkout of the sources only."]
    return [
        *lines,
        f"In {_printable(root)}, which also has docs/ and README.md:",
        *(f"  make {name:<7} {what}" for name, what in targets),
    ]


def _printable(path: Path | str) -> str:
    text = str(path)
    return text if text.isprintable() else repr(text)


if __name__ == "__main__":
    if hasattr(sys.stdout, "reconfigure"):  # a terminal whose encoding lacks letters of a path
        sys.stdout.reconfigure(errors="backslashreplace")
    raise SystemExit(main(sys.argv[1:]))
