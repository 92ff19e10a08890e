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

# ---- one photo ----------------------------------------------------------------------------------------------------
.PHONY: demo
demo: $(MODEL) $(VENV)/demo.installed ## googly eyes on a real photograph: the astronaut, or PHOTO=mine.jpg
	@$(BIN)/python -m bench.demo $(PHOTO)

# ---- checks -------------------------------------------------------------------------------------------------------
.PHONY: lint
lint: $(VENV)/dev.installed ## style, types, and which module may import which
	@$(BIN)/ruff check --quiet && $(BIN)/ruff format --check --quiet
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo 2>&1 | tail -n +3

.PHONY: test
test: lint $(MODEL) ## everything that can be proved on this machine
	@$(BIN)/python -m pytest -m "not slow"

.PHONY: bench
bench: $(MODEL) $(VENV)/dev.installed ## stages and ratios against Pillow's own work, on one core
	@$(BIN)/python -m bench

# ---- infra --------------------------------------------------------------------------------------------------------
# The CDK command line and its Node come from the locks; neither has to be on the machine. What a deployment may set
# stands in infra/README.md: make deploy CDK_FLAGS="-c memory_mb=2048 -c alarm_email=me@example.org"
CDK := $(BIN)/node node_modules/aws-cdk/bin/cdk
CDK_FLAGS ?=
DEPLOYED := out/deployed.json

# npm itself writes this file when node_modules is as the lock says.
node_modules/.package-lock.json: package.json package-lock.json .npmrc | $(VENV)/infra.installed
	@echo "installing the CDK command line into node_modules"
	@$(BIN)/npm ci --silent --ignore-scripts
	@touch $@

.PHONY: synth diff deploy destroy
synth: node_modules/.package-lock.json ## write the CloudFormation template to cdk.out
	@$(CDK) synth --quiet $(CDK_FLAGS)
	@echo "cdk.out/GooglyEyes.template.json"

diff: node_modules/.package-lock.json ## what make deploy would change in the AWS account
	@$(CDK) diff $(CDK_FLAGS)

deploy destroy: export CDK_DOCKER ?= $(or $(CONTAINER_ENGINE),docker)
deploy: $(MODEL) node_modules/.package-lock.json ## put the service in the AWS account, and print its URL and a curl line
	@$(BIN)/python -m infra.bootstrapped || { [ $$? -eq 1 ] && $(CDK) bootstrap; }
	@$(CDK) deploy --outputs-file $(DEPLOYED) $(CDK_FLAGS)
	@$(BIN)/python -c 'import json; [told] = json.load(open("$(DEPLOYED)")).values(); print("", told["Url"], "", told["Curl"], sep="\n")'

destroy: $(MODEL) node_modules/.package-lock.json ## take the service out of the AWS account again
	@$(CDK) destroy $(CDK_FLAGS)
