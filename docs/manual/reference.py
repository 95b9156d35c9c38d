"""The directive `group`: the reference of all public names of one group of the package's docstring."""

from __future__ import annotations

import inspect
import re
from typing import Any

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.pycode import ModuleAnalyzer
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective
from sphinx.util.inspect import stringify_signature

import liqwidget

from .examples import example_in, run
from .names import faults_of_groups, groups, kind, members, undescribed

LOG = logging.getLogger(__name__)


class Group(SphinxDirective):
    """``.. group:: Title``: signature, docstring, members and example of each name of the group."""

    required_arguments = 1
    final_argument_whitespace = True

    def run(self) -> list[nodes.Node]:
        """Return the nodes."""
        title = self.arguments[0]
        if title not in groups():
            raise self.error(f"group: wanted one of {', '.join(groups())}; got {title}")
        self.env.metadata[self.env.docname].setdefault("groups", title)
        lines: list[str] = []
        for name in groups()[title]:
            lines += [*_entry(name), *self._example(name), ""]
        where = f"group {title}"
        return self.parse_text_to_nodes(StringList(lines, where), allow_section_headings=True)

    def _example(self, name: str) -> list[str]:
        value = getattr(liqwidget, name)
        text = docstring(name)
        if inspect.isclass(value) and not example_in(text):  # the example of what makes it, such as Market.from_frame
            texts = (inspect.getdoc(getattr(value, member)) or "" for member in members(value))
            text = next(filter(example_in, texts), text)
        if not example_in(text):
            LOG.warning("liqwidget.%s: its docstring has no example that runs", name, location=self.get_location())
            return []
        if inspect.isclass(value):
            for member in undescribed(value):
                LOG.warning("liqwidget.%s.%s: nothing describes it", name, member, location=self.get_location())
        ran = run(name, text, inspect.getmodule(inspect.unwrap(value)) or liqwidget)
        if ran.failures:
            LOG.warning("liqwidget.%s: its example failed\n%s", name, ran.failures, location=self.get_location())
        if ran.drawn is None:
            return []
        shown = [f"   {line}" for line in ran.drawn.splitlines()]
        return [
            "",
            f".. rubric:: What a notebook shows of the example of {name}",
            "",
            ".. raw:: html",
            "",
            '   <div class="drawn">',
            *shown,
            "   </div>",
            "",
        ]


def docstring(name: str) -> str:
    """Return the docstring of a public name; of data, the comment ``#:`` above it."""
    value = getattr(liqwidget, name)
    if kind(value) != "data":
        return inspect.getdoc(value) or ""
    home = "liqwidget." + (liqwidget._HOME.get(name) or "_version")
    return "\n".join(ModuleAnalyzer.for_module(home).find_attr_docs().get(("", name), []))


def _entry(name: str) -> list[str]:
    """Return the directives of a public name, below a heading."""
    value = getattr(liqwidget, name)
    what = kind(value)
    title = [f"``{name}``", "-" * (len(name) + 4), ""]
    if what == "instance":
        cls = type(value)
        path = f"{cls.__module__}.{cls.__qualname__}"
        own = [
            f".. py:data:: liqwidget.{name}",
            f"   :type: {cls.__qualname__}",
            "",
            f"   An instance of :class:`~{path}`:",
            "",
        ]
        return [*title, *own, f".. autoclass:: {path}", f"   :members: {', '.join(members(cls))}", ""]
    if what == "data":
        return [
            *title,
            f".. py:data:: liqwidget.{name}",
            "",
            *(f"   {line}" for line in docstring(name).splitlines()),
            "",
        ]
    lines = [*title, f".. auto{what}:: liqwidget.{name}"]
    if what == "class" and members(value):
        lines.append(f"   :members: {', '.join(members(value))}")
    return [*lines, ""]


def _check(app: Any) -> None:
    for fault in faults_of_groups():
        LOG.warning("%s", fault)


def _all_shown(app: Any, env: Any) -> None:
    shown = {data["groups"] for data in env.metadata.values() if "groups" in data}
    if "reference/index" not in env.found_docs:  # a small site, of a test
        return
    for title in groups():
        if title not in shown:
            LOG.warning("reference: no page shows the group %s", title)


def _list_decisions(app: Any, docname: str, source: list[str]) -> None:
    """Add the decisions to the contents of their index; the code host shows the index without it."""
    if docname == "decisions/README":
        source[0] += "\n```{toctree}\n:hidden:\n:glob:\n\n[0-9]*\n```\n"


def _short_names(app: Any, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """Show references to names of this package without their modules."""
    lines[:] = [re.sub(r":(func|class|meth|attr):`(?!~)(liqwidget\.[\w.]+)`", r":\1:`~\2`", line) for line in lines]


def _signature(
    app: Any, what: str, name: str, obj: Any, options: Any, signature: str | None, returned: str | None
) -> tuple[str, None] | None:
    """Leave out the arguments of classes that users do not construct: those whose docstring does not say them."""
    if what != "class":
        return None
    if not re.search(r"^Parameters$", inspect.getdoc(obj) or "", re.MULTILINE):
        return "", None
    if not hasattr(obj, "class_traits"):
        return None
    given = inspect.signature(obj.__init__)  # the signature of a class with traits says only *args and **kwargs
    return re.sub(r"^\(self, ", "(", stringify_signature(given, unqualified_typehints=True)).partition(" -> ")[0], None


def setup(app: Any) -> None:
    """Register with Sphinx."""
    app.add_directive("group", Group)
    app.connect("builder-inited", _check)
    app.connect("env-updated", _all_shown)
    app.connect("source-read", _list_decisions)
    app.connect("autodoc-process-docstring", _short_names)
    app.connect("autodoc-process-signature", _signature)
