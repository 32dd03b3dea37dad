# What a person does with this checkout. `make` alone says what there is.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV := UV_PYTHON_DOWNLOADS=never VIRTUAL_ENV=$(VENV) $(BIN)/uv
COMPILE := $(UV) pip compile --quiet --universal --generate-hashes --no-header -p 3.11

# An option of jsonschema's, which cyclonedx-bom asks for. Every process that imports Airflow would
# build its grammar first, for more than a second; no listener has it.
LEFT_OUT := --no-emit-package rfc3987-syntax --no-emit-package lark

# PyPI lists a version's vulnerabilities at such an address; mirrors of PyPI seldom do.
VULNERABILITIES := https://pypi.org/pypi/pip/26.0/json
LICENCES := $(BIN)/pip-licenses --no-version --ignore-packages smallhours

# Whole modules go to the workers, the longest first: see tests/run_order.py.
PYTEST := $(BIN)/python -m pytest --numprocesses auto --dist loadscope --no-loadscope-reorder
QUICK := $(addprefix tests/,identity lake services listening charts)

# Without bytecode every process, of which the tests start some hundred, compiles the product again.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup gpt2 cluster demo check test test-cluster lint docs lock sbom licences audit pictures up clean

help:  ## Say what there is
	@awk -F ':.*## ' '/^[a-z0-9]+:.*## / {printf "make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(VENV)/.installed  ## Install what is needed into .venv, as the lock files say

gpt2: setup  ## Add torch and transformers (5 GB), for the GPT-2 rows of the regression study
	$(UV) pip install --quiet --require-hashes -r requirements-gpt2.txt

cluster: setup  ## Add Celery, Redis' client and an S3 server, for the tests of several workers
	$(UV) pip install --quiet --require-hashes -r requirements-cluster.txt

demo: setup  ## Run a night of the real DAGs against a local sandbox, and show its playlist
	@$(BIN)/smallhours demo

check: lint  ## Run the checks of `make lint`, and quick tests: names, lake, services, listening
	$(PYTEST) -m "not slow and not airflow" $(QUICK)

test: lint  ## Run every check and every test
	$(PYTEST)

test-cluster: cluster  ## Run a night on CeleryExecutor while a worker and Redis are killed
	$(BIN)/python -m benchmarks.cluster --listeners 2 --only worker-and-redis

lint: setup  ## Check style, types, layers, dependencies, and that no code is unused
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/vulture
	$(BIN)/deptry .

docs: setup  ## Write the generated pages in docs/ again
	AIRFLOW_HOME="$$PWD/.airflow" $(BIN)/python -m smallhours.orchestration.dag_docs
	$(BIN)/python -m smallhours.lake.dictionary --write
	$(BIN)/python -m smallhours.settings_docs

lock: setup  ## Choose new versions of what is needed, and write the lock files and the SBOM
	$(COMPILE) --upgrade --extra postgres pyproject.toml -o requirements.txt
	$(COMPILE) --upgrade --group build -o requirements-build.txt
	$(COMPILE) --upgrade --group dev $(LEFT_OUT) -c requirements.txt -c requirements-build.txt \
		-o requirements-dev.txt
	$(COMPILE) --upgrade --extra gpt2 -c requirements.txt pyproject.toml -o requirements-gpt2.txt
	$(COMPILE) --upgrade --extra workers -c requirements.txt pyproject.toml -o requirements-workers.txt
	$(COMPILE) --upgrade --group bench -c requirements.txt -o requirements-bench.txt
	$(COMPILE) --upgrade --group cluster -c requirements.txt -o requirements-cluster.txt
	$(MAKE) sbom licences

sbom: setup  ## List what requirements.txt names, with its hashes, as CycloneDX in build/sbom.json
	@mkdir -p build
	$(BIN)/cyclonedx-py requirements --pyproject pyproject.toml --output-reproducible --of JSON \
		-o build/sbom.json requirements.txt

licences: setup  ## Write the table in docs/licences.md again
	{ sed '/^| Name /,$$d' docs/licences.md && $(LICENCES) --format=markdown; } > docs/licences.md.tmp
	mv docs/licences.md.tmp docs/licences.md

audit: setup  ## Look for known vulnerabilities in what the locks name; needs the network
	@if $(BIN)/python -c 'import requests; requests.get("$(VULNERABILITIES)", timeout=15).json()["vulnerabilities"]' \
			2>/dev/null; then \
		$(BIN)/pip-audit --strict --require-hashes --disable-pip --progress-spinner off \
			-r requirements.txt -r requirements-build.txt -r requirements-dev.txt; \
	else \
		echo 'Not audited: the list of known vulnerabilities at $(VULNERABILITIES) is out of reach.' >&2; \
	fi

pictures: setup  ## Draw the pictures of the pages in docs/images again; needs Chromium
	$(BIN)/python -m tests.e2e.screenshots

up: setup  ## Run Airflow for your own account: smallhours.toml, ./data, .airflow
	@$(BIN)/smallhours up

clean:  ## Remove what the demo and the tools left; your data, settings and Airflow stay
	rm -rf .demo .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis build
	find . -name __pycache__ -not -path './$(VENV)/*' -prune -exec rm -rf {} +

# Done again only when the locks change. uv comes first, by pip, with its hashes from the lock.
$(VENV)/.locked: requirements.txt requirements-dev.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo 'error: Python 3.11 or newer is needed. Name one: make PYTHON=python3.12' >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@test -x $(BIN)/uv || { \
		awk '/^[^ #]/ {on = /^uv==/} on' requirements-dev.txt > $(VENV)/uv.txt; \
		$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes \
			-r $(VENV)/uv.txt; }
	$(UV) pip sync --quiet --require-hashes --compile-bytecode requirements.txt requirements-dev.txt
	@rm -f $(VENV)/.installed
	@touch $@

$(VENV)/.installed: $(VENV)/.locked pyproject.toml
	@$(UV) pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@
