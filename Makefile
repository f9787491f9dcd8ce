# Plinth. `make` alone lists the targets. Needs: make, Python 3.11+ (with venv); Go only where no Pulumi CLI is found.

# Python must write bytecode: importing the provider SDKs without it makes every command several times slower.
unexport PYTHONDONTWRITEBYTECODE
unexport VIRTUAL_ENV
# onnxruntime, wherever it arrives, must not phone home; the Pulumi CLI must not look for updates.
export ORT_DISABLE_TELEMETRY = 1
export PULUMI_SKIP_UPDATE_CHECK = 1

PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11 python; do \
	"$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { command -v "$$p"; break; }; done)
BIN := .venv/bin
# Tests that start the real engine.
SLOW := $(wildcard tests/rehearsal tests/acceptance tests/cli/engine tests/cli/laptop tests/cli/toolchain tests/house/test_bootstrap.py)
# Every core; "auto" would be half of them where a core has two threads.
JOBS ?= logical
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help up down test check conformance lint format types unit bench docs lock wheels venv policy-venv clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

up: venv ## Bring the platform up on this machine and print how to call it
	@$(BIN)/plinth up local

down: venv ## Stop what `make up` started (state is kept)
	@$(BIN)/plinth down local

test: check ## Everything: check, every environment rehearsed on the real engine, the laptop end to end
	@echo "• Rehearsal and acceptance tests"
	@$(BIN)/python -m pytest -n $(JOBS) $(SLOW) $(ARGS)

check: lint types unit ## Format, lint, types and unit tests: under two minutes

lint: venv
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .

format: venv ## Format and fix what can be fixed
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

types: venv policy-venv
	@$(BIN)/pyright
	@$(BIN)/pyright -p policies --pythonpath policies/.venv/bin/python

unit: venv policy-venv
	@$(BIN)/python -m pytest -n $(JOBS) $(SLOW:%=--ignore=%) --ignore=tests/conformance $(ARGS)

conformance: venv ## Apply everything to a real Kubernetes API server (built once, from source: minutes)
	@$(BIN)/python -m pytest tests/conformance $(ARGS)

bench: venv policy-venv ## Measure: time, memory, and the overhead of our program over a flat one
	@$(BIN)/python -m benchmarks

docs: venv ## Build the documentation into site/
	@$(BIN)/mkdocs build --strict --quiet

venv:
	@test -n "$(PYTHON)" || { echo "Plinth needs Python 3.11 or newer on PATH (found: $$(python3 --version 2>&1)). Install it, or run: make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@"$(PYTHON)" tools/bootstrap.py .venv requirements/dev.lock --editable runtime --editable components --editable cli

policy-venv: venv
	@"$(PYTHON)" tools/bootstrap.py policies/.venv policies/requirements.lock --uv $(BIN)/uv

COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
	--no-emit-index-url --no-emit-find-links --annotation-style line $(ARGS)

lock: venv ## Renew the lock files (ARGS=--upgrade for the newest versions)
	@$(COMPILE) requirements/bootstrap.in -o requirements/bootstrap.lock
	@$(COMPILE) requirements/go.in -o requirements/go.lock
	@$(COMPILE) runtime/pyproject.toml --all-extras -o requirements/runtime.lock
	@$(COMPILE) policies/pyproject.toml -o policies/requirements.lock
	@$(COMPILE) components/pyproject.toml runtime/pyproject.toml cli/pyproject.toml --all-extras requirements/dev.in \
		--no-emit-package plinth-runtime --no-emit-package plinth-platform -o requirements/dev.lock

wheels: venv ## Build the distributions into dist/
	@for d in runtime components cli policies; do $(BIN)/uv build --quiet --no-build-isolation --wheel --out-dir dist $$d || exit 1; done
	@ls dist/*.whl

clean: ## Remove environments, caches and build products (not .plinth, which holds state)
	@rm -rf .venv policies/.venv dist build site .pytest_cache .ruff_cache .hypothesis
	@find . -name __pycache__ -type d -not -path './.plinth/*' -prune -exec rm -rf {} +
