"""Style sheets of hosts, from a common framework's to careless ones, change nothing inside the widget."""

from __future__ import annotations

import pytest
from plain_host import host_page

import liqwidget as lw

pytestmark = pytest.mark.browser

#: The rules for elements without a class of a common framework.
FRAMEWORK = """
*, ::before, ::after { box-sizing: border-box; }
body { margin: 0; font: 16px/1.5 Georgia, serif; color: #c00; letter-spacing: 2px; text-align: right; }
h1, h2, h3 { margin: 0 0 .5rem; font-size: 2.5rem; font-weight: 500; line-height: 1.2; }
p { margin: 0 0 1rem; }
ul, ol { padding-left: 2rem; margin: 0 0 1rem; }
a { color: #0d6efd; text-decoration: underline; }
strong { font-weight: bolder; }
img, svg { vertical-align: middle; }
table { caption-side: bottom; border-collapse: collapse; width: 100%; margin-bottom: 1rem; }
caption { padding: .5rem 0; color: #6c757d; }
thead, tbody, tfoot, tr, td, th { border-color: inherit; border-style: solid; border-width: 0; }
label { display: inline-block; margin-bottom: .5rem; }
button { border-radius: 0; }
input, button, select, optgroup, textarea { margin: 0; font-family: inherit; font-size: inherit; line-height: inherit; }
fieldset { min-width: 0; padding: 0; margin: 0; border: 0; }
legend { float: left; width: 100%; padding: 0; margin-bottom: .5rem; font-size: 1.5rem; line-height: inherit; }
legend + * { clear: left; }
summary { display: list-item; cursor: pointer; }
"""
#: Rules for everything, with the weight of ids, as pages have that were not made for widgets.
CARELESS = """
html, body { line-height: 3; text-transform: uppercase; white-space: pre; word-spacing: 9px; cursor: wait; }
* { box-sizing: content-box; margin: 3px; padding: 2px; font-family: monospace; float: left; }
*::before { content: "x"; display: block; }
#place * { line-height: 2.5; letter-spacing: 3px; position: relative; border: 2px solid red; }
#place div { display: inline; min-height: 40px; max-width: 300px; overflow: auto; }
#place button, #place input, #place select { width: 100%; height: 60px; font-size: 30px; background: lime; }
#place table, #place td { background: yellow; border-spacing: 8px; padding: 9px; }
#place canvas { max-width: 50%; height: auto; opacity: .5; filter: blur(2px); }
#place label, #place legend, #place summary, #place details { display: block; margin: 20px; }
"""
#: What is around the widget has the same place in each page.
AROUND = """
:root, :root body, body div#place, body div#place > div:not(.liq) { all: revert; margin: 0; }
body > div > section { display: none !important; }
html::before, body::before, #place::before, #place > div:not(.liq)::before { content: none !important; }
"""
#: Place and computed style of every element inside the widget.
LOOK = """() => {
  const root = document.querySelector('.liq');
  const origin = root.getBoundingClientRect();
  const look = (element, pseudo) => {
    const style = getComputedStyle(element, pseudo);
    if (pseudo && style.content === 'none') return [];
    return [...style].sort().map((name) => `${name}: ${style.getPropertyValue(name)}`);
  };
  return [root, ...root.querySelectorAll(':not(svg *)')].map((element) => {
    const box = element.getBoundingClientRect();
    const at = box.width || box.height ? [box.x - origin.x, box.y - origin.y, box.width, box.height] : [];
    const place = at.map((side) => side.toFixed(2));
    const name = `${element.tagName}.${element.className}`;
    return [name, place.join(' '), [...look(element), ...look(element, '::before'), ...look(element, '::after')]];
  });
}"""


def looks(opened, css):
    hm = lw.LiquidationHeatmap(lw.load_sample().tail(300), bin_size=100)
    with opened(host_page(hm, host_css=css + AROUND)) as page:
        page.locator(".liq-more-button").click()  # its fieldset has a legend
        page.locator(".liq-levels summary").click()
        page.mouse.move(5, 5)
        page.evaluate("() => document.activeElement.blur()")
        page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
        assert page.problems == []
        return page.evaluate(LOOK), settled(page)


def settled(page):
    """A picture of the widget once two in a row are the same."""
    pictures = [b"", page.locator(".liq").screenshot()]
    while pictures[-1] != pictures[-2]:
        assert len(pictures) < 20
        pictures.append(page.locator(".liq").screenshot())
    return pictures[-1]


@pytest.mark.parametrize("css", [FRAMEWORK, CARELESS], ids=["framework", "careless"])
def test_nothing_of_a_hosts_style_sheet_applies(opened, css):
    plain, picture = looks(opened, "")
    seen, shot = looks(opened, css)
    assert len(plain) > 200
    assert [name for name, *_ in plain] == [name for name, *_ in seen]
    differences = [
        (name, place, now_at, sorted(set(now) - set(style))[:5])
        for (name, place, style), (_, now_at, now) in zip(plain, seen, strict=True)
        if (place, style) != (now_at, now)
    ]
    assert differences[:8] == []
    is_same = picture == shot  # pytest would compare the bytes for hours
    assert is_same
