"""Take the screenshots for README and docs from the explorer notebook, in a real JupyterLab.

Run by ``make screenshots``; check the result.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "tests" / "browser"), str(ROOT / "tests")]
from lab import PAINTED, Lab, chromium, open_notebook, run_all  # noqa: E402

#: name -> (dark, page width, page height, pixel ratio, pointer position as shares of the chart's size)
SHOTS = {
    "light": (False, 1560, 1400, 1.0, (0.66, 0.62)),
    "dark": (True, 1560, 1400, 1.0, (0.66, 0.62)),
    "narrow": (False, 520, 1600, 1.0, (0.5, 0.5)),
    "wide": (True, 2300, 1400, 1.0, (0.66, 0.62)),
}


def shoot(playwright, name: str, out: Path) -> None:
    dark, width, height, ratio, (x, y) = SHOTS[name]
    with tempfile.TemporaryDirectory() as home:
        folder = Path(home) / "notebooks"
        folder.mkdir()
        (folder / "explorer.ipynb").write_bytes((ROOT / "notebooks" / "explorer.ipynb").read_bytes())
        lab = Lab(folder, Path(home), dark=dark)
        try:
            with chromium(playwright, width, height, ratio) as page:
                open_notebook(page, lab, "explorer.ipynb")
                page.evaluate("() => window.jupyterapp.commands.execute('application:toggle-left-area')")
                run_all(page)
                page.wait_for_function(PAINTED, arg=1)
                widget = page.locator(".liq").first
                widget.scroll_into_view_if_needed()
                plot = page.locator(".liq-plot").first.bounding_box()
                page.mouse.move(plot["x"] + plot["width"] * x, plot["y"] + plot["height"] * y)
                page.locator(".liq-cell").first.wait_for(state="visible")
                # The score is computed once a view is open; the profile's band appears when input is idle.
                page.locator(".liq-score summary", has_text="rank").wait_for(timeout=120_000)
                page.wait_for_function("() => document.querySelector('.liq').liqwidget.chart.profile.band !== null")
                page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
                widget.screenshot(path=str(out / f"{name}.png"))
        finally:
            lab.stop()
    path = out / f"{name}.png"
    Image.open(path).convert("RGB").quantize(256, dither=Image.Dither.NONE).save(path, optimize=True)
    print(path.relative_to(ROOT) if path.is_relative_to(ROOT) else path, f"{path.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    target = ROOT / "docs" / "pictures"
    target.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as instance:
        for shot in sys.argv[1:] or SHOTS:
            shoot(instance, shot, target)
