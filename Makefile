# The one entry point. `make` alone prints every target with its line of help.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
MODEL := models/retinaface.tflite
PHOTO ?=

.PHONY: help
help: ## print every target
	@grep -hE '^[a-z][a-z-]*:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | sort | awk -F'\t' '{printf "  make %-16s %s\n", $$1, $$2}'

# ---- environments -------------------------------------------------------------------------------------------------
$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "make: Python 3.11 or newer is needed; name one with PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { echo "make: no virtual environment could be made; on Debian and Ubuntu: apt-get install python3-venv"; exit 1; }

$(VENV)/%.installed: requirements/%.txt | $(BIN)/python
	@echo "installing requirements/$*.txt into $(VENV)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@

.PHONY: locks
locks: $(VENV)/dev.installed ## write requirements/*.txt from pyproject.toml, hashed, without index addresses
	@$(BIN)/python requirements/lock.py

# ---- model --------------------------------------------------------------------------------------------------------
.PHONY: model
model: $(MODEL) ## make models/retinaface.tflite from the published weights (WEIGHTS_DIR, else upstream)

$(MODEL): $(filter-out %.tflite,$(wildcard models/*.py)) | $(VENV)/demo.installed
	@$(BIN)/python -m models
