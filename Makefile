# Taskfleet on one machine. `make up` is all a newcomer needs; `make help` lists the rest.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes
MADE := $(VENV)/.made
RUNTIME := $(VENV)/.runtime-installed
DEV := $(VENV)/.dev-installed
COMPILE := uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --quiet

.PHONY: help install install-dev up test lint format lock bench clean
.DEFAULT_GOAL := help

help:
	@echo "make up       install what is missing and start the whole fleet here; Ctrl-C stops it"
	@echo "make install  only make .venv and install the pinned runtime dependencies"
	@echo "make test     run every test (ARGS='-k name' to choose)"
	@echo "make lint     ruff, mypy, import-linter, missing migrations, lock files"
	@echo "make format   let ruff format and sort"
	@echo "make lock     pin the dependencies anew (needs uv)"
	@echo "make bench    measure executions per second (ARGS=...)"

install: $(RUNTIME)

install-dev: $(RUNTIME) $(DEV)

up: $(RUNTIME)
	@$(BIN)/python -m config.local up

test: $(RUNTIME) $(DEV)
	$(BIN)/python -m pytest -n 2 --dist loadgroup -q $(ARGS)

lint: $(RUNTIME) $(DEV)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy .
	$(BIN)/lint-imports
	@# Nothing listens there: the check compares models with migrations and needs no database.
	DATABASE_URL=postgresql://nobody@127.0.0.1:1/none $(BIN)/python -W ignore::RuntimeWarning manage.py makemigrations --check --dry-run
	@! grep -nE '://|^-|--(extra-)?index-url|--find-links' requirements/*.txt || { echo "requirements/: a lock file names an address; run: make lock"; exit 1; }
	@if docker compose version >/dev/null 2>&1; then echo "docker compose config"; \
	    POSTGRES_PASSWORD=x SECRET_KEY=x FLOWER_BASIC_AUTH=x:x docker compose config --quiet; fi

format: $(DEV)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

lock:
	$(COMPILE) -o requirements/runtime.txt
	$(COMPILE) --extra dev --constraint requirements/runtime.txt -o requirements/dev.txt

bench: $(RUNTIME) $(DEV)
	$(BIN)/python -m bench $(ARGS)

clean:
	rm -rf $(VENV)

$(MADE):
	@command -v $(PYTHON) >/dev/null 2>&1 || { echo "Taskfleet needs Python 3.11 or newer, and there is no '$(PYTHON)' here. Name yours: make up PYTHON=/path/to/python3.12"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Taskfleet needs Python 3.11 or newer; '$(PYTHON)' is $$($(PYTHON) --version 2>&1). Name another: make up PYTHON=/path/to/python3.12"; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); echo "'$(PYTHON) -m venv' failed. On Debian and Ubuntu it is in the package python3-venv."; exit 1; }
	@touch $@

# A stamp per lock file: pip is asked only when the lock is newer than what was installed from it.
$(RUNTIME): requirements/runtime.txt | $(MADE)
	@echo "Installing the pinned dependencies into $(VENV) ..."
	@$(PIP) -r requirements/runtime.txt
	@touch $@

$(DEV): requirements/dev.txt | $(MADE) $(RUNTIME)
	@echo "Installing the pinned development tools into $(VENV) ..."
	@$(PIP) -r requirements/dev.txt
	@touch $@
