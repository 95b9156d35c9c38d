"""Images that the notebook's text names are in the page; no others can be had."""

from __future__ import annotations

from base64 import b64encode
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from nbconvert.filters.markdown_mistune import MarkdownWithMath

from liqwidget.serve.images import LARGEST, ImageMissingError, NotebookImages, embedded

PNG = b"\x89PNG\r\n\x1a\n picture"
DATA = "data:image/png;base64," + b64encode(PNG).decode()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    site = tmp_path / "site"
    (site / "sub").mkdir(parents=True)
    for path in (site / "a b.png", site / "sub" / "c.PNG", tmp_path / "above.png", site / "50%.png"):
        path.write_bytes(PNG)
    (site / "secret.txt").write_text("secret")
    (site / "large.png").write_bytes(b"x" * (LARGEST + 1))
    return site


@pytest.fixture
def render(folder: Path) -> Any:
    NotebookImages.said.clear()
    warnings: list[str] = []
    log = SimpleNamespace(warning=lambda text, *given: warnings.append(text % given))
    app = SimpleNamespace(notebook_path=str(folder / "page.ipynb"), log=log)

    def run(text: str) -> str:
        renderer = NotebookImages(
            SimpleNamespace(parent=app), escape=False, attachments={"x.png": {"image/png": "eA=="}}
        )
        return MarkdownWithMath(renderer=renderer).render(text)

    run.warnings = warnings  # type: ignore[attr-defined]
    return run


@pytest.mark.parametrize(
    "text",
    [
        "![alt](a%20b.png)",
        "![alt](<a b.png> 'title')",
        "![alt](sub/c.PNG)",
        "![alt](../above.png)",
        "![alt](50%25.png)",
        "![alt](a%20b.png?v=2#part)",
        "words <img src='a b.png' width=20> more",
        '<div>\n<img alt="x" src="../above.png">\n</div>',
        "<IMG width=3 SRC=sub/c.PNG>",
    ],
)
def test_an_image_of_the_text_is_in_the_page(render: Any, text: str) -> None:
    assert render(text).replace("SRC", "src").count(f'src="{DATA}"') == 1
    assert render.warnings == []


def test_other_html_and_attachments_stay_as_they_are(render: Any) -> None:
    assert (
        render("a <b>bold</b> <span title='src=x'>word</span>")
        == "<p>a <b>bold</b> <span title='src=x'>word</span></p>\n"
    )
    assert 'src="data:image/png;base64,eA=="' in render("![x](attachment:x.png)")
    assert f'src="{DATA}"' in render(f"<img src='{DATA}'>")


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("none.png", "there is no such file"),
        ("a\0.png", "there is no such file"),
        ("secret.txt", "wanted one of .png"),
        ("../../etc/passwd", "wanted one of .png"),
        ("large.png", "wanted at most 4 MiB; got 4,194,305 bytes"),
        ("https://example.org/x.png", "is on another host"),
        ("//example.org/x.png", "is on another host"),
    ],
)
def test_an_image_that_cannot_be_shown_is_named_once(render: Any, folder: Path, address: str, said: str) -> None:
    with pytest.raises(ImageMissingError, match=said):
        embedded(address, folder)
    if "\0" not in address:
        for _ in range(2):
            assert f'src="{address}"' in render(f"![x]({address})")
        (warning,) = render.warnings
        assert warning.startswith(f"The image {address} of the notebook is not shown: ")
