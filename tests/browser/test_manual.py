"""The manual in a browser: built strictly, every page clean, light and dark, on a phone; search; living pictures."""

from __future__ import annotations

import functools
import re
import subprocess
import sys
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from lab import chromium, find_chromium
from saved_page import TWO_FRAMES

pytestmark = [pytest.mark.browser, pytest.mark.slow]

ROOT = Path(__file__).resolve().parents[2]
#: What a new user types, and the page that answers, which has to be among the first three.
SEARCHES = {
    "which side is blue": "questions.html#which-side-is-blue",
    "what decay means": "questions.html#what-does-decay-mean-what-is-the-half-life",
    "load csv": "how/own_data.html",
    "share a page": "how/share.html",
    "two vendors differ": "questions.html#why-do-two-vendors-differ",
    "gain 0.31": "questions.html#what-does-gain-0-31-mean",
}
WIDE = "() => document.documentElement.scrollWidth - innerWidth"
#: Lightness of the page's background, 0 to 255.
LIGHTNESS = "() => Math.max(...getComputedStyle(document.body).backgroundColor.match(/\\d+/g).slice(0, 3).map(Number))"
#: Pixels of the heat, as a sum: it differs when the picture does.
HEAT = """() => [...document.querySelectorAll('.liq canvas')].map((canvas) => canvas.toDataURL()).join()"""


class Quiet(SimpleHTTPRequestHandler):
    """A plain server of files that logs nothing."""

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="session")
def site(tmp_path_factory):
    """The folder of the manual, built as `make docs` does it."""
    if find_chromium() is None:
        pytest.skip("no Chromium on the PATH (Debian: apt-get install chromium)")
    folder = tmp_path_factory.mktemp("manual")
    make = (ROOT / "Makefile").read_text("utf-8")
    options = re.search(r"^docs:.*\n(?:.*\n)*?\t\$\(PY\) -m sphinx (.*) -d ", make, re.MULTILINE)
    assert options
    assert {"-W", "--keep-going", "-n"} <= set(options[1].split())
    command = [sys.executable, "-m", "sphinx", *options[1].split(), "-d", str(folder / "trees")]
    built = subprocess.run(
        [*command, str(ROOT / "docs"), str(folder / "site")], capture_output=True, text=True, check=False
    )
    assert (built.returncode, built.stderr) == (0, "")
    return folder / "site"


@pytest.fixture(scope="session")
def address(site):
    """The manual's address on the loopback."""
    with ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(site))) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


@pytest.fixture
def reader(playwright, address):
    """A page of a browser in which nothing may go wrong, nor be requested elsewhere."""
    with chromium(playwright, 1300, 900) as page:
        page.asked = []
        page.on("request", lambda request: page.asked.append(request.url))
        page.context.route("**/*", lambda route: route.continue_() if _is_ours(route.request.url) else route.abort())
        yield page
        assert page.problems == []
        assert [url for url in page.asked if not _is_ours(url)] == []


def _is_ours(url: str) -> bool:
    return url.startswith(("http://127.0.0.1:", "data:", "blob:"))


def pages(site: Path) -> list[str]:
    return sorted(path.relative_to(site).as_posix() for path in site.rglob("*.html") if "living" not in path.parts)


def test_every_page_is_clean_in_light_and_dark_and_on_a_phone(site, address, reader):
    names = pages(site)
    assert len(names) > 50
    too_wide, wrong = [], []
    for name in names:
        reader.set_viewport_size({"width": 1300, "height": 900})
        reader.emulate_media(color_scheme="light")
        reader.goto(address + name)
        light, wide = reader.evaluate(LIGHTNESS), reader.evaluate(WIDE)
        reader.emulate_media(color_scheme="dark")
        reader.set_viewport_size({"width": 390, "height": 800})
        reader.evaluate(TWO_FRAMES)
        narrow, dark = reader.evaluate(WIDE), reader.evaluate(LIGHTNESS)
        too_wide += [(name, wide, narrow)] if wide > 0 or narrow > 0 else []
        wrong += [(name, light, dark)] if not (light > 200 and dark < 60) else []
    assert too_wide == []
    assert wrong == []


