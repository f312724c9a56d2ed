# Needs Python ≥ 3.11 with venv, Node ≥ 20 and npm; everything else is installed below this directory.
PYTHON ?= python3
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:
MAKEFLAGS += --no-builtin-rules

ROOT := $(CURDIR)
VENV := .venv
PY := $(VENV)/bin/python
UV := $(VENV)/bin/uv
CONTEXT ?=

# The programs of the environment and of node_modules come first, for everything that make starts.
export PATH := $(ROOT)/$(VENV)/bin:$(ROOT)/node_modules/.bin:$(PATH)
export VIRTUAL_ENV := $(ROOT)/$(VENV)
export UV_PYTHON_DOWNLOADS := never
export UV_NO_PROGRESS := 1
export PIP_DISABLE_PIP_VERSION_CHECK := 1
unexport PYTHONPATH PYTHONHOME

##@ Everyday
.PHONY: help
help: ## Show this text
	@awk 'BEGIN {FS = ":.*## "; print "make <target>"} \
	  /^##@/ {print "\n" substr($$0, 5)} \
	  /^[a-z0-9-]+:.*## / {printf "  %-10s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

.PHONY: setup
setup: $(VENV)/.installed .venv-ministack/.installed node_modules/.installed ## Install everything, below this directory

.PHONY: demo
demo: setup ## Watch the product work on an embedded local AWS: deploy, alert, repair, tear down
	@$(PY) -m tests.e2e.demo

.PHONY: test
test: lint types imports deps unit packaging test-e2e ## Everything that must be green before a change lands

##@ Parts of `make test`
.PHONY: lint
lint: setup ## Style and formatting (ruff)
	@echo "== lint"
	@ruff check .
	@ruff format --check .

.PHONY: types
types: setup ## Types (mypy, strict)
	@echo "== types"
	@mypy

.PHONY: imports
imports: setup ## Which layer may import which (import-linter)
	@echo "== imports"
	@lint-imports --no-logo

.PHONY: deps
deps: setup ## Declared against used dependencies (deptry)
	@echo "== deps"
	@deptry .

.PHONY: unit
unit: setup ## Unit, property, contract, template and architecture tests
	@echo "== unit"
	@pytest -q -n 4 --dist loadfile -m "not e2e and not chaos and not bench and not packaging"

.PHONY: packaging
packaging: setup ## Build the Lambda bundles and run them with the real runtime client
	@echo "== packaging"
	@pytest -q -m packaging

.PHONY: test-e2e
test-e2e: setup ## The deployed product on an embedded local AWS
	@echo "== end to end"
	@pytest -q -m e2e

##@ Longer
# `make chaos SCHEDULES=50000 INPUTS=10000` is what continuous integration runs.
SCHEDULES ?= 1000000
INPUTS ?= 100000

.PHONY: chaos
chaos: setup ## Every fault of the table, the time to an alert, and a million schedules (an hour)
	@$(PY) -m tests.chaos.report
	@$(PY) -m tests.chaos.time_to_alert
	@$(PY) -m tests.chaos.malformed --inputs $(INPUTS) --workers 2
	@$(PY) -m tests.chaos.simulate --schedules $(SCHEDULES)

# `make bench RUNS=1 CLUSTERS=60` is a quick look.
RUNS ?= 3
CLUSTERS ?= 500

.PHONY: bench
bench: setup .venv-bench/.installed ## Measure every goal, beside what users would take instead (half an hour)
	@$(PY) -m benchmarks.session --runs $(RUNS) --clusters $(CLUSTERS)

.PHONY: mutants
mutants: setup ## Mutate the checks and the level rules; what no test notices must be explained (minutes)
	@$(PY) -m tests.mutation.run

##@ On AWS
.PHONY: deploy
deploy: setup ## Deploy to the account and region of your AWS credentials
	@cdk deploy --all $(CONTEXT)

.PHONY: destroy
destroy: setup ## Remove the deployment again (tables with history are kept, see the README)
	@cdk destroy --all $(CONTEXT)

##@ Upkeep
.PHONY: fmt
fmt: setup ## Format, and repair what can be repaired safely
	@ruff check --fix .
	@ruff format .

# Keeps versions that still fit; `make lock UPGRADE=--upgrade` takes the newest ones.
UPGRADE ?=
COMPILE = $(UV) pip compile --quiet --universal --python $(PY) --python-version 3.11 --generate-hashes \
  --custom-compile-command "make lock" $(UPGRADE)

.PHONY: lock
lock: $(UV) ## Work the lock files out anew from pyproject.toml and locks/*.in
	@$(COMPILE) pyproject.toml --extra lambda --extra cli --extra infra --group dev --output-file locks/dev.txt
	@for bundle in bundle-scan bundle-light; do \
	  $(COMPILE) locks/$$bundle.in --constraints locks/dev.txt --output-file locks/$$bundle.txt; \
	done
	@for beside in ministack bench; do \
	  $(COMPILE) locks/$$beside.in --output-file locks/$$beside.txt; \
	done
	@npm install --package-lock-only --ignore-scripts

.PHONY: clean
clean: ## Remove everything that was built or installed here
	@rm -rf .venv .venv-ministack .venv-bench node_modules cdk.out build dist .demo .coverage* htmlcov mutants \
	  .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache shared/*.egg-info
	@find functions infra shared tests -name __pycache__ -type d -prune -exec rm -rf {} +

# --- What the targets above stand on: each stamp is younger than what it was made from. ---

$(UV):
	@echo "== setup: Python environment in $(VENV)"
	@rm -rf $(VENV)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Python 3.11 or newer is needed; name one with: make $(MAKECMDGOALS) PYTHON=/path/to/python3.11" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) \
	  || { rm -rf $(VENV); echo "Python's venv module is incomplete. On Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; }
	@# uv comes first and from the same lock: its own lines, as pip reads them
	@grep -A 50 '^uv==' locks/dev.txt | awk 'NR == 1 || /--hash/ {print; next} {exit}' | sed '$$ s/ *\\$$//' > $(VENV)/uv.txt
	@$(PY) -m pip install --quiet --require-hashes --requirement $(VENV)/uv.txt

$(VENV)/.installed: locks/dev.txt pyproject.toml | $(UV)
	@echo "== setup: packages of locks/dev.txt"
	@$(UV) pip sync --quiet --python $(PY) --require-hashes locks/dev.txt
	@$(UV) pip install --quiet --python $(PY) --no-deps --no-build-isolation --editable .
	@touch $@

.venv-ministack/.installed: locks/ministack.txt | $(VENV)/.installed
	@echo "== setup: embedded local AWS in .venv-ministack"
	@$(UV) venv --quiet --clear --python $(ROOT)/$(PY) .venv-ministack
	@$(UV) pip sync --quiet --python .venv-ministack/bin/python --require-hashes locks/ministack.txt
	@touch $@

.venv-bench/.installed: locks/bench.txt | $(VENV)/.installed
	@echo "== setup: what is measured beside ours, in .venv-bench"
	@$(UV) venv --quiet --clear --python $(ROOT)/$(PY) .venv-bench
	@$(UV) pip sync --quiet --python .venv-bench/bin/python --require-hashes locks/bench.txt
	@touch $@

node_modules/.installed: package-lock.json
	@echo "== setup: CDK command line in node_modules"
	@node -e 'process.exit(+process.versions.node.split(".")[0] >= 20 ? 0 : 1)' \
	  || { echo "Node 20 or newer, with npm, is needed on PATH" >&2; exit 1; }
	@npm ci --silent
	@touch $@
