"""Bytes sent: a week's frames, a live candle's tail, the bundle; compared with plotly's JSON of the same picture.

python benchmarks/payload.py
"""

from __future__ import annotations

import gzip
from importlib.resources import files

import liqwidget as lw
from market import WEIGHTS, weeks

LIVE = 200
MARK = b"Failed to parse color"  # occurs once in lightweight-charts


def frames_of(widget: lw.LiquidationHeatmap) -> tuple[int, int]:
    state = widget.get_state(["_bars", "_model"])
    return len(state["_bars"]), len(state["_model"])


def tails_of(market: lw.Market) -> list[int]:
    """Return the sizes of the tail frames of the last candles, bytes."""
    since = len(market) - LIVE
    widget = lw.LiquidationHeatmap(market.between(None, market.candles.index[since]))
    sent: list[int] = []
    widget.send = lambda _content, buffers=(): sent.append(sum(map(len, buffers)))
    for t in range(since, len(market)):
        widget.append(market.candles.iloc[t : t + 1])
    return sent


def plotly_bytes(market: lw.Market) -> int:
    import plotly.graph_objects as go

    density = lw.build_ledger(market).replay(0.03, WEIGHTS)
    c, edges = market.candles, density.price_edges
    heat = go.Heatmap(x=c.index, y=(edges[1:] + edges[:-1]) / 2, z=density.values)
    figure = go.Figure([heat, go.Candlestick(x=c.index, open=c.open, high=c.high, low=c.low, close=c.close)])
    return len(figure.to_json())


def verdict(value: float, most: float) -> str:
    return f"{'within' if value <= most else 'MISSES'} the budget, <= {most:g} kB"


def main() -> None:
    for name, market in weeks().items():
        widget = lw.LiquidationHeatmap(market)
        bars, model = frames_of(widget)
        whole = (bars + model) / 1e3
        print(f"{name}, {len(market):,} candles, {widget.ledger.grid.rows} rows, {len(widget.ledger.leverage)} tiers")
        print(f"  frames: bars {bars / 1e3:.1f} + model {model / 1e3:.1f} = {whole:.1f} kB ({verdict(whole, 60)})")
        tails = tails_of(market)
        most = max(tails) / 1e3
        mean = sum(tails) / len(tails) / 1e3
        print(f"  a live candle, {len(tails)} tails: mean {mean:.1f}, largest {most:.1f} kB ({verdict(most, 1)})")
        peer = plotly_bytes(market) / 1e3
        print(f"  plotly's JSON of the mixed picture alone: {peer:,.0f} kB, {peer / whole:.1f} x, at each change")
    bundle = (files("liqwidget") / "static" / "index.js").read_bytes()
    size = len(gzip.compress(bundle)) / 1e3
    print(f"bundle: {len(bundle) / 1e3:.0f} kB, gzip {size:.1f} kB ({verdict(size, 90)})")
    copies = bundle.count(MARK)
    print(f"lightweight-charts in it: {copies} {'copy' if copies == 1 else 'COPIES, wanted one'}")


if __name__ == "__main__":
    main()
