"""Letters for pictures that are made without a font: each is a few strokes, drawn at any size with soft edges."""

from __future__ import annotations

from functools import lru_cache
from itertools import pairwise

import numpy as np
import numpy.typing as npt

#: Letter -> strokes, each a chain of points of two digits: x, y. Capitals reach from y = 0 to the baseline at 6, small
#: letters from 2, descenders to 8; z is -1. A stroke that starts with ~ is rounded, one of a point twice is a dot.
_STROKES = {
    "0": "~204046060020",
    "1": "112026 1636",
    "2": "~0200404306 0646",
    "3": "~0100404323 1323 ~2343460605",
    "4": "36300444",
    "5": "400003 ~032242460605",
    "6": "~224246060222 ~300004",
    "7": "004016",
    "8": "~204043030020 ~234346060323",
    "9": "~240400404424 ~164642",
    "A": "062046 1434",
    "B": "0006 ~002040432303 ~032343462606",
    "C": "~414000064645",
    "D": "0006 ~002040462606",
    "E": "40000646 0333",
    "F": "400006 0333",
    "G": "~414000064644 444323",
    "H": "0006 4046 0343",
    "I": "0006",
    "J": "~4043460604",
    "K": "0006 4004 1346",
    "L": "000646",
    "M": "0600336066",
    "N": "06004640",
    "O": "~205056060020",
    "P": "0600 ~002040432303",
    "Q": "~205056060020 3457",
    "R": "0600 ~002040432303 2346",
    "S": "~4140000343460605",
    "T": "0040 2026",
    "U": "~000306464340",
    "V": "002640",
    "W": "0016325660",
    "X": "0046 4006",
    "Y": "002340 2326",
    "Z": "00400646",
    "a": "~224246060222 4246",
    "b": "0006 ~224246060222",
    "c": "~434202064645",
    "d": "~224246060222 4046",
    "e": "0444 ~4442020646",
    "f": "~30101316 0232",
    "g": "~224246060222 ~4245480807",
    "h": "0006 ~0402424446",
    "i": "0206 0000",
    "j": "~1215180808 1010",
    "k": "0006 3205 1436",
    "l": "~00050616",
    "m": "0206 ~0402323436 ~3432626466",
    "n": "0206 ~0402424446",
    "o": "~224246060222",
    "p": "0208 ~224246060222",
    "q": "~224246060222 4248",
    "r": "0206 ~040232",
    "s": "~4342020444460605",
    "t": "~10141636 0232",
    "u": "~0204064644 4246",
    "v": "022642",
    "w": "0216335662",
    "x": "0246 4206",
    "y": "0226 4218",
    "z": "02420646",
    "$": "~4140000343460605 2z27",
    "%": "4006 ~102022020010 ~344446262434",
    ".": "0606",
    ",": "1607",
    ":": "0303 0606",
    "-": "0434",
    "+": "0444 2226",
    "=": "0343 0545",
    "/": "4006",
    "·": "0303",
    "'": "0001",
    "_": "0747",
    "(": "~1z010517",
    ")": "~0z111507",
    "?": "~0100404323 2324 2626",
    " ": "",
}
_ALIASES = str.maketrans("–—−×’", "---x'")
#: Units of the strokes' grid: letters are narrower than their strokes say, and this far apart.
_NARROW, _GAP, _SPACE, _TOP, _BOTTOM = 0.85, 1.7, 1.6, 1.5, 2.5

Coverage = npt.NDArray[np.float64]


def draw_text(text: str, capital: float) -> Coverage:
    """Return how far each pixel is covered, 0 to 1, shape (H, W); a letter that is not known is a question mark.

    Parameters
    ----------
    text
        One line.
    capital
        Height of a capital letter, pixels. The baseline lies `baseline(capital)` pixels below the top.
    """
    letters = [_letter(sign if sign in _STROKES else "?", capital) for sign in text.translate(_ALIASES)]
    if not letters:
        return np.zeros((_height(capital), 0))
    return np.concatenate(letters, axis=1)


def baseline(capital: float) -> int:
    """Return how far the baseline lies below the top of a drawn text, pixels."""
    return round((_TOP + 6) * capital / 6)


def _height(capital: float) -> int:
    return round((_TOP + 6 + _BOTTOM) * capital / 6)


@lru_cache(maxsize=512)
def _letter(sign: str, capital: float) -> Coverage:
    """Return the coverage of a letter and the gap after it."""
    unit = capital / 6
    strokes = [_points(stroke) for stroke in _STROKES[sign].split()]
    right = 4.0 if sign.isdigit() else max((float(stroke[:, 0].max()) for stroke in strokes), default=_SPACE)
    width = round((right * _NARROW + _GAP) * unit)
    y, x = np.mgrid[: _height(capital), :width] + 0.5
    pixel = np.stack([(x / unit - _GAP / 2) / _NARROW, y / unit - _TOP], axis=-1)  # on the grid of the strokes
    far = np.full(pixel.shape[:2], np.inf)
    stretch = np.array([_NARROW * unit, unit])
    for stroke in strokes:
        for a, b in pairwise(stroke):
            far = np.minimum(far, _distance(pixel * stretch, a * stretch, b * stretch))
    pen = 0.42 * unit + 0.3  # half the width of the pen, pixels
    covered: Coverage = np.clip(pen + 0.5 - far, 0.0, 1.0)
    covered.flags.writeable = False
    return covered


def _points(stroke: str) -> npt.NDArray[np.float64]:
    """Return the points of a stroke, shape (n, 2), a rounded one with its corners cut three times (Chaikin)."""
    chain = stroke.removeprefix("~")
    points = np.array(
        [[-1.0 if digit == "z" else float(digit) for digit in chain[i : i + 2]] for i in range(0, len(chain), 2)]
    )
    for _ in range(3 if stroke.startswith("~") else 0):
        a, b = points[:-1], points[1:]
        cut = np.stack([0.75 * a + 0.25 * b, 0.25 * a + 0.75 * b], axis=1).reshape(-1, 2)
        points = np.concatenate([points[:1], cut, points[-1:]])
    return points


def _distance(pixel: Coverage, a: Coverage, b: Coverage) -> Coverage:
    """Return the distance of pixels, shape (H, W, 2), from the line between two points."""
    along, length = b - a, float(((b - a) ** 2).sum())
    share = np.clip(((pixel - a) @ along) / length, 0.0, 1.0) if length > 0 else np.zeros(pixel.shape[:2])
    distance: Coverage = np.linalg.norm(pixel - a - share[..., None] * along, axis=-1)
    return distance
