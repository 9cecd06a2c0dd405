# The only entry points. `make help` lists them.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help setup demo test check unit simulation explore state-machine mutants judgement integration e2e cluster-test bench images crds cluster-up cluster-down

export PATH := $(CURDIR)/.venv/bin:$(PATH)
export PYTHONSAFEPATH := 1
export PYTHONPATH := $(CURDIR)
CLUSTER ?= local
STEPS ?= 1000000
EXPLORE ?=
MUTANTS ?=
PYTEST := .venv/bin/pytest -q --durations=5
# What computes goes to two processes; what waits most of the time, for a real API server, to four.
COMPUTING := -n 2 --dist worksteal
WAITING := -n 4 --dist loadfile --no-loadscope-reorder
SIDE_BY_SIDE := -n 2 --dist loadfile --no-loadscope-reorder
STEP = @printf '\n\033[1m== %s (at %s)\033[0m\n' "$(1)" "$$(date +%H:%M:%S)"

help: ## list all targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  \033[1m%-14s\033[0m %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## make .venv with the locked packages (every other target does it first)
	@scripts/setup

demo: setup ## set up a cluster and show the main job: deploy, improve, break, roll back (CLUSTER=existing takes your own)
	@CLUSTER=$(CLUSTER) .venv/bin/python -m demo

test: check unit simulation integration e2e ## everything that CI runs

check: setup ## lint, format, types, layering
	$(call STEP,lint and types)
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/lint-imports

unit: setup ## unit tests
	$(call STEP,unit tests)
	@.venv/bin/python -m tests.cluster build --profile fast
	$(PYTEST) $(COMPUTING) tests/unit tests/cluster

simulation: setup ## the fault explorer, the state machine, the judgement's error rates: deterministic part
	$(call STEP,simulation)
	$(PYTEST) $(COMPUTING) tests/simulation tests/machine

explore: setup ## the whole fault exploration, and docs/benchmarks/fault-exploration.md (EXPLORE="--minutes 10")
	.venv/bin/python -m tests.simulation explore --out docs/benchmarks $(EXPLORE)

state-machine: setup ## a long walk of decide through anything in any order (STEPS=1000000)
	.venv/bin/python -m tests.machine --steps $(STEPS)

mutants: setup ## mutation testing of what decides and writes, and docs/benchmarks/mutation.md (MUTANTS="core/view.py")
	nice -n 15 .venv/bin/python -m tests.mutation --out docs/benchmarks $(MUTANTS)

judgement: setup ## prove the judge on simulated releases, and redraw docs/judgement.md (MINUTES=n ends it sooner; the next run goes on)
	$(call STEP,proofs of the judgement)
	.venv/bin/python -m tests.judgement $(if $(MINUTES),--minutes $(MINUTES))

integration: setup ## tests on a real API server
	$(call STEP,integration tests on a real API server)
	@.venv/bin/python -m tests.cluster up --profile fast
	$(PYTEST) $(WAITING) tests/integration

e2e: setup ## tests on a real node with a real Prometheus
	$(call STEP,end-to-end tests on a real node)
	@# Two API servers would share the two cores with the teams under load.
	@.venv/bin/python -m tests.cluster down --profile fast
	@.venv/bin/python -m tests.e2e.install
	$(PYTEST) --installed -m "not alone" $(SIDE_BY_SIDE) tests/e2e
	$(PYTEST) --installed -m alone tests/e2e

cluster-test: setup ## tests of the local cluster itself: takes it down, kills it half-way, mends it
	$(call STEP,tests of the local cluster)
	$(PYTEST) -m cluster tests/cluster

bench: setup ## measure, and write docs/benchmarks
	@.venv/bin/python -m tests.cluster up --profile full
	.venv/bin/python -m tests.bench

images: setup ## build the images: operator, agent, scripted model (IMAGE_REPOSITORY, IMAGE_TAG, IMAGE_BUILDER)
	@scripts/build-images

crds: setup ## generate the CRDs from the models
	.venv/bin/python -m agentteam_operator.api.crd crds/agentteam.dev_agentteams.yaml charts/agentteam-operator/files/crds/agentteams.yaml

cluster-up: setup ## bring up the local Kubernetes, with its node
	@.venv/bin/python -m tests.cluster up --profile full

cluster-down: setup ## stop the local Kubernetes and remove all of it but the cache
	@.venv/bin/python -m tests.cluster down --profile full
	@.venv/bin/python -m tests.cluster down --profile fast
