"""The live notebook in a real JupyterLab, with a loopback exchange that streams and then disappears."""

from __future__ import annotations

import time
from pathlib import Path

import nbformat
import nbformat.v4 as v4
import pytest
from venue_link import connect

from exchange import Exchange, History, vices
from loopback import MINUTE

pytestmark = pytest.mark.browser

LIVE = Path(__file__).resolve().parents[2] / "notebooks" / "live.ipynb"


@pytest.fixture
def exchange(request):
    now = int(time.time() * 1000)
    history = History.make(now // MINUTE * MINUTE - 9 * 1440 * MINUTE, 9 * 1440, seed=4)
    with Exchange(history, vices=getattr(request, "param", ())) as server:
        yield server
        assert not server.violations


def copy(path: Path, first: str, target: Path) -> Path:
    """Copy the notebook with an additional first cell."""
    book = nbformat.read(path, 4)
    book.cells.insert(0, v4.new_code_cell(first))
    nbformat.write(book, target)
    return target


def pill(session, text: str, timeout: float = 20_000) -> None:
    """Wait until the pill shows this text."""
    session.page.locator(".liq-pill", has_text=text).wait_for(timeout=timeout)


def test_the_live_notebook(notebook, exchange, tmp_path) -> None:
    session = notebook(path=copy(LIVE, connect(exchange), tmp_path / "live.ipynb"), height=2600)
    pill(session, "live")
    before = session.revision()
    exchange.wait_subscribed("binance")
    last = float(session.python("with hm._lock: print(hm.market.candles['close'].iloc[-1])"))
    exchange.liquidate("long", last, 12.5)
    session.page.wait_for_function("(n) => +document.querySelector('.liq').dataset.rev > n", arg=before, timeout=20_000)
    assert session.python("with hm._lock: print(len(hm.liquidations))").strip() == "1"
    exchange.set_vices([vices.ServerError(status=503)])
    pill(session, "disconnected since", 60_000)
    exchange.set_vices([])
    pill(session, "live", 60_000)
    assert session.python("print(live.running)").strip() == "True"
    session.python("hm.close()")
    ended = "import asyncio; await asyncio.wait([live.task], timeout=20); print(live.running)"
    assert session.python(ended).strip() == "False"


@pytest.mark.parametrize("exchange", [[vices.Mute(path="openInterestHist")]], indirect=True)
def test_the_stop_button_ends_a_fetch_that_hangs(lab, playwright, notebook, exchange) -> None:
    session = notebook(connect(exchange), "import liqwidget as lw", "kept = 0", views=0)
    page = session.page
    page.evaluate(
        """() => {
          const kernel = window.jupyterapp.shell.currentWidget.sessionContext.session.kernel;
          const code = 'lw.fetch("BTCUSDT", days=2, progress=lambda done, total, rows: print(rows))';
          window.fetching = kernel.requestExecute({ code });
          window.outputs = [];
          window.fetching.onIOPub = (m) => {
            const { ename, text } = m.content;
            window.outputs.push(...(ename ?? text ?? '').split('\\n'));
          };
        }"""
    )
    # 576 candles, as many mark prices and ratios, and the funding have arrived: all but the open interest.
    page.wait_for_function("() => window.outputs.some((text) => +text > 1_700)", timeout=60_000)
    page.evaluate("() => window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.interrupt()")
    page.evaluate("() => window.fetching.done.catch(() => null)")
    assert "KeyboardInterrupt" in page.evaluate("() => window.outputs")
    assert int(session.python("print(len(lw.fetch('BTCUSDT', days=2, offline=True)))")) > 500
