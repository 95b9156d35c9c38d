"""Start the server: `python -m liqwidget.serve NOTEBOOK`."""

from .server import Dashboard

Dashboard.launch_instance()
