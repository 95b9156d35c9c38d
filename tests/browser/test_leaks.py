"""Fifty views and fifty widgets are opened and closed in a real JupyterLab, and leave nothing behind.

JupyterLab leaves a few nodes behind for any output, and from time to time it adds a hundred listeners at once. So
counts are taken in five blocks, and the middle block is compared with that of an empty widget; the page's own objects
are counted exactly, by weak references. The same measurement must detect leaks that are made on purpose.
"""

from __future__ import annotations

import itertools
import json
from dataclasses import dataclass
from statistics import median

import pytest

pytestmark = pytest.mark.browser

BLOCKS, EACH = 5, 10
SETUP = '''
import gc, json, weakref
import anywidget, comm, ipywidgets, liqwidget as lw
from ipywidgets.widgets.widget import _instances
class Empty(anywidget.AnyWidget):
    _esm = """export default { render({ el }) {
      const root = Object.assign(document.createElement("div"), { className: "liq" });
      root.dataset.rev = "1";
      el.append(root);
    } }"""
market = lw.load_sample().tail(100)
hm, empty, refs, kept, leaky = lw.LiquidationHeatmap(market), Empty(), [], [], False
def make():
    global one
    one = lw.LiquidationHeatmap(market)
    one.density
    refs.extend(map(weakref.ref, (one, one.ledger, one._shown.picture, one.density)))
    if leaky: kept.append(one)
    with hole: display(one)
def end():
    global one
    one.close()
    del one
def left():
    gc.collect()
    alive = sum(ref() is not None for ref in refs)
    refs.clear()
    print(json.dumps([len(_instances), len(comm.get_comm_manager().comms), alive]))
'''
HOLE = "hole = ipywidgets.Output()\nhole.add_class('liq-hole')\nhole"
# Counts that are the same before and after in a page without leaks.
PAGE = """() => {
  const frame = () => new Promise((done) => requestAnimationFrame(done));
  const mounted = () => document.querySelector('.liq-hole .liq[data-rev]');
  const until = async (wanted) => { while (!!mounted() !== wanted) await frame(); };
  const kernel = window.jupyterapp.shell.currentWidget.sessionContext.session.kernel;
  const run = (code) => kernel.requestExecute({ code, silent: true }).done;
  const timers = new Set(), refs = [], kept = [];
  const { setInterval, clearInterval } = window;
  const { timeout } = AbortSignal;
  let waits = 0;
  AbortSignal.timeout = (ms) => {
    const signal = timeout.call(AbortSignal, ms);
    waits += 1;
    signal.addEventListener('abort', () => { waits -= 1; });
    return signal;
  };
  window.setInterval = (...given) => {
    const id = setInterval(...given);
    if (new Error().stack.includes('blob:')) timers.add(id); // JupyterLab's own code has an address
    return id;
  };
  window.clearInterval = (id) => { timers.delete(id); clearInterval(id); };
  const look = (leak, more) => {
    const root = mounted();
    const view = root.liqwidget;
    const own = [root, view, view?.chart, view?.chart.api, ...root.querySelectorAll('canvas'), ...more(view)];
    refs.push(...own.filter(Boolean).map((object) => new WeakRef(object)));
    if (!leak) return;
    kept.push(root);
    window.addEventListener('resize', () => root);
    timers.add(root); // as a timer that nobody clears
  };
  window.leaks = {
    async show(output, times, leak, id) {
      const model = await window.manager.get_model(output);
      const data = { 'application/vnd.jupyter.widget-view+json': { model_id: id, version_major: 2, version_minor: 0 } };
      for (let i = 0; i < times; i++) {
        model.outputs.fromJSON([{ output_type: 'display_data', metadata: {}, data }]);
        await until(true);
        look(leak, () => []);
        model.outputs.clear();
        await until(false);
      }
    },
    async make(output, times, leak) {
      const model = await window.manager.get_model(output);
      for (let i = 0; i < times; i++) {
        void run('make()');
        await until(true);
        look(leak, (view) => [view.source, view.source.model, view.source.field]);
        await run('end()');
        await until(false);
        model.outputs.clear();
      }
    },
    // anywidget holds every model, closed or not, until the 2 s are over that it gives it for loading.
    settled: () => waits === 0,
    left() {
      const alive = refs.filter((ref) => ref.deref() !== undefined).length;
      const all = refs.splice(0).length;
      return [timers.size, alive, all];
    },
  };
}"""