def test_links_on_every_page_lead_to_files_and_headings(site):
    """The strict build checks references; this checks what it has written."""
    ids = {name: set(re.findall(r'\bid="([^"]+)"', (site / name).read_text("utf-8"))) for name in pages(site)}
    dead = []
    for name in ids:
        for target in re.findall(r'<a [^>]*?href="([^"]*)"', (site / name).read_text("utf-8")):
            path, _, heading = target.partition("#")
            if re.match(r"[a-z]+:", path):
                continue
            there = (site / name).parent.joinpath(path).resolve() if path else site / name
            key = there.relative_to(site.resolve()).as_posix() if there.is_relative_to(site.resolve()) else ""
            if not there.is_file() or (heading and key in ids and heading not in ids[key]):
                dead.append((name, target))
    assert dead == []


def test_search_finds_what_new_users_ask(address, reader):
    for query, wanted in SEARCHES.items():
        reader.goto(f"{address}search.html?q={query.replace(' ', '+')}")
        reader.locator("#search-results .search li a").first.wait_for()
        reader.wait_for_function("() => !document.querySelector('#search-progress')?.textContent.includes('Searching')")
        links = reader.locator("#search-results .search > li > a").evaluate_all("(all) => all.map((a) => a.href)")
        found = [re.sub(r"\?[^#]*", "", link.removeprefix(address)) for link in links[:3]]
        page = wanted.partition("#")[0]
        assert any(link.partition("#")[0] == page for link in found), (query, found)
        reader.goto(address + wanted)
        if "#" in wanted:
            assert reader.locator(f"[id='{wanted.partition('#')[2]}']").count() == 1, wanted


def test_heatmaps_of_the_gallery_answer_without_a_kernel(site, address, reader):
    reader.goto(address + "gallery.html")
    frames = reader.locator("iframe.living")
    assert frames.count() + reader.locator(".drawn img").count() >= 12
    assert frames.count() >= 10
    sources = frames.evaluate_all("(all) => all.map((frame) => frame.getAttribute('src'))")
    assert [source for source in sources if not (site / source).is_file()] == []

    frames.first.scroll_into_view_if_needed()
    frame = frames.first.element_handle().content_frame()
    frame.wait_for_selector(".liq[data-rev]", timeout=20_000)
    frame.evaluate(TWO_FRAMES)
    assert "simulated" in frame.locator("body").inner_text()
    before, revision = frame.evaluate(HEAT), frame.locator(".liq").get_attribute("data-rev")
    slider = frame.get_by_label("Decay rate", exact=True)
    slider.scroll_into_view_if_needed()
    box = slider.bounding_box()
    reader.mouse.move(box["x"] + box["width"] * 0.3, box["y"] + box["height"] / 2)
    reader.mouse.down()
    reader.mouse.move(box["x"] + box["width"] * 0.8, box["y"] + box["height"] / 2, steps=4)
    reader.mouse.up()
    frame.wait_for_function("(old) => document.querySelector('.liq').dataset.rev !== old", arg=revision)
    frame.evaluate(TWO_FRAMES)
    assert frame.evaluate(HEAT) != before


def test_the_text_for_programs_lists_every_page(site):
    text = (site / "llms.txt").read_text("utf-8")
    assert re.match(r"# liqwidget\n\n> [A-Z][^\n]*\n\n## Start\n\n- \[", text)
    listed = re.findall(r"^- \[[^\n]+\]\(([^)]+)\): \S[^\n]*\.$", text, re.MULTILINE)
    assert set(listed) == set(pages(site)) - {"index.html", "search.html", "genindex.html"}
    full = (site / "llms-full.txt").read_text("utf-8")
    assert all(f"{page}\n\n" in full for page in listed)


def test_the_site_is_small(site):
    size = sum(path.stat().st_size for path in site.rglob("*") if path.is_file())
    assert size < 25e6


def test_the_reference_lists_members_of_this_package_alone(site):
    text = (site / "reference" / "show.html").read_text("utf-8")
    shown = set(re.findall(r'id="liqwidget\.LiquidationHeatmap\.(\w+)"', text))
    assert {"to_html", "append", "on_near", "density"} <= shown
    assert not shown & {"add_class", "observe", "traits", "comm"}
    assert 'id="liqwidget.Density.plot"' in (site / "reference" / "estimate.html").read_text("utf-8")
