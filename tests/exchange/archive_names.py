"""What the public files of all venues have in common: the range in a name, a zip, and the answer for no file."""

from __future__ import annotations

import io
import zipfile
from datetime import UTC, datetime, timedelta

from .messages import Reply

NO_FILE = Reply(404, b"<Error><Code>NoSuchKey</Code></Error>", {"Content-Type": "application/xml"})


def packed(name: str, text: str) -> bytes:
    """A zip as it is published, the same bytes each time."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr(zipfile.ZipInfo(name.removesuffix(".zip") + ".csv"), text, zipfile.ZIP_DEFLATED)
    return out.getvalue()


def span_of(date: str) -> tuple[int, int]:
    """The range of a month ("2026-01") or a day, ms, UTC."""
    first = datetime.strptime(date, "%Y-%m-%d" if len(date) == 10 else "%Y-%m").replace(tzinfo=UTC)
    after = first + timedelta(days=1) if len(date) == 10 else (first + timedelta(days=32)).replace(day=1)
    return int(first.timestamp()) * 1000, int(after.timestamp()) * 1000
