"""What a market's origin says about public files: which part came from them, what they lack, which failed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ...checks import stamp
from ..rows import Span, covered
from ..venues.files import Content
from .archive_fill import common, days_of

if TYPE_CHECKING:
    from .fetch_plan import SeriesPlan

_NAMED = 3  # days and files that a note names


def lacking_note(plans: Sequence[SeriesPlan], first: int) -> list[str]:
    """Return a note for each type of file that has not all days, from the time `first` on, that were wanted of it."""
    said: dict[Content, str] = {}
    for plan in plans:
        files = plan.series.files
        gaps = [(max(start, first, files.since), end) for start, end in plan.lacks(plan.past)] if files else []
        # A gap of 1 ms is the first row of a day, which the file of the day before would have.
        days = [name for start, end in covered(gaps) for name in days_of(start, end - 1)]
        if files and days:
            named = ", ".join(days[:_NAMED]) + (", ..." if len(days) > _NAMED else "")
            said[files.content] = f"days without {files.content} in the archive: {len(days):,} ({named})"
    return list(said.values())


def archived_note(plans: Sequence[SeriesPlan]) -> list[str]:
    """Return a note that says which part of which series is from files."""
    kinds: dict[Span, list[str]] = {}
    for plan in plans:
        spans = common(plan.archived, [plan.span])
        if spans:
            kinds.setdefault((spans[0][0], spans[-1][1]), []).append(plan.kind)
    parts = [
        f"{', '.join(names)} {stamp(start * 1_000_000)} to {stamp(end * 1_000_000)}"
        for (start, end), names in kinds.items()
    ]
    used = [plan.series.files for plan in plans if common(plan.archived, [plan.span])]
    sums = "" if all(files is None or files.has_sums for files in used) else ", whose venue publishes no checksums"
    return [f"from public files{sums} (UTC), and the rest from the interface: {'; '.join(parts)}"] if parts else []


def failures_note(failures: Sequence[str]) -> str:
    """Return a note about files that could not be used."""
    more = f" And {len(failures) - _NAMED:,} more." if len(failures) > _NAMED else ""
    return f"files that could not be used: {' '.join(failures[:_NAMED])}{more}"
