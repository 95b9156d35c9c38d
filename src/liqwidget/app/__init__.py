"""The whole application in one call: data controls, the heatmap, panels that share its state.

It may import everything; nothing imports it. Bokeh is loaded here, and by ``plot()`` of results.
"""

from importlib.util import find_spec

if find_spec("jupyter_bokeh") is None:
    raise ModuleNotFoundError(
        'lw.explore and lw.compare need the extra "app" (jupyter_bokeh missing here): pip install "liqwidget[app]"'
    )
