"""The manual: a site made from the pages of this folder and the package's docstrings (`make docs`)."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
# The site's own extension, and the imitated venues that examples ask.
sys.path[:0] = [str(Path(__file__).parent), str(ROOT / "tests")]

project = "liqwidget"
author = copyright = "The liqwidget developers"
extensions = ["sphinx.ext.autodoc", "numpydoc", "myst_parser", "manual"]
source_suffix = {".md": "markdown", ".rst": "restructuredtext"}
exclude_patterns = ["manual", "theme"]
default_role = "code"
nitpicky = True
# Names of other packages: nothing is downloaded to look them up.
nitpick_ignore_regex = [("py:.*", r"(?!liqwidget\b).*")]
# Types of this package that readers of a signature need not look up.
nitpick_ignore = [
    ("py:class", f"liqwidget.{name}")
    for name in (
        "simulation.traders.Traders",
        "widget.base.HeatmapWidget",
        "widget.marks.Columns",
        "widget.marks.Realised",
        "widget.shown.Picture",
    )
]
suppress_warnings = ["myst.strikethrough"]
myst_heading_anchors = 3
myst_enable_extensions = ["colon_fence"]

autodoc_typehints_format = "short"
autodoc_member_order = "alphabetical"
autodoc_preserve_defaults = True
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 90
add_module_names = False
toc_object_entries_show_parents = "hide"
numpydoc_show_class_members = False

html_theme = "furo"
html_title = "liqwidget"
html_favicon = "theme/favicon.svg"
html_static_path = ["theme"]
html_css_files = ["manual.css"]
html_show_sourcelink = False
html_copy_source = False
pygments_style, pygments_dark_style = "tango", "monokai"
html_theme_options = {
    "light_css_variables": {"color-brand-primary": "#6b2a91", "color-brand-content": "#6b2a91"},
    "dark_css_variables": {"color-brand-primary": "#f0b35e", "color-brand-content": "#f0b35e"},
    "footer_icons": [],
}
