"""Market data from venues, archives and the cache. Needs the extra ``data``."""

from importlib.util import find_spec

_NEEDED = ("httpx", "websockets", "pyarrow", "filelock", "platformdirs", "tqdm")

if missing := [name for name in _NEEDED if find_spec(name) is None]:
    raise ModuleNotFoundError(
        f'market data needs the extra "data" ({", ".join(missing)} missing here): pip install "liqwidget[data]"'
    )
