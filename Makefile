# gigaplan: three verbs matter, `make run`, `make app` and `make test`. Each sets up what it needs first.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
PLAN   ?= announced-2025-09
PEER   := 0.12.0
EXAMPLES ?= 20
NODE   := PATH="$(CURDIR)/build/node/bin:$$PATH"
CODE   := $(wildcard src tests benchmarks)

# Commands that tests start would compile every module anew.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help run app test test-api test-browser test-postgres test-image test-workbook tools web pictures redraw setup setup-dev lint format golden docs fuzz bench bench-peers lock clean

help: ## show the verbs
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 16

run: $(VENV)/run.stamp ## set up and simulate the announced plan (PLAN=... for another)
	@$(BIN)/gigaplan run $(PLAN)

test: $(VENV)/dev.stamp ## set up and run every check
	$(BIN)/ruff check $(CODE)
	$(BIN)/ruff format --check -q $(CODE)
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/gigaplan catalog check
	$(BIN)/python -m pytest -n 2

test-workbook: $(VENV)/dev.stamp ## calculate workbooks anew in LibreOffice, which must be there, and compare
	$(BIN)/python tests/workbook/recalculate.py

app: $(VENV)/run.stamp ## set up and open the planner in the browser (PLAN=... for another)
	@$(BIN)/gigaplan app $(PLAN)

test-browser: $(VENV)/browser.stamp tools web/node_modules/.stamp ## set up (Chromium, Node, LibreOffice too) and test page, planner and workbook in them
	$(NODE) $(BIN)/python -m pytest -n 2 tests/browser
	$(BIN)/python tests/workbook/recalculate.py

tools: | $(BIN)/python
	@tests/browser/tools.sh $(BIN)/python

test-api: $(VENV)/browser.stamp ## ask the interface of a team's server what its description allows (schemathesis; EXAMPLES=... for each endpoint)
	EXAMPLES=$(EXAMPLES) $(BIN)/python -m pytest tests/browser/test_interface.py

test-postgres: $(VENV)/dev.stamp ## test a team's server with a PostgreSQL of its own; needs PostgreSQL's programs
	$(BIN)/python tests/app/postgres.py

test-image: $(VENV)/dev.stamp ## build the image of a team's server and ask it; without podman or Docker follow its steps, as root on Linux
	$(BIN)/python tests/container.py

web: web/node_modules/.stamp ## build the planner's page into src/gigaplan/app/static, with Node 20.19 or newer
	cd web && $(NODE) npm run build

pictures: $(VENV)/browser.stamp tools ## take the pictures of the docs anew, in Chromium
	$(BIN)/python tests/browser/pictures.py

redraw: $(VENV)/browser.stamp tools ## print how long a step of a slider takes to the frame that shows it, in Chromium
	$(BIN)/python benchmarks/redraw.py $(PLAN)

setup: $(VENV)/run.stamp ## set up to run

setup-dev: $(VENV)/dev.stamp ## set up to develop

lint: $(VENV)/dev.stamp ## style, types and imports
	$(BIN)/ruff check $(CODE)
	$(BIN)/ruff format --check -q $(CODE)
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/dev.stamp ## fix what ruff can
	$(BIN)/ruff check --fix $(CODE)
	$(BIN)/ruff format $(CODE)

golden: $(VENV)/dev.stamp ## renew the golden runs
	$(BIN)/python -m pytest tests --renew-golden

fuzz: $(VENV)/dev.stamp ## give the doors 100,000 mutants, stop each writing verb 100 times, let eight write at once, and end studies and servers
	$(BIN)/python tests/fuzz/fuzz.py 100000
	$(BIN)/python tests/fuzz/kills.py 50
	$(BIN)/python tests/fuzz/writers.py 8
	$(BIN)/python tests/fuzz/studies.py 50
	$(BIN)/python tests/fuzz/jobs.py 20

docs: $(VENV)/dev.stamp ## renew what is written from the tables
	$(BIN)/python -m gigaplan.report.glossary > docs/glossary.md
	$(BIN)/python -m gigaplan.measurements.page > docs/formats.md

bench: $(VENV)/dev.stamp ## print the figures of benchmarks/
	$(BIN)/python benchmarks/run.py

bench-peers: $(VENV)/dev.stamp ## the same serving questions to aiconfigurator, in its own environment
	@test -x .venv-peers/bin/aiconfigurator || { $(PYTHON) -m venv .venv-peers && \
		.venv-peers/bin/python -m pip install -q --disable-pip-version-check aiconfigurator==$(PEER); }
	$(BIN)/python benchmarks/peers.py .venv-peers/bin/aiconfigurator

lock: UV := $(shell command -v uv || echo build/lock/bin/uv)
lock: ## pin the requirements again
	@command -v $(UV) >/dev/null || { $(PYTHON) -m venv build/lock && build/lock/bin/python -m pip install -q uv; }
	$(UV) pip compile pyproject.toml requirements/build.in --universal --python-version 3.11 --generate-hashes --no-header --no-annotate -q -o requirements/run.txt
	$(UV) pip compile pyproject.toml requirements/build.in --extra dev --extra server --universal --python-version 3.11 --generate-hashes --no-header --no-annotate -q -o requirements/dev.txt
	$(UV) pip compile pyproject.toml requirements/build.in --extra server --universal --python-version 3.11 --generate-hashes --no-header --no-annotate -q -o requirements/server.txt
	$(UV) pip compile pyproject.toml requirements/build.in --extra dev --extra server --extra browser --universal --python-version 3.11 --generate-hashes --no-header --no-annotate -q -o requirements/browser.txt

clean: ## remove what was set up and cached
	rm -rf $(VENV) .venv-peers web/node_modules .pytest_cache .mypy_cache .ruff_cache .hypothesis build dist

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
		{ echo "gigaplan needs Python 3.11 or newer; say which with: make PYTHON=python3.12 ..."; exit 1; }
	@$(PYTHON) -m venv $(VENV) || \
		{ rm -rf $(VENV); echo "this Python lacks venv; install it (Debian: apt install python3-venv) and try again"; exit 1; }

$(VENV)/run.stamp: requirements/run.txt pyproject.toml | $(BIN)/python
	@echo "setting up gigaplan in $(VENV) ..."
	@$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements/run.txt
	@$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/dev.stamp: requirements/dev.txt pyproject.toml | $(BIN)/python
	@echo "setting up gigaplan for development in $(VENV) ..."
	@$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@ $(VENV)/run.stamp

$(VENV)/browser.stamp: requirements/browser.txt pyproject.toml | $(BIN)/python
	@echo "setting up gigaplan for tests in a browser in $(VENV) ..."
	@$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements/browser.txt
	@$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@ $(VENV)/run.stamp $(VENV)/dev.stamp

web/node_modules/.stamp: web/package-lock.json | tools
	cd web && $(NODE) npm ci --no-audit --no-fund
	@touch $@
