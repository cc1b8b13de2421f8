# Every verb makes .venv from the lock first (scripts/bootstrap.sh; instant when nothing changed).
#   make demo [FILE=path] [ONCE=1]     three agents do a real job over peer-to-peer links
#             [ENGINE=aiortc]          or ENGINE=wrtc,analyst=aiortc
#   make test [T=path]                 lint, types, unit and acceptance tests
#   make unit [T=path]                 the quick ones: no root, no browser, no engines or servers
#   make soak                          the long ones
#   make bench [ONLY=call,link]        measures; build/bench.json
#              [BASE=rev] [PAIRS=7]    against another commit, in pairs; build/bench-base.json
#   make faults [ONLY=name]            each planted fault must turn its test red
#   make lint types fmt clean
SHELL := /bin/sh
PYTHON := .venv/bin/python
# More workers than cores: the long acceptance tests mostly wait, and run beside the unit tests.
JOBS ?= 4
UNIT_JOBS ?= 2
T ?=

.PHONY: demo test unit soak lint types fmt bench faults lock clean env-demo env-dev
.DEFAULT_GOAL := test

env-demo:
	@scripts/bootstrap.sh demo
env-dev:
	@scripts/bootstrap.sh dev

# The second engine is an extra; only an environment for development has it.
demo: $(if $(findstring aiortc,$(ENGINE)),env-dev,env-demo)
	@exec $(PYTHON) examples/demo/run.py

test: env-dev lint types
	@scripts/system.sh chromium curl go ip nft npm tcpdump turnserver unshare
	@scripts/node.sh
	@exec scripts/isolated.sh $(PYTHON) -m pytest -n $(JOBS) --dist loadgroup --max-worker-restart 0 \
	  -m "not soak and not bench" $(T)

# Quick is what needs no tool, no root and no machine of its own: tests/conftest.py marks the rest.
unit: env-dev
	@exec $(PYTHON) -m pytest -n $(UNIT_JOBS) --dist worksteal --max-worker-restart 0 -q \
	  -m "not acceptance and not integration and not root and not browser and not soak and not bench" $(T)

soak: env-dev
	@scripts/system.sh chromium curl go ip nft npm tcpdump turnserver unshare
	@scripts/node.sh
	@exec scripts/isolated.sh $(PYTHON) -m pytest -m soak --timeout 3600 $(T)

lint: env-dev
	@$(PYTHON) -m ruff format --check --quiet . || { echo "lint: run 'make fmt'" >&2; exit 1; }
	@$(PYTHON) -m ruff check --quiet .

types: env-dev
	@$(PYTHON) -m mypy

fmt: env-dev
	@$(PYTHON) -m ruff check --quiet --fix . || :
	@$(PYTHON) -m ruff format --quiet .

bench: env-dev
	@scripts/node.sh
	@exec $(PYTHON) tests/bench/run.py

# A skipped test shows nothing of a fault: what tests need is installed, and a skip is red.
faults: export CI = true
faults: env-dev
	@scripts/system.sh chromium curl go ip nft npm tcpdump turnserver unshare
	@scripts/node.sh
	@exec scripts/isolated.sh $(PYTHON) tests/faults/run.py

lock: env-dev
	@scripts/lock.sh

clean:
	rm -rf build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find src tests examples scripts -name __pycache__ -type d -prune -exec rm -rf {} +
