"""Blocks of Python in Markdown pages: found, and run as the cells of one notebook."""

from __future__ import annotations

import ast
import asyncio
import re
from collections.abc import Iterator
from contextlib import chdir, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

import liqwidget as lw
from example_venues import example_venues

_BLOCK = re.compile(
    r"^(?:<!-- not run: (?P<reason>[^\n]+) -->\n\n?)?```(?:python|\{run\})\n(?P<code>.*?)^```$",
    re.DOTALL | re.MULTILINE,
)
_OPTION = re.compile(r"^:\w+:.*\n", re.MULTILINE)


class Block(NamedTuple):
    """A block: its code, its line in the page, and why it is not run ("" if it is)."""

    code: str
    line: int
    reason: str


def blocks(text: str) -> list[Block]:
    """Return the blocks of a page, in order."""
    found = []
    for match in _BLOCK.finditer(text):
        line = text.count("\n", 0, match.start("code"))
        found.append(Block(_OPTION.sub("", match["code"]), line, match["reason"] or ""))
    return found


def run(page: Path, folder: Path) -> int:
    """Run the blocks of a page in a folder, with the files that pages name; return how many ran.

    Awaits are allowed, as in a notebook. Venues are imitated ones. An exception names the page's line.
    """
    chosen = [block for block in blocks(page.read_text(encoding="utf-8")) if not block.reason]
    if chosen:
        _write_files(folder)
        with chdir(folder), example_venues():
            asyncio.run(_run(page.name, chosen))
    return len(chosen)


async def _run(name: str, chosen: list[Block]) -> None:
    space: dict[str, Any] = {"__name__": "page"}
    for block in chosen:
        with _named(f"{name}, line {block.line}"):
            code = compile(block.code, name, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
            result = eval(code, space)
            if asyncio.iscoroutine(result):
                await result
    rest = asyncio.all_tasks() - {asyncio.current_task()}
    for task in rest:
        task.cancel()
    await asyncio.gather(*rest, return_exceptions=True)


@contextmanager
def _named(where: str) -> Iterator[None]:
    try:
        yield
    except Exception as error:
        error.add_note(where)
        raise


def _write_files(folder: Path) -> None:
    """Write the files that the pages read: candles, liquidations, a folder of minutes, a folder of an archive."""
    market = lw.load_sample()
    assert market.liquidations is not None
    market.candles.to_csv(folder / "candles.csv")
    market.liquidations.head(500).to_csv(folder / "liquidations.csv", index=False)
    (folder / "minutes").mkdir()
    market.candles.reset_index().to_parquet(folder / "minutes" / "2026-01.parquet")
    (folder / "downloads").mkdir()
    start = pd.Timestamp("2026-01-01", tz="UTC").value // 10**6
    line = f"{start},60000,60300,59900,60200,120,{start + 3_599_999},7212000,950,61,3666100,0\n"
    (folder / "downloads" / "BTCUSDT-1h-2026-01-01.csv").write_text(line)
