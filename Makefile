# One-word commands. `make demo` and `make test` need only Linux and Python 3.11 or newer.
SHELL := /bin/bash
PYTHON ?= python3
BIN := .venv/bin
export PATH := $(CURDIR)/.venv/bin:$(PATH)

.DEFAULT_GOAL := demo
.PHONY: help demo test test-fast chaos lint docs figures bench-synthesis bench-train bench-eval bench-media bench-gpu bench-scan estimate lock

help:  ## List these commands
	@sed -nE 's/^([a-z%-]+):.*## (.*)/make \1\t\2/p' Makefile | expand -t 24

demo: .venv/installed  ## Build the embedded demo, from raw video to reports/index.html
	dvc repro
	dvc metrics show
	@echo "Open reports/index.html"

test: .venv/installed  ## Run lint, the documentation build and the complete test suite
	$(MAKE) lint
	$(MAKE) docs
	python -m pytest

test-fast: .venv/installed  ## Run the unit tests that are not marked slow
	python -m pytest tests/unit -m "not slow"

N ?= 100
SEED ?= 1
chaos: .venv/installed  ## Run the demo under N random events (kills, full disk, edits, second runs); SEED makes them repeatable
	python -m tests.chaos --events $(N) --seed $(SEED)

lint: .venv/installed  ## Check style, types, spelling, and which package may import which
	ruff check .
	ruff format --check .
	mypy
	lint-imports setup.cfg
	codespell

docs: .venv/installed  ## Build the documentation site in site/, and fail on a broken link or anchor
	NO_MKDOCS_2_WARNING=1 mkdocs build --strict
	@echo "Open site/index.html"

figures: .venv/installed  ## Draw pseudo-fakes and targets of the training set (reports/pseudo_fakes.png), and the report
	dvc repro --single-item report
	@echo "Look at reports/pseudo_fakes.png"

bench-synthesis: .venv/installed  ## Measure milliseconds per pseudo-fake with its targets, against a plain implementation
	python -m benchmarks.synthesis

bench-train: .venv/installed  ## Measure images/s and peak memory of a training step, against plain implementations
	python -m benchmarks.train

bench-eval: .venv/installed  ## Measure frames/s of scoring, against alternatives and the limit of the machine
	python -m benchmarks.evaluate

bench-media: .venv/installed  ## Measure seconds per video from video to Mask-SSIM, against a plain implementation
	python -m benchmarks.media

bench-gpu: .venv/installed  ## Run the GPU tests and all benchmarks on a GPU, in at most nine minutes
	python -m benchmarks.gpu

bench-scan: .venv/installed  ## Measure a rescan, and a dvc repro with nothing to do, for 5,000 videos
	python -m benchmarks.scan

estimate: .venv/installed  ## Estimate hours and gigabytes of FF++ and DFDC on 1, 8 and 64 workers from the results of bench-media
	python -m benchmarks.estimate

preset-%: .venv/installed  ## Replace params.yaml by presets/<name>.yaml, keeping your own data sets
	@laanet preset $*

lock: .venv/installed  ## Resolve the requirements of setup.cfg into requirements.lock; existing pins stay where they can
	uv pip compile setup.cfg --extra dev --universal --python-version 3.11 --no-annotate --no-header -o requirements.lock

# Programs in an environment contain the full path of its Python. After a clone is moved they no longer start; in a copied clone they would
# run the Python of the original. Either case is detected here, and the environment is made again.
MOVED := $(shell for program in pip dvc; do [ ! -e .venv/bin/$$program ] || { [ -e .venv/bin/python ] && \
  [ "$$(sed -nE '1,2s,^[^/]*(/.*)/python.*,\1,p' .venv/bin/$$program)" -ef .venv/bin ]; } || echo moved; done)

.PHONY: moved
moved:
	@echo ".venv was made at another place, or by a Python that no longer exists; making it again"
	@rm -rf .venv

.venv/installed: requirements.lock setup.cfg pyproject.toml $(if $(MOVED),moved)
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Python 3.11 or newer is needed; name one with make PYTHON=python3.12")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@$(BIN)/python -c 'import cv2' 2>/dev/null || { echo "opencv-python lacks a system library (libGL); taking its headless build"; \
	  $(BIN)/python -m pip install --quiet --force-reinstall --no-deps "$$(grep '^opencv-python-headless==' requirements.lock)"; }
	@touch $@
