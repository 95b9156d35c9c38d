"""A page on the logarithmic price axis: what the axis says of rows and prices, and checks against it."""

from __future__ import annotations

import base64

import numpy as np
from render import BITMAP, Bitmap
from saved_page import TWO_FRAMES, VIEW

GROUND = (0x0C, 0x0A, 0x1A)

MAPPED = """(view) => { const { chart, source } = view, { grid } = source.field;
  const series = chart.api.panes()[0].getSeries()[0], height = chart.api.paneSize(0).height;
  const edge = (row) => (grid.first + row) * grid.binSize;
  let [away, back] = [0, 0];
  for (let i = 0; i <= 500; i++) {
    const price = edge(0) + (edge(grid.rows) - edge(0)) * i / 500;
    const { y0 } = chart.rectOf(source.field, { columnFrom: 0, columnTo: 0, priceLow: price, priceHigh: price });
    away = Math.max(away, Math.abs(y0 - series.priceToCoordinate(price)) / (1 + Math.abs(y0) / 1e6));
    const y = height * i / 500, told = series.coordinateToPrice(y);
    const { priceHigh } = chart.boxAt(source.field, { x0: 0, x1: 0, y0: y, y1: y });
    back = Math.max(back, Math.abs(priceHigh / told - 1));
  }
  return { away, back }; }"""
#: One column of the heat in device pixels, the bins that are in view and the device pixel of each of their edges,
#: according to the axis.
LINE = """([view, column]) => { const { chart, source } = view, { grid } = source.field, { canvas } = chart.heatmap;
  const series = chart.api.panes()[0].getSeries()[0], ratio = canvas.height / chart.api.paneSize(0).height;
  const { x0, x1 } = chart.rectOf(source.field, { columnFrom: column, columnTo: column, priceLow: 1, priceHigh: 1 });
  const x = Math.floor((x0 + x1) / 2 * ratio);
  const d = canvas.getContext('2d').getImageData(x, 0, 1, canvas.height).data;
  const edges = Array.from({ length: grid.rows + 1 },
    (_, row) => Math.round(series.priceToCoordinate((grid.first + row) * grid.binSize) * ratio));
  return [btoa(String.fromCharCode(...d)), edges, canvas.height]; }"""
PRICES = f"(() => {{ const {{ from, to }} = {VIEW}.chart.axis.prices; return [from, to]; }})()"
AT = """([view, y]) => view.chart.api.panes()[0].getSeries()[0].coordinateToPrice(y)"""


def settle(page) -> None:
    page.evaluate(TWO_FRAMES)
    page.evaluate(TWO_FRAMES)


def view(page):
    return page.evaluate_handle(VIEW)


def look(page, keys) -> None:
    page.locator(".liq-plot").focus()
    for key in keys:
        page.keyboard.press(key)
    settle(page)


def check_map(page) -> None:
    found = page.evaluate(MAPPED, view(page))
    assert found["away"] < 1e-6
    assert found["back"] < 1e-9


def check_lines(page) -> tuple[int, Bitmap]:
    """Every device pixel of the middle column has its row's colour; returns the number of rows, and the bitmap."""
    # Read at once: automatic bins and colours may change the picture between two questions.
    told, column, (data, edges, height) = page.evaluate(
        f"""(view) => {{ const [first, last] = view.chart.columnsInView, column = (first + last) >> 1;
        return [{BITMAP}(view), column, ({LINE})([view, column])]; }}""",
        view(page),
    )
    bitmap = Bitmap.of(told)
    edges = np.array(edges).astype(int)
    pixels = np.frombuffer(base64.b64decode(data), np.uint8).reshape(-1, 4)
    wanted = np.full((height, 4), (*GROUND, 255), np.uint8)
    across = (column - bitmap.start) // bitmap.step
    for row in range(bitmap.bins.start, bitmap.bins.stop):
        colour = bitmap.pixels[bitmap.bins.stop - 1 - row, across]
        if colour[3]:
            wanted[max(edges[row + 1], 0) : max(edges[row], 0)] = colour
    assert (pixels == wanted).all(axis=1).all()
    heights = -np.diff(edges)
    return int(((edges[1:] < height) & (edges[:-1] > 0) & (heights > 0)).sum()), bitmap
