"""A page of to_html in a browser without a network."""

from __future__ import annotations

VIEW = "document.querySelector('.liq').liqwidget"


TWO_FRAMES = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done())))"
