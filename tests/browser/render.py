"""The heatmap's pixels, drawn independently by NumPy: palette, scale, sampling and orientation."""

from __future__ import annotations

import base64
from typing import NamedTuple

import numpy as np

BITMAP = """((view) => { const { canvas: c, bins, block, from, step } = view.chart.heatmap.%s;
  const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;
  let s = ''; for (let i = 0; i < d.length; i += 32768) s += String.fromCharCode(...d.subarray(i, i + 32768));
  const { part } = view.chart.heatmap.bitmap.contrast;
  const scaled = part && [part.from, part.to, part.bins.from, part.bins.to];
  return [c.width, c.height, btoa(s), from, step, bins.from, bins.to, block, scaled]; })"""
REALISED = BITMAP % "realised"
BITMAP = BITMAP % "bitmap"

ANCHORS = {
    "plasma": "1d0c45 3a1073 5a1592 7b1d9c 9c2793 ba3683 d34a6f e7625a f57f43 fba12f fcc627 f4ef45",
    "viridis": "2a0a45 443983 3b528b 31688e 287c8e 21918c 1fa088 35b779 6ece58 a5db36 d2e21b fde725",
    "cividis": "00204c 00306f 2f3f6d 4a4f6c 5e5f6e 717072 848279 989376 aea571 c5b869 ddcc5c fee838",
    "inferno": "0c0826 240c4f 420a68 5d126e 781c6d 932667 ae305c c73e4c dd513a ed6925 f98e09 fcffa4",
    "greys": "1b1a22 e9e8ee",
}


def palette(name):
    """Colours of the steps 1 to 255, shape (255, 3)."""
    anchors = np.array([[int(a[i : i + 2], 16) for i in (0, 2, 4)] for a in ANCHORS[name].split()], float)
    place = np.linspace(0, len(anchors) - 1, 255)
    channels = [np.interp(place, np.arange(len(anchors)), anchors[:, c]) for c in range(3)]
    return np.floor(np.stack(channels, axis=1) + 0.5).astype(np.uint8)


def steps(values, threshold, scale, most):
    """Palette step of each value: 0 is not painted, 1 to 255 are colours."""
    most = float(most)
    low, high = max(threshold[0], 1e-3) * most, threshold[1] * most
    v = np.maximum(values.astype(float), 1e-300)
    u = np.log(v / low) / np.log(high / low) if scale == "log" else (v - low) / (high - low)
    if scale == "sqrt":
        u = np.sqrt(np.maximum(u, 0))
    return np.where(values >= np.float32(low), np.clip(np.floor(u * 255), 0, 254) + 1, 0).astype(int)


class Bitmap(NamedTuple):
    """The heatmap's canvas in the page, and the part of the density it shows."""

    pixels: np.ndarray  # (H, W, 4), highest bins on top
    start: int  # first candle of the first pixel
    step: int  # candles per pixel; the pixel shows the last of them
    bins: slice
    block: int  # bins per pixel; the pixel shows the brightest of them
    scaled: list[int] | None  # candles and bins whose brightest cell the colours go up to; None: all

    @classmethod
    def of(cls, told):
        """Build the bitmap from what `BITMAP` returned."""
        width, height, data, start, step, first, last, block, scaled = told
        pixels = np.frombuffer(base64.b64decode(data), np.uint8).reshape(height, width, 4)
        return cls(pixels, start, step, slice(first, last), block, scaled)

    def columns(self, count):
        """The candle that each pixel shows, out of `count`: the last of those that share the pixel."""
        ends = self.start + np.arange(1, self.pixels.shape[1] + 1) * self.step - 1
        assert ends[-1] < count - 1 + self.step
        return np.minimum(ends, count - 1)

    def brightest(self, values):
        """The brightest cell of a density (P, T) that the colours are scaled to: of those that have a pixel."""
        if self.scaled is None:
            return values.max()
        first, last, low, high = self.scaled
        ends = self.start + np.arange(1, self.pixels.shape[1] + 1) * self.step
        seen = self.columns(values.shape[1])[(ends > first) & (ends - self.step < last)]
        return values[low:high, seen].max()

    def sampled(self, values):
        """The part of a density (P, T) that the bitmap shows, lowest bins first, shape (H, W)."""
        shown = values[self.bins, self.columns(values.shape[1])]
        out = np.zeros((-(-len(shown) // self.block) * self.block, shown.shape[1]), values.dtype)
        out[: len(shown)] = shown
        return out.reshape(-1, self.block, shown.shape[1]).max(axis=1)


def differences(shown, values, name="plasma", threshold=(0.0, 0.5), scale="linear", most=None):
    """Compare a `Bitmap` with a density (P, T), whose colours span up to ``most``, by default its own maximum.

    Returns the number of cells that differ, the number of cells, and the largest difference in steps (2 for
    anything above one).
    """
    most = shown.brightest(values) if most is None else most
    want = steps(shown.sampled(values), threshold, scale, most)[::-1]
    assert shown.pixels.shape[:2] == want.shape, (shown.pixels.shape, want.shape)
    # Step 0 is transparent; the sentinels beyond both ends are colours that no picture contains.
    colours = np.vstack([[[0, 0, 0, 0]], np.insert(palette(name), 3, 255, axis=1), [[1, 2, 3, 4]]]).astype(int)
    got = shown.pixels.astype(int)
    same = (got == colours[want]).all(axis=2)
    near = (got == colours[np.maximum(want - 1, 0)]).all(axis=2) | (got == colours[want + 1]).all(axis=2)
    worst = 0 if same.all() else 1 if (same | near).all() else 2
    return int((~same).sum()), same.size, worst
