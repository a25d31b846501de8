# Everything a developer does, by name. `make help` prints this list.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory --no-builtin-rules
# The tests start hundreds of short processes: let them keep their byte code.
unexport PYTHONDONTWRITEBYTECODE

VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
SOURCES := deployer reconciler tests scripts
UNIT := tests/unit tests/model tests/soak tests/timetravel \
	tests/test_repository.py tests/test_docs.py
# Tests side by side, each with a sandbox of its own.
WORKERS ?= $(shell sh scripts/workers)
# Of the slow tests (tests/support/share.py), `make test` runs the N-th part whose day it is.
SHARE ?= 28
# On which machines `make reality` runs: container or vm.
MACHINES ?= container
# A Python that is new enough; say `make PYTHON=/path/to/python3.11 setup` to choose another.
PYTHON ?= $(shell sh scripts/find-python)

.PHONY: help setup demo test suite coverage whole check lint fmt types imports unit pythons timetravel another-day model traces mutants crash reality postgres soak denied fuzz bench second-opinion dist docs lambda scale image lock clean own-service

help: ## print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(READY) ## build .venv with the commands in it (nothing to do when nothing changed)

$(READY): pyproject.toml requirements.lock requirements-bootstrap.lock requirements-browser.lock scripts/setup_venv.py
	@test -n "$(PYTHON)" || { sh scripts/find-python --explain; exit 1; }
	@"$(PYTHON)" scripts/setup_venv.py $(VENV)
	@touch $@

demo: setup ## release, break, clean up and roll back a real service on a private cloud here; SHAPE=balancer, elastic-ip, private, private-balancer, private-elastic-ip
	@$(BIN)/deployer sandbox demo $(if $(SHAPE),--shape $(SHAPE))

test: setup ## every check: lint, types, imports, and the suite
	@$(MAKE) -j 3 lint imports another-day
	@$(MAKE) -j 2 types suite

suite: setup ## all quick tests and a twenty-eighth of the slow ones; what is red is tried once more, alone, and named at the end
	@rm -f .pytest_cache/v/cache/lastfailed
	@$(BIN)/pytest -n $(WORKERS) --dist worksteal --share $(SHARE) || $(BIN)/python scripts/second_try.py

coverage: setup ## what the quick tests reach, by line and branch
	@rm -f .coverage .coverage.*
	@$(BIN)/pytest -q -n $(WORKERS) --dist worksteal --cov --cov-report=term $(UNIT) tests/contract tests/sandbox

whole: setup ## every test, the slow ones of all days; no second try
	@$(BIN)/pytest -n $(WORKERS) --dist worksteal

check: setup lint types imports unit ## before a commit: lint, types, imports, the unit tests

lint: setup ## ruff: lint and format, changing nothing
	@$(BIN)/ruff check $(SOURCES)
	@$(BIN)/ruff format --check $(SOURCES)

fmt: setup ## ruff: format, and mend what can be mended
	@$(BIN)/ruff format $(SOURCES)
	@$(BIN)/ruff check --fix $(SOURCES)

types: setup ## mypy --strict
	@$(BIN)/mypy

imports: setup ## import-linter: who may import whom
	@$(BIN)/lint-imports --no-logo

unit: setup ## the tests of modules, models and the repository itself
	@$(BIN)/pytest -q -n $(WORKERS) --dist worksteal $(UNIT)

pythons: setup ## the same on each newer Python that is installed
	@WORKERS=$(WORKERS) sh scripts/pythons $(UNIT)

timetravel: setup ## the quick suite on other days, in odd time zones (TIMETRAVEL=leap-day: on one)
	@WORKERS=$(WORKERS) $(BIN)/python -m tests.timetravel

another-day: setup ## a small part of that, on the day whose turn it is (TIMETRAVEL=leap-day: on this)
	@WORKERS=$(WORKERS) $(BIN)/python -m tests.timetravel --part

model: setup ## explore the protocol as far as the larger bounds, write docs/protocol.md
	@WORKERS=$(WORKERS) $(BIN)/python -m tests.model

traces: setup ## the models with one guard removed at a time: write docs/protocol-traces.md anew
	@$(BIN)/python -m tests.model --traces

