# `make table1` and `make test` need Python 3.11 or 3.12, make and nothing else.
# They share one virtual environment, made from the lock files and made again only when those change.

VENV ?= .venv
RECIPE ?= recipes/table1.yaml
# More for `mtsuite run`, pytest and pip: make table1 ARGS="--seeds 1,2,3"; make test TESTS=tests/recipe
ARGS ?=
TESTS ?=
PYTEST_ARGS ?= -n 2 --dist worksteal
PIP_ARGS ?=

SUITED = import sys, ensurepip, venv; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 12))
ifeq ($(origin PYTHON), undefined)
PYTHON := $(shell for p in python3 python3.12 python3.11; do $$p -c '$(SUITED)' 2>/dev/null && echo $$p && break; done)
endif

BIN = $(VENV)/bin
PIP = $(BIN)/python -m pip --disable-pip-version-check --no-input
# Several processes at once: one thread each is faster than all threads in each.
PYTEST = OMP_NUM_THREADS=1 $(BIN)/python -m pytest

.DEFAULT_GOAL := help
.PHONY: help table1 test env env-dev lint format types docs wheel lock test-transformers5 clean

help:  ## this list
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z0-9-]+):.*## */  make \1|/' | column -t -s '|'

table1: env  ## install what is needed and run recipes/table1.yaml
	@$(BIN)/mtsuite run $(RECIPE) $(ARGS)

test: env-dev  ## install what is needed and run all tests
	@$(PYTEST) $(PYTEST_ARGS) $(TESTS)

lint: env-dev  ## ruff: lint and format, nothing changed
	@$(BIN)/ruff check . && $(BIN)/ruff format --check .

format: env-dev  ## ruff: repair what can be repaired
	@$(BIN)/ruff check --fix . ; $(BIN)/ruff format .

types: env-dev  ## mypy over mtsuite and methods
	@$(BIN)/python -m mypy mtsuite methods

docs: env  ## write docs/recipe.md from the schema, docs/methods/README.md from the methods, README's table from results/
	@$(BIN)/python -m mtsuite.recipe.reference --write docs/recipe.md
	@$(BIN)/python -m mtsuite.catalogue --write docs/methods/README.md
	@$(BIN)/python .ci/tables.py README.md docs/*.md

wheel: env  ## build a wheel into dist/
	@rm -rf build; $(PIP) wheel --quiet --no-deps --no-build-isolation --wheel-dir dist . && rm -rf build

env: $(VENV)/bin/python  ## the environment of `make table1`
	@$(call install_lock,requirements.lock)
	@{ echo "$(CURDIR)"; cat pyproject.toml; } > $(VENV)/.wanted; \
	if ! cmp -s $(VENV)/.wanted $(VENV)/.editable; then \
	    $(PIP) install --quiet --no-deps --no-build-isolation --editable . && mv $(VENV)/.wanted $(VENV)/.editable; \
	fi

env-dev: env  ## the same with what tests, lint and types need
	@$(call install_lock,requirements-dev.lock)

# A copy of the lock file in the environment says what is installed: no pip, no network when nothing changed.
install_lock = if ! cmp -s $(1) $(VENV)/$(1); then \
	    echo "Installing $(1) into $(VENV) (once; some minutes on a slow line)"; \
	    $(PIP) install --quiet $(PIP_ARGS) -r $(1) && cp $(1) $(VENV)/$(1); \
	fi

$(VENV)/bin/python:
	@$(call need_python); rm -f $(VENV)/*.lock $(VENV)/.editable $(VENV)/constraints.txt; $(PYTHON) -m venv $(VENV)

need_python = if [ -z "$(PYTHON)" ] || ! "$(PYTHON)" -c '$(SUITED)' 2>/dev/null; then \
	    echo "mtsuite needs Python 3.11 or 3.12 with venv; found: $$( ($(or $(PYTHON),python3) --version) 2>&1 | tail -n 1)." >&2; \
	    echo "Name another one: make $(MAKECMDGOALS) PYTHON=/path/to/python3.12 (Debian and Ubuntu: python3-venv is a package)." >&2; \
	    exit 2; \
	fi

# transformers 5 without COMET, which cannot run on it: the parts of the suite that meet transformers.
T5 = $(VENV)/transformers5
test-transformers5:  ## the tests of methods, models, training and decoding on transformers 5
	@$(MAKE) --no-print-directory t5-env VENV=$(T5)
	@OMP_NUM_THREADS=1 $(T5)/bin/python -m pytest $(PYTEST_ARGS) $(wildcard tests/methods tests/model tests/train tests/translate)

.PHONY: t5-env
t5-env: $(VENV)/bin/python
	@names=$$(sed -n 's/^\([^#=]*\)==.*/\1/p' requirements-transformers5.lock | paste -sd '|' -); \
	{ cat requirements-transformers5.lock pyproject.toml | sed 's/^/# /'; cat requirements-transformers5.lock; \
	  grep -h -v -E "^#|^-r|^($$names)==" requirements.lock requirements-dev.lock; } > $(VENV)/.wanted; \
	if ! cmp -s $(VENV)/.wanted $(VENV)/constraints.txt; then \
	    echo "Installing transformers 5 into $(VENV)"; \
	    $(PIP) install --quiet $(PIP_ARGS) -c $(VENV)/.wanted setuptools \
	    && $(PIP) install --quiet $(PIP_ARGS) -c $(VENV)/.wanted --no-build-isolation --editable '.[dev]' \
	    && mv $(VENV)/.wanted $(VENV)/constraints.txt; \
	fi

# New versions for the lock files: resolves pyproject.toml afresh, without the packages of one platform only.
PLATFORM_ONLY = ^(mtsuite|pip|wheel|nvidia[-_].*|cuda[-_].*|triton)( @|==)
lock:  ## renew requirements.lock and requirements-dev.lock
	@$(call need_python); rm -rf $(VENV)/lock && $(PYTHON) -m venv $(VENV)/lock
	@$(MAKE) --no-print-directory lock-write VENV=$(VENV)/lock && rm -rf $(VENV)/lock

.PHONY: lock-write
lock-write:
	@$(PIP) install --quiet $(PIP_ARGS) '.[comet,gguf]' && $(PIP) check
	@{ grep '^#' requirements.lock; $(PIP) freeze --all | grep == | sed 's/+cpu$$//' | grep -v -E '$(PLATFORM_ONLY)'; } > $(VENV)/run
	@$(PIP) install --quiet $(PIP_ARGS) -c $(VENV)/run '.[comet,gguf,slurm,ray,dev]' && $(PIP) check
	@{ grep -E '^(#|-r)' requirements-dev.lock; $(PIP) freeze --all | grep == | sed 's/+cpu$$//' | grep -v -E '$(PLATFORM_ONLY)' \
	    | grep -v -x -F -f $(VENV)/run; } > $(VENV)/dev
	@mv $(VENV)/run requirements.lock; mv $(VENV)/dev requirements-dev.lock; git --no-pager diff --stat -- '*.lock'

clean:  ## remove environments, caches and builds; results stay
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
