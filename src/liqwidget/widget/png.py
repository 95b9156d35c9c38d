"""Pictures of numbered colours: the palettes of the heat, and the bytes of a PNG."""

from __future__ import annotations

import zlib

import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]

#: Anchors from sparse to dense, as colour.ts has them.
ANCHORS = {
    "plasma": "1d0c45 3a1073 5a1592 7b1d9c 9c2793 ba3683 d34a6f e7625a f57f43 fba12f fcc627 f4ef45",
    "viridis": "2a0a45 443983 3b528b 31688e 287c8e 21918c 1fa088 35b779 6ece58 a5db36 d2e21b fde725",
    "cividis": "00204c 00306f 2f3f6d 4a4f6c 5e5f6e 717072 848279 989376 aea571 c5b869 ddcc5c fee838",
    "inferno": "0c0826 240c4f 420a68 5d126e 781c6d 932667 ae305c c73e4c dd513a ed6925 f98e09 fcffa4",
}
#: Behind the heat, where nothing is estimated.
GROUND = "0c0a1a"


def rgb(colour: str) -> Pixels:
    """Return a colour such as ``0c0a1a`` as red, green and blue."""
    return np.frombuffer(bytes.fromhex(colour), np.uint8)


def heat_colours(palette: str, steps: int) -> Pixels:
    """Return the ground and that many colours from sparse to dense, shape (1 + steps, 3)."""
    anchors = np.array([rgb(anchor) for anchor in ANCHORS[palette].split()], float)
    return np.concatenate([[rgb(GROUND)], _between(anchors, steps)])


def ramp(paper: str, ink: str, steps: int) -> Pixels:
    """Return that many colours from paper to ink, shape (steps, 3)."""
    return _between(np.array([rgb(paper), rgb(ink)], float), steps)


def _between(anchors: npt.NDArray[np.float64], steps: int) -> Pixels:
    place = np.linspace(0, len(anchors) - 1, steps)
    mixed = np.stack([np.interp(place, np.arange(len(anchors)), anchors[:, c]) for c in range(3)], axis=1)
    return np.floor(mixed + 0.5).astype(np.uint8)


def encode_png(pixels: Pixels, palette: Pixels) -> bytes:
    """Return colour numbers, shape (H, W), as a PNG with a palette (ISO/IEC 15948)."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return len(data).to_bytes(4, "big") + name + data + zlib.crc32(name + data).to_bytes(4, "big")

    height, width = pixels.shape
    lines = np.zeros((height, width + 1), np.uint8)  # each starts with its filter: 0 is none, 2 the difference to above
    lines[:, 1:] = pixels
    same = 1 + np.flatnonzero((pixels[1:] == pixels[:-1]).all(axis=1))
    lines[same] = 0
    lines[same, 0] = 2
    head = width.to_bytes(4, "big") + height.to_bytes(4, "big") + bytes([8, 3, 0, 0, 0])
    body = zlib.compress(lines.tobytes(), 6)
    parts = ((b"IHDR", head), (b"PLTE", palette.tobytes()), (b"IDAT", body), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts)