mutants: setup ## remove each guard of the protocol in turn: a quick test must go red; writes docs/mutants.md (MUTANTS=words: some of them)
	@WORKERS=$(WORKERS) $(BIN)/python -m tests.mutants $(MUTANTS)

crash: setup ## the whole crash matrix, on to docs/crash-matrix.md (CRASH=--fresh: from its start)
	@$(BIN)/python -m tests.crash.matrix --workers $(WORKERS) $(CRASH)
	@$(BIN)/pytest -q -m crash -n $(WORKERS) --dist worksteal tests/crash

reality: setup ## a release's life and the zoo of units on a real systemd, cloud-init and OpenSSH; writes docs/reality.md (REALITY=required: what cannot run fails; MACHINES=vm: on virtual machines)
	@$(BIN)/python -m tests.reality $(MACHINES) -n $(WORKERS)

postgres: setup ## the suites of freeze, copy and comment on each PostgreSQL that is installed
	@$(BIN)/python scripts/postgres_versions.py -n $(WORKERS)

soak: setup ## seven at random against one service, in bad weather (SOAK=seconds,seed; docs/soak.md)
	@$(BIN)/python -m tests.soak $(SOAK)

denied: setup ## withhold every permission of the policies once
	@$(BIN)/pytest -q -m denied -p no:randomly -n $(WORKERS) tests/crash/test_denied.py tests/crash/test_denied_s3.py \
		tests/unit/reconciler/aws/kinds/test_denied.py

fuzz: setup ## 100,000 cases for each parser, 100,000 random worlds for mark and plan
	@FUZZ_CASES=$${FUZZ_CASES:-100000} $(BIN)/pytest -q -p no:randomly --timeout=0 -n $(WORKERS) \
		tests/unit/reconciler/test_fuzz.py tests/unit/reconciler/plan/test_random_worlds.py

bench: setup ## measure, and write docs/benchmarks.md (BENCH=sweeps: one part); figures never go into a test
	@$(BIN)/python -m tests.bench $(BENCH)

second-opinion: setup ## ask another emulator about the contract, and other clients (AWS CLI, Ansible, Custodian) about the sandbox; writes docs/second-opinion.md
	@$(BIN)/python scripts/second_opinion.py .second-opinion .clients

own-service: setup ## a Django project in the sandbox, as docs/own-service.md says; Django is installed apart
	@PYTHONPATH=. $(BIN)/python -c "from pathlib import Path; from scripts.second_opinion import install; install(Path('.own-service').absolute(), Path('requirements-own-service.lock').absolute())"
	@OWN_SERVICE_LIB=$$(echo $$PWD/.own-service/lib/python3*/site-packages) $(BIN)/pytest -q -n 0 tests/e2e/test_own_service.py

dist: setup ## the wheel, and its bill of materials in CycloneDX, into dist/
	@rm -rf dist
	@$(BIN)/python -m hatchling build -t wheel -d dist
	@PYTHONPATH=. $(BIN)/python scripts/tools.py cyclonedx-py requirements requirements-runtime.lock --pyproject pyproject.toml --output-reproducible -o dist/sbom.cdx.json

docs: setup ## the site of the documentation, into build/site; a warning or a dead link fails
	@PYTHONPATH=. $(BIN)/python scripts/site_source.py build/site-source
	@PYTHONPATH=. NO_MKDOCS_2_WARNING=1 $(BIN)/python scripts/tools.py mkdocs build --quiet

lambda: setup ## the one artefact of the Lambda function, dist/lambda.zip (CONFIG=folder of your configuration)
	@PYTHONPATH=. $(BIN)/python scripts/lambda_zip.py dist/lambda.zip $(or $(CONFIG),config)

scale: setup ## a run of a thousand scopes by the very template, on an emulator (SCALE=scopes)
	@$(BIN)/python -m tests.scale $(SCALE)

image: ## the container image, built and tried (BASE=debian: where no registry can be reached)
	@sh scripts/image $(BASE)

lock: setup ## compile requirements*.lock anew from pyproject.toml
	@$(BIN)/python scripts/lock.py

clean: ## remove .venv and every cache
	@rm -rf $(VENV) .venv-3.* .second-opinion .clients .own-service .tools .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	@rm -rf .coverage .coverage.* htmlcov dist build
	@find deployer reconciler tests scripts -name __pycache__ -type d -prune -exec rm -rf {} +
