"""What Voila is told unless a configuration file or the command line says otherwise."""

from __future__ import annotations

import sys
from typing import Any

SETTINGS: dict[str, dict[str, Any]] = {
    "Voila": {
        "open_browser": False,
        "port_retries": 0,
        "identity_provider_class": "liqwidget.serve.visits.Anybody",
    },
    "VoilaConfiguration": {
        "strip_sources": True,
        "show_tracebacks": False,
        "file_allowlist": [],  # not one file from beside the notebook
        "allow_template_override": "NO",
        "allow_theme_override": "NO",
        "multi_kernel_manager_class": "liqwidget.serve.kernels.Kernels",
        "preheat_kernel": True,
        "default_pool_size": 1,
        # Of what is installed for JupyterLab only what shows widgets: each of the others is more to load.
        "extension_allowlist": [
            "@jupyter-widgets/jupyterlab-manager",
            "@voila-dashboards/widgets-manager8",
            "@bokeh/jupyter_bokeh",
            "anywidget",
        ],
        "extension_denylist": [],
        # Longer than a cell may take: its sign of life is a script in the page, which the policy does not admit.
        "http_keep_alive_timeout": 120,
    },
    "VoilaExecutor": {
        "timeout": 60,  # seconds a cell
        "cell_error_instruction": "Reload the page; if it stays, tell those who run this site.",
        "cell_timeout_instruction": "Reload the page; if it stays, tell those who run this site.",
    },
    "MappingKernelManager": {
        "cull_interval": 10,
        "cull_idle_timeout": 1800,  # seconds without a hand in the page
        "cull_connected": True,
        "allow_tracebacks": False,
        # What a kernel says to nobody would pile up here; the page asks anew when it is back.
        "buffer_offline_messages": False,
    },
    # Files of one private folder instead of open ports. Elsewhere folders for such files have too long names.
    "ConnectionFileMixin": {"transport": "ipc" if sys.platform == "linux" else "tcp"},
    # A kernel that died has lost what the page shows: say so instead of starting an empty one.
    "KernelRestarter": {"restart_limit": 0},
}

# Handed to tornado's server: a visitor sends neither bodies nor long headers, and does not keep a line for nothing.
CONNECTION: dict[str, Any] = {
    "max_header_size": 16 * 1024,
    "max_body_size": 64 * 1024,
    "body_timeout": 10.0,
    "idle_connection_timeout": 75.0,
}

# For kernels, unless the environment says otherwise. More threads than cores would only fight for them; Arrow's own
# allocator reserves a GiB, which counts against the bound of a kernel's memory.
ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "NUMEXPR_NUM_THREADS": "1",
    "ARROW_DEFAULT_MEMORY_POOL": "system",
}


def policy(frame_ancestors: str) -> dict[str, str]:
    """Return the headers of every answer.

    Scripts come from files alone, none stands in the page; `blob:` is how anywidget loads a widget's module, and how
    BokehJS arrives. Widgets style themselves inline.
    """
    content = {
        "default-src": "'none'",
        "script-src": "'self' blob:",
        "style-src": "'self' 'unsafe-inline'",
        "img-src": "'self' data: blob:",
        "font-src": "'self' data:",
        "connect-src": "'self'",
        "frame-ancestors": frame_ancestors,
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    return {
        "Content-Security-Policy": "; ".join(f"{name} {value}" for name, value in content.items()),
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=()",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Server": "liqwidget",
    }
