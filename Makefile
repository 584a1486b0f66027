# `make demo` and `make test` do all of their own set-up: a virtual environment in .venv, and what goes into it.

PYTHON ?= python3
WORKERS ?= 2
# The build of torch for the CPU alone, a tenth of the size: make TORCH_INDEX=https://download.pytorch.org/whl/cpu demo
TORCH_INDEX ?=

BIN := .venv/bin
INSTALLED := .venv/.installed
# Compiled files are kept whatever the environment says: tests start some forty processes that load the package.
PYTEST := PYTHONDONTWRITEBYTECODE= OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(WORKERS)

# What BLAS and torch take for the processor, and the tests whose numbers may depend on it.
PROCESSORS := MKL_CBWR=COMPATIBLE MKL_CBWR=AVX2 ATEN_CPU_CAPABILITY=default ATEN_CPU_CAPABILITY=avx2
NUMERIC := tests/test_examples.py tests/discrepancies tests/solvers tests/spaces tests/parameterizations \
	tests/test_far_rows.py tests/test_kernels.py tests/test_learners.py tests/test_sketch.py tests/test_source.py \
	tests/test_scales.py

.DEFAULT_GOAL := help
.PHONY: help install demo test test-all test-floor test-processors test-gpu lint docs bench bench-gpu clean

help:  ## Show the commands.
	@grep -E '^[a-z-]+:.*##' Makefile | sed -E 's/^([a-z-]+):.*## (.*)/make \1\t\2/' | expand -t 16

install: $(INSTALLED)  ## Make .venv and install skdc into it, in the tried versions.

# The stamp goes before the first step and comes back after the last: an interrupted installation is done again.
$(INSTALLED): pyproject.toml constraints.txt
	@rm -f $@
	@$(PYTHON) -c 'import sys; sys.version_info < (3, 11) and sys.exit("This is Python " + sys.version.split()[0])' || { \
		echo "skdc needs Python 3.11 or later; name one: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --no-deps --constraint constraints.txt $(if $(TORCH_INDEX),--index-url $(TORCH_INDEX)) torch
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[dev]'
	@touch $@

demo: $(INSTALLED)  ## Condense the digits, train on the result, compare; writes demo.png.
	MPLBACKEND=agg OMP_NUM_THREADS=1 $(BIN)/python examples/plot_digits.py demo.png

test: $(INSTALLED)  ## Run the tests.
	$(PYTEST)

test-all: $(INSTALLED)  ## Run the tests, with those that take long.
	$(PYTEST) -m 'not gpu'

test-processors: $(INSTALLED)  ## Run what is numeric with the arithmetic of other processors; `make test` has this one's.
	for processor in $(PROCESSORS); do \
		echo "$$processor" && env $$processor $(PYTEST) $(NUMERIC) || exit 1; done

test-gpu: $(INSTALLED)  ## Run the tests that need a CUDA device.
	$(BIN)/python -m pytest -m gpu

test-floor:  ## Run the tests in the oldest versions that pyproject.toml allows; makes .venv-floor.
	$(PYTHON) -m venv .venv-floor
	.venv-floor/bin/pip install --quiet --constraint constraints-floor.txt $(if $(TORCH_INDEX),--index-url $(TORCH_INDEX)) torch
	.venv-floor/bin/pip install --quiet --constraint constraints-floor.txt --editable '.[fair,flows,plot,private,robust,tables]' \
		geomloss hypothesis imbalanced-learn import-linter psutil pytest pytest-timeout pytest-xdist
	PYTHONDONTWRITEBYTECODE= OMP_NUM_THREADS=1 .venv-floor/bin/python -m pytest -n $(WORKERS)

lint: $(INSTALLED)  ## Check style, types and the layers of imports.
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: $(INSTALLED)  ## Build the documentation into docs/_build/html; warnings are errors.
	MPLBACKEND=agg OMP_NUM_THREADS=1 WORKERS=$(WORKERS) $(BIN)/sphinx-build -j $(WORKERS) -W --keep-going -b html docs docs/_build/html

bench: $(INSTALLED)  ## Run the benchmarks.
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[bench]'
	$(BIN)/python benchmarks/selection.py quality
	$(BIN)/python benchmarks/selection.py time
	$(BIN)/python benchmarks/selection.py growth
	$(BIN)/python benchmarks/selection_speed.py
	$(BIN)/python benchmarks/discrepancy_speed.py
	$(BIN)/python benchmarks/images.py --dataset mnist
	$(BIN)/python benchmarks/images.py --dataset fashion_mnist
	$(BIN)/python benchmarks/tables.py --dataset adult
	$(BIN)/python benchmarks/regrets.py regrets.jsonl
	$(BIN)/python benchmarks/fair.py
	$(BIN)/python benchmarks/private.py
	$(BIN)/python benchmarks/audits.py membership
	$(BIN)/python benchmarks/robust.py worst

bench-gpu: $(INSTALLED)  ## Print what needs a CUDA device: published settings on photographs, passes over rows in pieces.
	$(BIN)/python benchmarks/gpu.py

clean:  ## Remove what was built; .venv stays.
	rm -rf build dist docs/_build docs/api.rst docs/combinations.rst docs/generated docs/gallery docs/sg_execution_times.rst demo.png
