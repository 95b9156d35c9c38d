"""Voila for strangers: one notebook as a page, each visitor with a kernel of their own that has bounds.

    python -m liqwidget.serve notebooks/dashboard.ipynb --port=8866 --host=maps.example.org

It is Voila with other defaults (`settings`) and the checks that it lacks: which hosts and routes exist (`server`), what
a visitor may say to the kernel (`message`, `channel`), how many there may be and when a kernel ends (`kernels`).
docs/deploy.md is for whoever runs it.
"""
