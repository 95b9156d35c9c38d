"""The heatmap's pixels, drawn once more by NumPy alone: palette, scale, pooling and orientation."""

from __future__ import annotations

import numpy as np

ANCHORS = {
    "plasma": "1d0c45 3a1073 5a1592 7b1d9c 9c2793 ba3683 d34a6f e7625a f57f43 fba12f fcc627 f4ef45",
    "viridis": "2a0a45 443983 3b528b 31688e 287c8e 21918c 1fa088 35b779 6ece58 a5db36 d2e21b fde725",
    "cividis": "00204c 00306f 2f3f6d 4a4f6c 5e5f6e 717072 848279 989376 aea571 c5b869 ddcc5c fee838",
    "inferno": "0c0826 240c4f 420a68 5d126e 781c6d 932667 ae305c c73e4c dd513a ed6925 f98e09 fcffa4",
}


def palette(name):
    """Colours of the steps 1 to 255, shape (255, 3)."""
    anchors = np.array([[int(a[i : i + 2], 16) for i in (0, 2, 4)] for a in ANCHORS[name].split()], float)
    place = np.linspace(0, len(anchors) - 1, 255)
    channels = [np.interp(place, np.arange(len(anchors)), anchors[:, c]) for c in range(3)]
    return np.floor(np.stack(channels, axis=1) + 0.5).astype(np.uint8)


def steps(values, threshold, scale, most):
    """Palette step of each value: 0 not painted, 1 to 255 the colour."""
    most = float(most)
    low, high = max(threshold[0], 1e-3) * most, threshold[1] * most
    v = np.maximum(values.astype(float), 1e-300)
    u = np.log(v / low) / np.log(high / low) if scale == "log" else (v - low) / (high - low)
    if scale == "sqrt":
        u = np.sqrt(np.maximum(u, 0))
    return np.where(values >= np.float32(low), np.clip(np.floor(u * 255), 0, 254) + 1, 0).astype(int)


def pooled(values, pool_columns, pool_rows):
    """Maximum over blocks of (rows, columns), shape (rows', columns')."""
    P, T = values.shape
    out = np.zeros((-(-P // pool_rows) * pool_rows, -(-T // pool_columns) * pool_columns), values.dtype)
    out[:P, :T] = values
    return out.reshape(out.shape[0] // pool_rows, pool_rows, -1, pool_columns).max(axis=(1, 3))


def differences(bitmap, values, name="plasma", threshold=(0.0, 0.5), scale="linear", pool=(1, 1), rows=slice(None)):
    """Compare a bitmap (H, W, 4), highest row on top, with a density (P, T).

    Returns the number of cells that differ, the number of cells, and the largest difference in steps (2 for
    anything above one).
    """
    # The scale spans the whole density; the bitmap holds the rows in view.
    want = steps(pooled(values[rows], *pool), threshold, scale, values.max())[::-1]
    assert bitmap.shape[:2] == want.shape, (bitmap.shape, want.shape)
    # Step 0 is transparent; beyond both ends stands a colour that no picture has.
    colours = np.vstack([[[0, 0, 0, 0]], np.insert(palette(name), 3, 255, axis=1), [[1, 2, 3, 4]]]).astype(int)
    got = bitmap.astype(int)
    same = (got == colours[want]).all(axis=2)
    near = (got == colours[np.maximum(want - 1, 0)]).all(axis=2) | (got == colours[want + 1]).all(axis=2)
    worst = 0 if same.all() else 1 if (same | near).all() else 2
    return int((~same).sum()), same.size, worst
