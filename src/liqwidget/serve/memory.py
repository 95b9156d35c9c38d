"""Whether all kernels fit into the memory that this server may use, each at its bound."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

#: MiB of the server itself: 90 to 160 measured.
SERVER = 256


class Ceiling(NamedTuple):
    """The most memory that the server and its kernels may use, and what sets it."""

    mib: int
    what: str


def needed(visitors: int, pool: int, memory: int) -> int:
    """Return MiB of the server and all kernels, each using all that it may (``--memory``)."""
    return SERVER + (visitors + pool) * memory


def ceiling(root: Path = Path("/")) -> Ceiling | None:
    """Return the lowest limit: of a control group, such as a unit's or a container's, or of the machine; None: unknown.

    Parameters
    ----------
    root
        Where ``proc`` and ``sys`` are.
    """
    found = [Ceiling(int(text) >> 20, "the limit of its unit or container") for text in _limits(root) if text.isdigit()]
    try:
        lines = (root / "proc/meminfo").read_text().splitlines()
        found += [Ceiling(int(line.split()[1]) >> 10, "this machine") for line in lines if line.startswith("MemTotal:")]
    except (OSError, ValueError):
        pass
    return min(found, default=None)


def shortage(visitors: int, pool: int, memory: int, most: Ceiling | None) -> str:
    """Return what the operator should know: how much is missing, and which options would fit; "" if all fits."""
    if most is None or not memory or (wanted := needed(visitors, pool, memory)) <= most.mib:
        return ""
    fitting = (most.mib - SERVER) // memory - pool
    options = f"--visitors={fitting}" if fitting > 0 else "a lower --memory, --visitors and --pool"
    return (
        f"memory: wanted {wanted:,} MiB for the server and {visitors + pool} kernels of at most {memory:,} MiB; got "
        f"{most.mib:,} MiB ({most.what}). Several large markets at once may end other visitors' kernels: "
        f"pass {options}, or raise the limit."
    )


def _limits(root: Path) -> list[str]:
    """Return the contents of the files with limits of this process's control groups, versions 1 and 2."""
    try:
        groups = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:
        return []
    found = []
    for line in groups:
        _, kinds, path = line.split(":", 2)
        if kinds and "memory" not in kinds.split(","):
            continue
        base, name = ("memory", "memory.limit_in_bytes") if kinds else ("", "memory.max")
        folder = Path(path.lstrip("/"))
        for one in (folder, *folder.parents):  # a parent may have the lower limit; the last one is the root
            try:
                found.append((root / "sys/fs/cgroup" / base / one / name).read_text().strip())
            except OSError:
                continue
    return found
