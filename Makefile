# One file for everything that a person runs here; `make` prints what there is.
SHELL := /bin/sh
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
GATEWAYS := .venv-gateways
NPM_BIN := js-shim/node_modules/.bin

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-gateways test-pythons test-hosts check build bench simulate schema

help: ## print this
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' Makefile

setup: $(VENV)/.done js-shim/node_modules/.done ## install both halves' tools into ignored folders

demo: setup ## show /quota_status of six loopback gateways in the real OpenCode
	@$(BIN)/python -m tests.bed.demo

test: setup ## run every test, with the real OpenCode
	@$(BIN)/pytest --numprocesses 3 --dist loadfile --no-loadscope-reorder
	@cd js-shim && node_modules/.bin/bun test

test-gateways: setup $(GATEWAYS)/.done ## run the tests behind a real LiteLLM proxy (750 MB, fetched once)
	@$(BIN)/pytest tests/gateways

test-hosts: setup ## try older versions of OpenCode (2.5 GB, fetched once); HOSTS="1.3.2 ..." names others
	@$(BIN)/python -m tests.hosts $(HOSTS)

test-pythons: setup ## run the tests on each Python from 3.11 on that is found here; types as on macOS and Windows
	@for system in Darwin Windows; do $(NPM_BIN)/pyright --pythonplatform $$system sidecar || exit 1; done
	@$(BIN)/python -m tests.pythons

check: setup ## lint, types and schema drift, in seconds
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(NPM_BIN)/pyright
	@cd js-shim && node_modules/.bin/tsc
	@cd js-shim && node_modules/.bin/biome ci --error-on-warnings
	@$(BIN)/python -m tests.schema_drift

build: setup ## make the wheel, and the npm package that carries it, in dist/
	@rm -rf dist
	@$(BIN)/python -m hatchling build --target wheel --directory dist
	@js-shim/node_modules/.bin/bun js-shim/pack.ts dist

bench: setup ## measure the budgets and print them as a table
	@$(BIN)/python -m tests.bench

simulate: setup ## live through a day and a month on a virtual clock, with us and without, and print tables
	@$(BIN)/python -m tests.simulation

schema: setup ## write schema/ and the shim's generated files anew
	@$(BIN)/python -m tests.schema_drift --write

$(VENV)/.done: requirements-dev.lock pyproject.toml
	@command -v $(PYTHON) >/dev/null || { echo "missing: Python 3.11 or newer (python3)"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "missing: Python 3.11 or newer; $(PYTHON) is older (make PYTHON=python3.12 ... takes another)"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null \
	  || { echo "missing: the venv module of $(PYTHON) (Debian: apt install python3-venv)"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --no-compile --require-hashes -r requirements-dev.lock
	$(BIN)/python -m pip install --quiet --no-build-isolation --no-deps --editable .
	@touch $@

$(GATEWAYS)/.done: tests/gateways/requirements.txt
	@command -v $(PYTHON) >/dev/null || { echo "missing: Python 3.11 or newer (python3)"; exit 1; }
	$(PYTHON) -m venv $(GATEWAYS)
	$(GATEWAYS)/bin/python -m pip install --quiet -r tests/gateways/requirements.txt
	@touch $@

js-shim/node_modules/.done: js-shim/package-lock.json
	@command -v node >/dev/null || { echo "missing: Node 20 or newer (node)"; exit 1; }
	@node -e 'process.exit(process.versions.node.split(".")[0] >= 20 ? 0 : 1)' \
	  || { echo "missing: Node 20 or newer; node is older"; exit 1; }
	@command -v npm >/dev/null || { echo "missing: npm"; exit 1; }
	@# Not `npm ci`: it refuses a registry that lacks the packages of other platforms. Of all install scripts
	@# only these two are wanted: they put a program that was already downloaded into its place.
	cd js-shim && npm install --no-save --ignore-scripts --no-audit --no-fund --loglevel=error
	cd js-shim/node_modules/opencode-ai && node postinstall.mjs
	cd js-shim/node_modules/bun && node install.js
	@touch $@
