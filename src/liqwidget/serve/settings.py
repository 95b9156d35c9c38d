"""Defaults for Voila, which a configuration file or the command line can override."""

from __future__ import annotations

import sys
from typing import Any

#: All that a visitor sees of an exception in a callback; its traceback is in the log.
CALLBACK_FAILED = "That did not work. The page goes on; if it happens again, tell those who run this site."

SETTINGS: dict[str, dict[str, Any]] = {
    "Voila": {
        "open_browser": False,
        "port_retries": 0,
        "identity_provider_class": "liqwidget.serve.visits.Anybody",
        "kernel_websocket_connection_class": "liqwidget.serve.connection.VisitorConnection",
    },
    "VoilaConfiguration": {
        "strip_sources": True,
        "show_tracebacks": False,
        "file_allowlist": [],  # no files from the notebook's folder
        "allow_template_override": "NO",
        "allow_theme_override": "NO",
        "multi_kernel_manager_class": "liqwidget.serve.kernels.Kernels",
        "preheat_kernel": True,
        "default_pool_size": 1,
        # Of the installed JupyterLab extensions only those that display widgets: each other one adds load time.
        "extension_allowlist": [
            "@jupyter-widgets/jupyterlab-manager",
            "@voila-dashboards/widgets-manager8",
            "@bokeh/jupyter_bokeh",
            "anywidget",
        ],
        "extension_denylist": [],
        # Longer than any cell may take: Voila's keep-alive is an inline script, which the CSP blocks.
        "http_keep_alive_timeout": 120,
    },
    "VoilaExporter": {"markdown_renderer_class": "liqwidget.serve.images.NotebookImages"},
    "VoilaExecutor": {
        "timeout": 60,  # seconds per cell
        "cell_error_instruction": "Reload the page; if it stays, tell those who run this site.",
        "cell_timeout_instruction": "Reload the page; if it stays, tell those who run this site.",
    },
    "MappingKernelManager": {
        "cull_interval": 10,
        "cull_idle_timeout": 1800,  # seconds without use of the page
        "cull_connected": True,
        "allow_tracebacks": False,
        "traceback_replacement_message": CALLBACK_FAILED,
        # Messages without a recipient would accumulate here; the page requests them again when it reconnects.
        "buffer_offline_messages": False,
    },
    # Files in a private folder instead of open ports. On other systems the paths of such files are too long.
    "ConnectionFileMixin": {"transport": "ipc" if sys.platform == "linux" else "tcp"},
    # A kernel that died has lost what the page shows: report that instead of starting an empty one.
    "KernelRestarter": {"restart_limit": 0},
}

# Passed to tornado's server: visitors send neither bodies nor long headers, and do not keep idle connections.
CONNECTION: dict[str, Any] = {
    "max_header_size": 32 * 1024,  # longer ones get no reply; those with an address of more than 8 KiB a page
    "max_body_size": 64 * 1024,
    "body_timeout": 10.0,
    "idle_connection_timeout": 75.0,
}

# For kernels, unless the environment says otherwise. More threads than cores would only compete; Arrow's own allocator
# reserves a GiB, which counts towards the memory limit of a kernel.
ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "NUMEXPR_NUM_THREADS": "1",
    "ARROW_DEFAULT_MEMORY_POOL": "system",
}


#: Headers of replies that are no documents. A page has about 90 of them: on a slow line each byte more counts.
PLAIN = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Server": "liqwidget",
}


def policy(frame_ancestors: str, has_form: bool = False) -> dict[str, str]:
    """Return the headers of every document; scripts and other data have those of `PLAIN`. Only signing in has a form.

    Scripts come from files only, never inline; `blob:` is how anywidget loads a widget's module, and how BokehJS is
    loaded. Widgets use inline styles.
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
        "form-action": "'self'" if has_form else "'none'",
    }
    return {
        "Content-Security-Policy": "; ".join(f"{name} {value}" for name, value in content.items()),
        "X-Content-Type-Options": "nosniff",
        # Without a referrer, browsers do not say either which page a form comes from.
        "Referrer-Policy": "same-origin" if has_form else "no-referrer",
        "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=()",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Server": "liqwidget",
    }
