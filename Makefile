# Two commands are all a newcomer needs: `make demo` and `make test`.

# The first Python >= 3.11 that really runs and can make a virtual environment (a name on PATH may be an empty shim).
PYTHONS := python3.14 python3.13 python3.12 python3.11 python3
PYTHON ?= $(firstword $(foreach p,$(PYTHONS),$(shell $(p) -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && echo $(p))))
BIN := .venv/bin

.PHONY: demo test test-programs lint docs bench bundle clean

demo: .venv/ready
	$(BIN)/focusnb demo $(DEMO)

test: .venv/ready test-programs lint
	$(BIN)/python -m pytest $(TESTS)

lint: .venv/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/mypy
	$(BIN)/codespell focusnb widgets dashboards docs tests benchmarks README.md CHANGES.md

bench: .venv/ready
	$(BIN)/python benchmarks/run.py $(BENCH)

# Programs that only tests need: chromium, relion, tcsh, nginx, node. Installed from Debian where that is wanted (CI, as root).
test-programs:
	@sh tests/programs/install.sh

.venv/ready: pyproject.toml
	@if [ -z "$(PYTHON)" ]; then sh tests/programs/python-missing.sh; exit 1; fi
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

clean:
	rm -rf .venv demo-session
