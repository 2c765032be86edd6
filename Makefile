# One door per chore. `make demo` and `make test` set up everything they need and run again in seconds.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PYTHON_READY := $(VENV)/.ready
NODE_READY := node_modules/.ready
CONFORMANCE_VENV := .scepter/conformance-venv

.DEFAULT_GOAL := help
.PHONY: help setup demo run func func-enrol test test-fast test-long fuzz fuzz-guided check format bench bench-crl bench-ocsp lock conformance-venv system-packages clean

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-18s %s\n", $$1, $$2}'

setup: $(PYTHON_READY) $(NODE_READY) ## install what everything else needs (all doors do this themselves)

$(PYTHON_READY): requirements.txt requirements-dev.txt
	@echo "== Python packages into $(VENV) (about 30 s, once)"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed; set PYTHON=/path/to/python3"; exit 1; }
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@

$(NODE_READY): package.json package-lock.json
	@echo "== Azurite into node_modules (about 20 s, once)"
	@command -v npm >/dev/null || { echo "Node.js 20 or newer with npm is needed"; exit 1; }
	@npm ci --no-audit --no-fund --loglevel=error
	@touch $@

demo: setup ## the main job end to end: enrol, refuse, renew, revoke, wipe, and with an Intune of its own
	@$(BIN)/python manage.py demo

run: setup ## the function app on this machine, with Azurite (Ctrl-C stops it)
	@$(BIN)/python manage.py init
	@exec $(BIN)/python -m local

func: setup ## the same app under Azure Functions Core Tools, where `func` is installed
	@$(BIN)/python -m commands.core_tools

func-enrol: setup ## one enrolment under Core Tools, as CI on GitHub runs it
	@$(BIN)/python -m commands.core_tools $(BIN)/python -m tests.infra.enrol_once

test: setup ## every test but the long drills, in an order by SEED=1
	@$(BIN)/python -m pytest -q -n 3 --dist loadfile --no-loadscope-reorder --randomly-seed=$(or $(SEED),1) --durations=40 --durations-min=4 -m "not long"

test-fast: setup ## the tests that start no host and no client
	@$(BIN)/python -m pytest -q -n 2 -m "not long and not host and not client and not conformance"

test-long: setup ## the long drills
	@$(BIN)/python -m pytest -q -m long --timeout 1800

fuzz: setup ## a million mutated messages (COUNT=...) through the readers and the endpoint
	@$(BIN)/python -m tests.fuzz --count $(or $(COUNT),1000000) $(FUZZ)

fuzz-guided: ## coverage-guided fuzzing of the codec with atheris, in an environment of its own, for SECONDS=600
	@$(PYTHON) tests/fuzz/environment.py $(or $(SECONDS),600)

check: setup ## ruff, mypy strict, import contracts
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

format: setup ## let ruff mend what it can
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

bench: setup ## what an enrolment and a cold start cost on this machine, beside its key operations and scepserver
	@$(BIN)/python -m bench $(BENCH)

bench-crl: setup ## what the next CRL costs with 1,000, 100,000 and 1,000,000 entries, beside openssl crl
	@$(BIN)/python -m bench.crl

bench-ocsp: setup ## OCSP answers a second of one worker, beside the key's signatures and beside openssl ocsp
	@$(BIN)/python -m bench.ocsp

bench-pkcs: setup ## orders for keys made here, beside OpenSSL's key generation
	@$(BIN)/python -m bench.pkcs

lock: setup ## compile requirements*.in into the pinned files
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --no-emit-index-url --no-header --upgrade requirements.in -o requirements.txt
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --no-emit-index-url --no-header -c requirements.txt requirements-dev.in -o requirements-dev.txt

conformance-venv: ## an environment with Microsoft's worker library, where Python 3.13 is found
	@$(PYTHON) tests/conformance/environment.py $(CONFORMANCE_VENV)

system-packages: ## Debian packages that some tests want: real SCEP clients, a RADIUS server (needs root)
	@apt-get update -qq
	@DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends openssl gnutls-bin strongswan-pki libstrongswan-extra-plugins libstrongswan-standard-plugins certmonger dbus scep freeradius eapoltest

clean: ## remove what the doors made, but no CA and no settings
	@rm -rf $(VENV) node_modules .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
