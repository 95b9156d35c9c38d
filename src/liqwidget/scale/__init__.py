"""Histories too long for one pass: computed in chunks, then joined. Needs pyarrow, of the extra ``scale``."""

from importlib.util import find_spec

if find_spec("pyarrow") is None:
    raise ModuleNotFoundError(
        'long histories need the extra "scale" (pyarrow missing here): pip install "liqwidget[scale]"'
    )
