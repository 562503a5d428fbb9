# Everything is made of python3 (3.11 or later) and its venv module; no other tool is needed beforehand.
PYTHON   ?= python3
RUN_ARGS ?=
UPGRADE  ?= --upgrade

VENV := .venv
PY   := $(VENV)/bin/python
PIP  := $(PY) -m pip --disable-pip-version-check --quiet install --require-hashes
# A stamp is newer than its lock once the lock is installed, so a second run has nothing to do.
READY     := $(VENV)/.ready
READY_DEV := $(VENV)/.ready-dev
# Checks that only read the code still load the settings: with a database and a key of their own, never the operator's.
APART := env SECRET_KEY=for-checks-that-only-read-the-code-0123456789 DATABASE_URL=sqlite:///:memory:
COMPILE := $(PY) -m uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes \
	--no-annotate --no-header --quiet

.PHONY: help setup run test lint faults bench scale lock chromium
.DEFAULT_GOAL := help

help:  ## list what make can do
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1|\2/p' Makefile | awk -F'|' '{ printf "%-14s %s\n", $$1, $$2 }'

setup: $(READY)  ## make .venv and install what the product needs

run: setup  ## start the whole product: web, capture, worker and beat (RUN_ARGS="--port 8000")
	$(PY) manage.py up $(RUN_ARGS)

test: lint chromium  ## lint, then every test on PostgreSQL, a shorter pass on SQLite, and the coverage of both
	$(PY) -m coverage erase
	$(PY) -m coverage run -m pytest
	TAPEDECK_TEST_DATABASE=sqlite $(PY) -m coverage run -m pytest -m sqlite
	$(PY) -m coverage combine --quiet
	$(PY) -m coverage report

lint: $(READY_DEV)  ## style, types, the import graph, and migrations that match the models
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy
	$(VENV)/bin/lint-imports --no-logo
	$(APART) $(PY) manage.py makemigrations --check --dry-run

faults: $(READY_DEV)  ## the full campaigns: kills, stops, starved disks, and 10,000 requests made from the schemas
	TAPEDECK_CAMPAIGN=full $(PY) -m pytest -m fault --timeout 0

bench: $(READY_DEV)  ## every benchmark, one after another
	@failed=; for file in benchmarks/[a-z]*.py; do \
		name=$$(basename "$$file" .py); echo "== $$name"; \
		$(PY) -m "benchmarks.$$name" || failed="$$failed $$name"; \
	done; \
	if [ -n "$$failed" ]; then echo "make: failed:$$failed" >&2; exit 1; fi

scale: $(READY_DEV)  ## how fast the lists of every surface are with a million recordings (PostgreSQL)
	$(PY) -m benchmarks.scale

lock: $(READY_DEV)  ## pin the newest allowed versions with their hashes (UPGRADE= keeps the present ones)
	$(COMPILE) $(UPGRADE) --output-file requirements.lock
	$(COMPILE) $(UPGRADE) --group dev --output-file requirements-dev.lock

$(READY): requirements.lock | $(PY)
	$(PIP) -r requirements.lock
	@touch $@

$(READY_DEV): requirements-dev.lock | $(PY)
	$(PIP) -r requirements-dev.lock
	@touch $@ $(READY)

# Debian ships venv apart from python3, as a package of its own.
$(PY):
	@command -v $(PYTHON) >/dev/null || { \
		echo "make: there is no $(PYTHON); install Python 3.11 or later, or name one: make PYTHON=/path/to/python" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "make: $$($(PYTHON) --version) is too old; Tapedeck needs 3.11 or later: make PYTHON=/path/to/python" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
		if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
			apt-get -qq update && apt-get -qq install -y python3-venv; \
		else \
			echo "make: $(PYTHON) has no venv module; install it (on Debian: apt-get install python3-venv)" >&2; exit 1; \
		fi; }
	@rm -rf $(VENV)
	$(PYTHON) -m venv $(VENV)

# The browser tests need Chromium; where it cannot be had they are skipped, and the run's last line says so.
chromium:
	@command -v chromium >/dev/null || { \
		if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
			apt-get -qq update && apt-get -qq install -y --no-install-recommends chromium; \
		else false; fi; } || echo "make: no chromium here (on Debian: apt-get install chromium); browser tests will be skipped" >&2
