# make demo        set up .venv, draw people who do not exist, ingest, enrol, find, and name the contact sheet
# make test        the short tests; the rules in core/ must be covered to the last branch
# make test-long   the full counts: hundreds of kills, thousands of bad files, whole photo sets
# make lint        ruff, mypy, import-linter
# make bench       the measurements; results go to benchmarks/results/
# make lock        resolve the dependencies anew (needs uv)
# make clean       remove .venv and everything generated
#
# Set-up is done once: stamp files in .venv remember it. It needs Python 3.11 or newer and pip, no compiler.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
# The pip of $(PYTHON) works inside the environment, so the environment needs no pip of its own (nor Debian's python3-venv).
PIP := $(PYTHON) -m pip --python $(BIN)/python --disable-pip-version-check --quiet --quiet
# One package is published as source only; it is pure data. Its build uses the pinned setuptools, not a fetched one.
INSTALL := $(PIP) install --no-build-isolation --use-pep517 --no-warn-script-location
# Wheels only, bar that one: nothing here may ever call a compiler.
LOCKED := $(INSTALL) --require-hashes --only-binary :all: --no-binary face-recognition-models

.PHONY: demo test test-long lint bench lock clean

demo: $(VENV)/runtime.stamp
	@$(BIN)/countenance demo

test: $(VENV)/dev.stamp
	@$(BIN)/python -m pytest -m "not long" --cov --cov-branch --cov-fail-under=100

test-long: $(VENV)/dev.stamp
	@$(BIN)/python -m pytest -m long

lint: $(VENV)/dev.stamp
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache

bench: $(VENV)/dev.stamp
	@$(BIN)/python -m benchmarks

$(VENV)/build.stamp: requirements/build.txt
	@echo "Setting up $(VENV) with $$($(PYTHON) --version) (once; pinned packages, checked by hash)"
	@$(PYTHON) -m venv --without-pip $(VENV)
	@$(LOCKED) -r requirements/build.txt
	@touch $@

$(VENV)/runtime.stamp: $(VENV)/build.stamp requirements/lock.txt pyproject.toml
	@echo "Installing what Countenance needs to run (about 200 MB)"
	@$(LOCKED) --no-deps -r requirements/lock.txt
	@$(INSTALL) --no-deps --editable .
	@touch $@

$(VENV)/dev.stamp: $(VENV)/runtime.stamp requirements/dev.txt
	@echo "Installing what the tests need"
	@$(LOCKED) --no-deps -r requirements/dev.txt
	@touch $@

# Locks hold names, versions and hashes: no registry address, so that any mirror serves.
COMPILE := uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --no-header \
	--no-emit-index-url --no-emit-find-links
lock:
	@echo "setuptools>=77" | $(COMPILE) - --output-file requirements/build.txt
	@$(COMPILE) pyproject.toml --output-file requirements/lock.txt
	@$(COMPILE) pyproject.toml --extra dev --constraint requirements/lock.txt --output-file requirements/dev.txt

clean:
	@rm -rf $(VENV) build dist src/*.egg-info .coverage .coverage.* .hypothesis .mypy_cache .pytest_cache .ruff_cache \
		.import_linter_cache demo-archive
	@find src tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +
