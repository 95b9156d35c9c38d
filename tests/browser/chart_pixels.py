"""The heatmap's pixels in a page, compared with NumPy's drawing of the kernel's density."""

from __future__ import annotations

import json
import time

import numpy as np
import pytest
from render import BITMAP, Bitmap, differences


def bitmap(session, index=0):
    return Bitmap.of(session.view(f"{BITMAP}(view)", index))


def kernel_density(session):
    """Python's density for the current traits, and those traits."""
    path = session.folder / "density.npy"
    out = session.python(
        "import json\n"
        "with hm._lock:  # JupyterLab delivers what the browser writes on a second thread\n"
        f"    np.save({str(path)!r}, hm.density.values)\n"
        "    mix = {str(k): v for k, v in hm.leverage_mix.items()}\n"
        "    look = dict(palette=hm.palette, threshold=hm.threshold, scale=hm.scale)\n"
        "    print(json.dumps(dict(look, mix=mix, decay=hm.decay_rate, bin=hm.bin_size)))"
    )
    return np.load(path), json.loads(out)


def agreed(session, index=0, deadline=20.0):
    """The kernel's density and traits, once both sides have the same settings.

    ipywidgets holds back the last changes of a drag until the kernel is idle, so a request may overtake them.
    """
    until = time.monotonic() + deadline
    while True:
        values, traits = kernel_density(session)
        shown = session.view("view.source.settings", index)
        same = traits["decay"] == shown["decayRate"] and traits["bin"] == shown["binSize"]
        if same and traits["mix"] == {tier: pytest.approx(share) for tier, share in shown["leverageMix"].items()}:
            return values, traits
        assert time.monotonic() < until, (traits, shown)


def check_pixels(session, index=0):
    """The heatmap's pixels equal NumPy's drawing, except for one palette step in at most 0.1 % of the cells."""
    values, traits = agreed(session, index)
    session.until(f"view.source.field?.grid.binSize === {traits['bin']}", index)
    # After two frames every pending change of the page has been drawn.
    session.page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    shown = bitmap(session, index)
    off, cells, worst = differences(shown, values, traits["palette"], traits["threshold"], traits["scale"])
    assert worst <= 1, f"{off} of {cells} cells differ, some by more than a step"
    assert off <= cells / 1000, f"{off} of {cells} cells differ"
    assert (shown.pixels[..., 3] > 0).mean() > 0.05
    return values, traits
