"""Keys that bring a heatmap into a state; `view` is the locator of its element, in a notebook or in a frame."""

from __future__ import annotations

import math

from chart import reach

SELECTED = """(e, high) => new Promise((done, fail) => { const until = performance.now() + 5000;
  const look = () => { const box = e.liqwidget.source.selection;
    if (box && Math.abs(box.price_high - box.price_low - high) < 1) done();
    else if (performance.now() > until) fail(new Error(`wanted ${high} USD; got ${JSON.stringify(box)}`));
    else requestAnimationFrame(look); };
  look(); })"""
START = '{"3":25,"5":23,"10":19,"20":15,"50":10,"100":5,"150":3}'
SOURCE = "(e, f) => new Function('source', `return ${f}`)(e.liqwidget.source)"


def read(view, expression):
    """An expression of the heatmap's `source`."""
    return view.evaluate(SOURCE, expression)


def set_share(page, view, tier, key, times=1):
    """Press a key on the slider of a tier."""
    bar = view.locator(f'.liq-bar[data-tier="{tier}"]')
    reach(bar)
    bar.focus()
    for _ in range(times):
        page.keyboard.press(key)


def undo(page, view):
    """Take back all changes of the mix, which are as many steps as keys that were pressed slowly."""
    view.locator(".liq-plot").focus()
    for _ in range(10):
        if read(view, "JSON.stringify(source.settings.leverageMix)") == START:
            return
        page.keyboard.press("Control+z")
    raise AssertionError(read(view, "JSON.stringify(source.settings.leverageMix)"))


def set_half_life(page, view, hours):
    """Bring the slider of the decay rate close to a half-life."""
    slowest, fastest = math.log(2) / (90 * 24), math.log(2) / 0.5  # of js/src/panels/controls.ts
    position = 1 + 999 * math.log(math.log(2) / hours / slowest) / math.log(fastest / slowest)
    slider = view.locator(".liq-slider").filter(visible=True).first
    slider.focus()
    page.keyboard.press("Home")
    for _ in range(round(position / 100)):
        page.keyboard.press("PageUp")  # a tenth of the range
    rest = round(position) - round(position / 100) * 100
    for _ in range(abs(rest)):
        page.keyboard.press("ArrowRight" if rest > 0 else "ArrowLeft")


def select(page, view, low, high):
    """Select the rows between two prices in the last column."""
    view.locator(".liq-plot").focus()
    page.keyboard.press("Delete")
    page.keyboard.press("End")
    page.keyboard.press("End")  # the first key only shows the cell
    page.keyboard.press("c")
    size = read(view, "source.settings.binSize")
    close = read(view, "source.field.bars.close.at(-1)")
    rows = round((high - low) / size)
    move(page, round((low + size / 2 - close) / size), "")
    move(page, rows - 1, "Shift+")
    view.evaluate(SELECTED, rows * size)  # a notebook reports a selection once it has not changed for a moment


def move(page, rows, held):
    way = "Up" if rows > 0 else "Down"
    for key, times in ((f"{held}Page{way}", abs(rows) // 10), (f"{held}Arrow{way}", abs(rows) % 10)):
        for _ in range(times):
            page.keyboard.press(key)


def start_replay(page, view):
    button = view.get_by_role("button", name="replay", exact=True)
    button.scroll_into_view_if_needed()
    button.focus()
    page.keyboard.press("Enter")


def replay_until(page, view, time):
    """Move the time of a replay to the close at a time, ms."""
    scrub = view.get_by_label("Time of the replay")
    at = read(view, f"source.field.bars.time.findIndex((t) => t >= {time})")
    scrub.evaluate(
        "(e, to) => { e.value = String(to - 3); e.dispatchEvent(new Event('input', { bubbles: true })); }", at
    )
    scrub.focus()
    for _ in range(2):
        page.keyboard.press("ArrowRight")


def do_band(page, view, check, action):
    """Lesson 3's task, three mistakes first; `check` asks and returns the verdict."""
    assert "The band still stands: the leverage that makes it has 15 % of the mix" in check()
    set_share(page, view, 10, "Home")
    assert "Positions of 10x are liquidated 9.6 % away from their entry" in check()
    undo(page, view)
    assert "The band still stands" in check()
    set_share(page, view, 3, "ArrowLeft", 6)
    assert "Another slider has moved" in check()
    undo(page, view)
    set_share(page, view, 20, "Home")
    assert (said := check()) == f"Done. {action.why}", said


def do_quarter(page, view, check, action):
    """Lesson 4's task, three mistakes first."""
    assert "Too slow: the half-life is" in check()
    for hours, hint in ((24, "one half is left"), (6, "a sixteenth is left"), (3, "Too fast: the half-life is 3")):
        set_half_life(page, view, hours)
        assert hint in check()
    set_half_life(page, view, 12)
    assert (said := check()) == f"Done. {action.why}", said


def do_cluster(page, view, check, action):
    """Lesson 5's task, three mistakes first."""
    assert "Nothing is selected yet" in check()

    def ends(check):
        return [float(part) for part in check.of.split(":")[1:]]

    across, _, second = action.mistakes
    right = ends(action.wanted[1])
    for wrong in (across, second):
        select(page, view, *ends(wrong))
        assert (said := check()) == wrong.say, (said, read(view, "source.selection"))
    select(page, view, right[0] - 800, right[1] + 2500)
    assert "it holds more than one cluster" in check()
    select(page, view, *right)
    assert (said := check()) == f"Done. {action.why}", said


def do_replay(page, view, check, action):
    """Lesson 7's task, three mistakes first."""
    time = int(action.wanted[0].of.split(":")[1])
    assert "The map shows the whole of its data" in check()
    start_replay(page, view)
    assert "That is too early, by this many hours: -" in check()
    view.get_by_label("Time of the replay").focus()
    page.keyboard.press("End")
    page.keyboard.press("ArrowLeft")
    assert "hours too late" in check()
    replay_until(page, view, time)
    assert (said := check()) == f"Done. {action.why}", said
