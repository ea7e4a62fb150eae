# One-word commands. `make demo` and `make test` need only Linux and Python 3.11 or newer.
SHELL := /bin/bash
PYTHON ?= python3
BIN := .venv/bin
export PATH := $(CURDIR)/.venv/bin:$(PATH)

.DEFAULT_GOAL := demo
.PHONY: help demo test chaos lint figures bench-synthesis bench-train bench-eval bench-media bench-scan estimate lock

help:  ## These commands
	@sed -nE 's/^([a-z%-]+):.*## (.*)/make \1\t\2/p' Makefile | expand -t 24

demo: .venv/installed  ## Build the embedded demo from raw video to reports/index.html
	dvc repro
	dvc metrics show
	@echo "Open reports/index.html"

test: .venv/installed  ## The whole test suite, with the lint
	$(MAKE) lint
	python -m pytest

N ?= 100
SEED ?= 1
chaos: .venv/installed  ## N random events (kills, a full disk, edits, a second run) at random moments of a run; SEED gives the same again
	python -m tests.chaos --events $(N) --seed $(SEED)

lint: .venv/installed  ## ruff, mypy, and the layers of the packages
	ruff check .
	ruff format --check .
	mypy
	lint-imports setup.cfg

figures: .venv/installed  ## Pseudo-fakes and targets of the training set: reports/pseudo_fakes.png, and the report
	dvc repro --single-item report
	@echo "Look at reports/pseudo_fakes.png"

bench-synthesis: .venv/installed  ## Milliseconds a pseudo-fake with its targets, beside a plain way
	python -m benchmarks.synthesis

bench-train: .venv/installed  ## Images/s and peak memory of a training step, beside plain ones
	python -m benchmarks.train

bench-eval: .venv/installed  ## Frames/s of the network as it scores, beside other ways and the machine's limit, and of a whole evaluation
	python -m benchmarks.evaluate

bench-media: .venv/installed  ## Seconds a video and videos/minute from video to Mask-SSIM, beside a plain way
	python -m benchmarks.media

bench-scan: .venv/installed  ## Seconds of a rescan and of a dvc repro with nothing to do, for 5,000 videos
	python -m benchmarks.scan

estimate: .venv/installed  ## Hours and gigabytes of FF++ and DFDC on 1, 8 and 64 workers, from what bench-media measured
	python -m benchmarks.estimate

preset-%: .venv/installed  ## Put presets/<name>.yaml in place as params.yaml, with your own data sets kept
	@laanet preset $*

lock: .venv/installed  ## Resolve setup.cfg anew into requirements.lock
	uv pip compile setup.cfg --extra dev --universal --python-version 3.11 --no-annotate --no-header -o requirements.lock

# Programs of an environment name their Python by its full path: in a clone that was moved they do not start, in a copy they run the other's.
MOVED := $(shell for program in pip dvc; do [ ! -e .venv/bin/$$program ] || { [ -e .venv/bin/python ] && \
  [ "$$(sed -nE '1,2s,^[^/]*(/.*)/python.*,\1,p' .venv/bin/$$program)" -ef .venv/bin ]; } || echo moved; done)

.PHONY: moved
moved:
	@echo ".venv was made at another place, or by a Python that is gone; making it anew"
	@rm -rf .venv

.venv/installed: requirements.lock setup.cfg pyproject.toml $(if $(MOVED),moved)
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Python 3.11 or newer is needed; name one with make PYTHON=python3.12")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@$(BIN)/python -c 'import cv2' 2>/dev/null || { echo "opencv-python lacks a system library (libGL); taking its headless build"; \
	  $(BIN)/python -m pip install --quiet --force-reinstall --no-deps "$$(grep '^opencv-python-headless==' requirements.lock)"; }
	@touch $@
