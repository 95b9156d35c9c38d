"""Voila for the public: one notebook as a page, each visitor with a kernel of their own and limited resources.

    python -m liqwidget.serve notebooks/dashboard.ipynb --port=8866 --host=maps.example.org

It is Voila with other defaults (`settings`) and the checks that it lacks: which hosts and routes exist (`server`), what
a visitor may send to the kernel (`message`, `channel`), how many kernels may run and when one ends (`kernels`).
docs/deploy.md is for the operator.
"""
