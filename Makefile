# Two commands are all a newcomer needs: `make demo` and `make test`. The others are habits.
#
#   make demo [DEMO='--movies 4 --keep-open']     a simulated session, processed live
#   make test [TESTS=tests/model] [WORKERS=4]     lint, then the tests
#   make test-torch                               what runs with PyTorch, and Topaz (installs a CPU build)
#   make lint · make format · make wheel · make bench [BENCH='motion --runs 1'] · make clean

# The first Python >= 3.11 that really runs and can make a virtual environment (a name on the PATH may be an empty shim).
PYTHONS := python3.14 python3.13 python3.12 python3.11 python3
WHOLE := import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))
PYTHON ?= $(firstword $(foreach p,$(PYTHONS),$(shell $(p) -c '$(WHOLE)' >/dev/null 2>&1 && echo $(p))))
BIN := .venv/bin

WORKERS ?= 2
# loadfile: the tests of one file share one process, and with it what they have set up (servers, browsers, projects)
PYTEST := $(BIN)/python -m pytest -n $(WORKERS) --dist loadfile

# A release of which there are CPU builds; pip takes one where its index has it, else the usual one.
TORCH ?= torch==2.13.0
# Topaz, and what its picking needs beside PyTorch. Its training also wants torchvision, which has to fit
# PyTorch's build; we do not train.
TOPAZ ?= topaz-em==0.3.20
TOPAZ_NEEDS := future h5py scikit-learn tqdm

.PHONY: demo test test-torch lint format wheel bench test-programs clean

demo: .venv/ready
	@$(BIN)/focusnb demo $(DEMO)

test: .venv/ready test-programs lint
	@$(PYTEST) $(TESTS)

test-torch: .venv/torch/ready
	@PYTHONPATH=.venv/torch $(BIN)/python -m pytest tests/kernels tests/steps/test_device.py tests/steps/test_topaz.py

lint: .venv/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/mypy
	$(BIN)/codespell

format: .venv/ready
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

wheel: .venv/ready
	$(BIN)/python -m pip wheel --no-deps --wheel-dir dist .

bench: .venv/ready
	$(BIN)/python benchmarks/run.py $(BENCH)

# Programs that only tests need: chromium, relion, tcsh, nginx, node. Installed from Debian only in CI, as root.
test-programs:
	@sh tests/programs/install.sh

# Made again when pyproject.toml changes; a half-made or moved environment is made anew.
.venv/ready: pyproject.toml
	@if [ -z "$(PYTHON)" ]; then sh tests/programs/python-missing.sh; exit 1; fi
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear .venv
	@echo "installing focusnb and what it needs into .venv (a few minutes the first time)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

# Beside the environment, so that `make test` is the same with and without it; what both have is of one version.
.venv/torch/ready: .venv/ready
	@echo "installing $(TORCH) and $(TOPAZ) into .venv/torch (hundreds of megabytes)"
	@mkdir -p .venv/torch
	@$(BIN)/python -m pip freeze --exclude-editable >.venv/torch/versions.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade --target .venv/torch \
		--constraint .venv/torch/versions.txt '$(TORCH)' $(TOPAZ_NEEDS)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade --target .venv/torch --no-deps '$(TOPAZ)'
	@touch $@

clean:
	rm -rf .venv dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
