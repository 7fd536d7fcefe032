# Every command of the project. `make help` lists them.
PYTHON ?= python3
BIN := .venv/bin
SERVES := .venv/serves
INSTALLED := .venv/installed
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --custom-compile-command 'make lock'
MODULES := gateway/admin/console/vendor
APT := DEBIAN_FRONTEND=noninteractive apt-get -qq

.PHONY: help run test check bench fuzz docs screenshots lock clean console needs

help: ## List the commands.
	@grep -E '^[a-z]+:.*## ' Makefile | sed -E 's/^([a-z]+):.*## /make \1\t/' | expand -t 14

run: $(SERVES) console ## Install, make demo data in ./data and serve until Ctrl-C. The data is kept between runs.
	@$(BIN)/mogate init --demo
	@# On a terminal the gateway is a job of its own, so that Ctrl-C ends it and not make.
	@if [ -t 0 ]; then set -m; $(BIN)/mogate serve; exit $$?; else exec $(BIN)/mogate serve; fi

test: $(INSTALLED) console needs ## Run all tests, after getting what they need.
	@$(BIN)/python -m pytest --numprocesses auto --dist loadfile

check: $(INSTALLED) ## Check format, lint and types.
	@$(BIN)/ruff format --check
	@$(BIN)/ruff check
	@$(BIN)/mypy

bench: needs ## Measure the gateway against a bare HTTP server.
	@$(BIN)/python tests/bench/run.py

fuzz: $(INSTALLED) ## Fuzz one reader, keeping the inputs found: make fuzz TARGET=read_wbxml SECONDS=60.
	@$(BIN)/python tests/fuzz/run.py $(TARGET) -max_total_time=$(or $(SECONDS),60) tests/fuzz/corpus/$(TARGET)

docs: $(INSTALLED) ## Make the documentation into a site: build/docs/index.html.
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

screenshots: $(INSTALLED) console needs ## Take the pictures of the console in the documentation anew.
	@$(BIN)/python docs/screenshots.py

lock: $(INSTALLED) console ## Renew the lock files from the ranges in setup.cfg.
	@$(COMPILE) --upgrade --extra build --output-file requirements.lock setup.cfg
	@$(COMPILE) --extra build --extra otel --constraint requirements.lock --output-file requirements-otel.lock setup.cfg
	@$(COMPILE) --extra dev --constraint requirements.lock --output-file requirements-dev.lock setup.cfg
	@$(COMPILE) --upgrade --group console --output-file requirements-console.lock
	@$(BIN)/npm update --package-lock-only --ignore-scripts --silent

console: $(MODULES)/complete ## Get the console's browser modules; `make run` does.

clean: ## Remove what was installed and cached; ./data stays.
	@rm -rf .venv node_modules $(MODULES) build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis
	@find gateway adapters tests -name __pycache__ -prune -exec rm -rf {} +

# What serving needs.
$(SERVES): requirements.lock setup.cfg pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' || \
		{ echo "MOGate needs Python 3.11 to 3.13 and $(PYTHON) is not one; try make PYTHON=python3.13" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || \
		{ echo "$(PYTHON) cannot make virtual environments; apt-get install python3-venv" >&2; exit 1; }
	@$(PYTHON) -m venv .venv
	@$(PIP) --require-hashes -r requirements.lock
	@$(PIP) --no-deps --no-build-isolation --editable .
	@touch $@

# The modules that the console's pages import, and their licences, from the npm client that a Python wheel brings. What is
# fetched is held to the digests of the lock file, and nothing of it runs here.
$(MODULES)/complete: package-lock.json requirements-console.lock | $(SERVES)
	@$(PIP) --no-compile --require-hashes -r requirements-console.lock
	@PATH="$(CURDIR)/$(BIN):$$PATH" npm ci --ignore-scripts --silent
	@mkdir -p $(MODULES)
	@cp node_modules/htm/dist/htm.module.js $(MODULES)/htm.js
	@cp node_modules/preact/dist/preact.module.js $(MODULES)/preact.js
	@sed 's|from"preact"|from"./preact.js"|' node_modules/preact/hooks/dist/hooks.module.js > $(MODULES)/hooks.js
	@for name in htm preact; do cp node_modules/$$name/LICENSE $(MODULES)/LICENSE-$$name; done
	@touch $@

# What tests and checks need besides. Most of it is never imported, so nothing is compiled ahead.
$(INSTALLED): $(SERVES) requirements-dev.lock
	@$(PIP) --no-compile --require-hashes -r requirements-dev.lock
	@touch $@

# What the tests need that is not a Python package: a command, and the Debian package that brings it.
NEEDS := \
	bearerbox:kannel \
	/usr/lib/kannel/test/fakesmsc:kannel-extras \
	chromium:chromium \
	curl:curl \
	eapol_test:eapoltest \
	faketime:faketime \
	haproxy:haproxy \
	hostapd:hostapd \
	nginx:nginx-light \
	promtool:prometheus \
	redis-server:redis-server \
	systemd-analyze:systemd \
	tshark:tshark \
	wbxml2xml:libwbxml2-utils

needs: $(INSTALLED)
	@PATH="$$PATH:/usr/sbin:/sbin"; missing=; \
	for need in $(NEEDS); do command -v "$${need%%:*}" >/dev/null || missing="$$missing $${need##*:}"; done; \
	if [ -z "$$missing" ]; then exit 0; fi; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; \
	then $(APT) update && RUNLEVEL=1 $(APT) install -y --no-install-recommends $$missing >/dev/null; \
	else echo "The tests need packages that are not here. As root: apt-get install$$missing" >&2; exit 1; fi
