"""A chart in a page: positions of columns and prices, its marks and sliders, and values from its kernel."""

from __future__ import annotations

import base64
import json
import re
import time

import numpy as np

SETUP = """import numpy as np, pandas as pd, time, liqwidget as lw
market = lw.load_sample().tail(400)
candles = market.candles
market = lw.Market.from_frame(candles, symbol="TEST")
top, bottom = candles["high"].max(), candles["low"].min()
def at(column, price, side, usd):
    return pd.DataFrame({"time": candles.index[[column]], "side": side, "price": [price], "notional": [usd]})
"""


CANVAS = """(() => { const c = root.querySelector('%s');
  const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;
  let s = ''; for (let i = 0; i < d.length; i += 32768) s += String.fromCharCode(...d.subarray(i, i + 32768));
  return [c.width, c.height, btoa(s)]; })()"""


def pixels(session, selector=".liq-bubbles"):
    width, height, data = session.view(CANVAS % selector)
    return np.frombuffer(base64.b64decode(data), np.uint8).reshape(height, width, 4).astype(int)


def place(session, column, price, last=None):
    """CSS pixel of the centre of a range of columns, and of a price."""
    box = (
        f"{{columnFrom: {column}, columnTo: {column if last is None else last}, priceLow: {price}, priceHigh: {price}}}"
    )
    rect = session.view(f"view.chart.rectOf(view.source.field, {box})")
    return (rect["x0"] + rect["x1"]) / 2, rect["y0"]


def says(session, expression, wanted, deadline=20.0):
    """Wait until the expression has this value in the kernel: a request may overtake messages of the page."""
    until = time.monotonic() + deadline
    while (told := session.python(f"with hm._lock: print({expression})").strip()) != wanted:
        assert time.monotonic() < until, (expression, told)


def frames(session):
    session.page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")


def point(session, x, y):
    pane = session.page.locator(".liq-plot").bounding_box()
    session.page.mouse.move(pane["x"] + x, pane["y"] + y)
    frames(session)


def reach(control):
    """The control, after "more" of its view was opened if that hides it."""
    control.evaluate("(e) => e.checkVisibility() || e.closest('.liq-deck').querySelector('.liq-more-button').click()")
    return control


def drag(session, selector, to, nth=0):
    """Drag the thumb of a range input to a share of its width, step by step, as a user does."""
    handle = reach(session.page.locator(selector).nth(nth))
    handle.scroll_into_view_if_needed()
    box = handle.bounding_box()
    low, high, value = (float(handle.evaluate(f"e => e.{k}")) for k in ("min", "max", "value"))
    at = box["x"] + 4 + (box["width"] - 8) * (value - low) / (high - low)
    middle = box["y"] + box["height"] / 2
    before = session.revision()
    session.page.mouse.move(at, middle)
    session.page.mouse.down()
    session.page.mouse.move(box["x"] + 4 + (box["width"] - 8) * to, middle, steps=8)
    session.page.mouse.up()
    return before


def amount(text: str) -> float:
    """USD of a text such as $1.24M."""
    found = re.fullmatch(r"\$([\d.]+)([KMBT]?)", text)
    assert found, text
    return float(found[1]) * {"": 1, "K": 1e3, "M": 1e6, "B": 1e9, "T": 1e12}[found[2]]


def kernel(session, code: str):
    """The value of an expression in the kernel."""
    return json.loads(session.python(f"print(json.dumps({code}))"))