@dataclass(frozen=True)
class Left:
    """What the rounds have left behind in the page; nodes and listeners are per ten rounds."""

    nodes: float
    listeners: float
    timers: int
    objects: int  # roots, views, charts, canvases; for closed widgets also what they held
    seen: int  # how many there have been in total


class Rounds:
    """Repeated rounds of one operation in a page, with counts."""

    def __init__(self, session) -> None:
        self.session, self.page = session, session.page
        session.view("(window.manager = view.source.model.widget_manager, 0)")
        self.page.evaluate(PAGE)
        self.output = session.python("print(hole.model_id)").strip()
        self._devtools = self.page.context.new_cdp_session(self.page)

    def _count(self) -> dict[str, int]:
        self.page.wait_for_function("() => window.leaks.settled()")
        for _ in range(2):  # a second collection frees what finalizers of the first released
            self._devtools.send("HeapProfiler.collectGarbage")
        return self._devtools.send("Memory.getDOMCounters")

    def of(self, what: str, *given: object, blocks: int = BLOCKS) -> Left:
        """Run blocks of ten rounds, after two warm-up rounds that are not counted."""
        call = "([what, given]) => window.leaks[what](...given)"
        self.page.evaluate(call, [what, [self.output, 2, *given]])
        before = self.page.evaluate("window.leaks.left()")
        counts = [self._count()]
        for _ in range(blocks):
            self.page.evaluate(call, [what, [self.output, EACH, *given]])
            counts.append(self._count())
        timers, objects, seen = self.page.evaluate("window.leaks.left()")

        def grown(name: str) -> float:
            # A leak shows in the middle block and in the total; JupyterLab's occasional listeners in only one.
            steps = [after[name] - before[name] for before, after in itertools.pairwise(counts)]
            return min(median(steps), sum(steps) / len(steps))

        return Left(grown("nodes"), grown("jsEventListeners"), timers - before[0], objects, seen)


def test_fifty_views_and_thirty_widgets_leave_nothing_behind(notebook):
    session = notebook(SETUP + "hm", HOLE)
    rounds = Rounds(session)
    shown, empty = session.python("print(hm.model_id, empty.model_id)").split()
    host = rounds.of("show", False, empty, blocks=3).nodes

    def is_clean(left: Left) -> None:
        assert left.nodes <= host, left
        assert left.listeners < EACH, left  # less than one per round
        assert left.timers == 0, left
        assert left.objects < EACH, left  # Jupyter may still hold the objects of its last messages
        assert left.seen >= 30 * 15, left

    def is_caught(left: Left) -> None:
        assert left.nodes >= host + 100 * EACH, left
        assert left.listeners >= EACH, left
        assert left.timers >= EACH, left
        assert left.objects >= EACH, left

    is_clean(rounds.of("show", False, shown))
    is_caught(rounds.of("show", True, shown, blocks=1))

    before = json.loads(session.python("left()"))
    is_clean(rounds.of("make", False, blocks=3))
    assert json.loads(session.python("left()")) == before
    assert before[-1] == 0
    session.python("leaky = True")
    is_caught(rounds.of("make", True, blocks=1))
    widgets, comms, alive = json.loads(session.python("left()"))
    assert alive >= 4 * EACH
    assert [widgets, comms] == before[:2]  # the widgets are closed; only Python objects remain
    assert session.page.problems == []
