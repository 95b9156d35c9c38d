"""Runs in each user's pod: a Jupyter Server that starts the page on request (jupyter-server-proxy).

Copied to /etc/jupyter/jupyter_server_config.py in the image. HEATMAP_HOST is the host name of the hub.
"""

import os
import sys

c = get_config()  # noqa: F821

c.ServerProxy.servers = {
    "heatmap": {
        "command": [
            sys.executable,
            "-m",
            "liqwidget.serve",
            "/srv/liqwidget/dashboard.ipynb",
            "--ip=127.0.0.1",
            "--port={port}",
            "--base_url={base_url}heatmap/",
            f"--host={os.environ.get('HEATMAP_HOST', 'localhost')}",
            "--visitors=2",
            "--memory=768",
            "--pool=1",
        ],
        "absolute_url": True,
        "timeout": 60,
    }
}
# The pod serves only the page: close all other ways in.
c.ServerApp.terminals_enabled = False
c.ServerApp.allow_root = False
c.ServerApp.root_dir = "/tmp"
