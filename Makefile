# Every step of the project. `make run` and `make test` need Python 3.11, pip and make, and nothing else.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
export BENTOML_DO_NOT_TRACK ?= True

.DEFAULT_GOAL := help
.PHONY: help setup run test check train serve loadtest fuzz bench bench-training bench-serving bench-shape bench-decoding bench-loadtest bench-image bento image lock clean

help:  ## show this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

setup: $(STAMP)  ## make .venv with the locked packages

# The stamp is written last: an installation that was cut short is done again.
$(STAMP): requirements/dev.txt
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(v != (3, 11) and f"Python must be 3.11, however: {v[0]}.{v[1]}. Run: make PYTHON=/path/to/python3.11")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements/dev.txt
	touch $@

run: setup  ## train both architectures, serve them, load them, print the comparison and where the report is
	$(BIN)/python -m training
	$(BIN)/python -m loadtest --quick

test: check  ## run the checks and every test
	$(BIN)/python -m pytest --cov --cov-report=term

check: setup  ## lint, format, types, and who may import whom
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

train: setup  ## train both architectures and save a release
	$(BIN)/python -m training

serve: setup  ## serve the newest release on port 3000
	$(BIN)/bentoml serve

loadtest: setup  ## find out which architecture of the newest release scales: some 20 minutes
	$(BIN)/python -m loadtest

.PHONY: picture
picture: setup  ## make the README's picture of the newest study in results/, or of RESULTS=FOLDER (needs chromium)
	$(BIN)/python -m tests.picture $(RESULTS)

# Needs a release in the store.
fuzz: setup  ## ask the service thousands of generated requests, and the decoders millions of broken bodies
	$(BIN)/python -m tests.bench.fuzz_contract
	$(BIN)/python -m tests.bench.fuzz_decoders

bench: bench-training bench-serving bench-shape bench-decoding  ## time training and serving against their peers, interleaved

bench-training: setup
	$(BIN)/python -m tests.bench.bench_training

# Needs two processors, a release in the store, and Debian's wrk.
bench-serving: setup .venv-peers/.installed .venv-mlserver/.installed
	$(BIN)/python -m tests.bench.peers

bench-shape: setup
	$(BIN)/python -m tests.bench.bench_shape

bench-decoding: setup
	$(BIN)/python -m tests.bench.bench_decoding

# Needs two processors that nobody else uses for eight minutes.
bench-loadtest: setup  ## load servers whose latencies and capacity are known, and measure what the load test costs
	$(BIN)/python -m tests.bench.bench_loadtest

bench-image: setup
	$(BIN)/python -m tests.bench.bench_image

.venv-peers/.installed: tests/bench/peers/requirements.txt
.venv-mlserver/.installed: tests/bench/peers/requirements-mlserver.txt
.venv-peers/.installed .venv-mlserver/.installed:
	$(PYTHON) -m venv $(@D)
	$(@D)/bin/python -m pip install --quiet --disable-pip-version-check -r $<
	touch $@

bento: setup  ## build the Bento from the newest release
	$(BIN)/bentoml build

# Podman writes a health check in Docker's format alone.
ENGINE ?= $(shell command -v docker >/dev/null && echo docker || echo podman)
BENTO = archscale:$(notdir $(shell $(BIN)/bentoml get archscale:latest --output path))
image: bento  ## build an image from the newest release, with its SBOM (needs docker or podman)
	$(BIN)/bentoml containerize $(BENTO) --backend $(ENGINE) $(if $(filter podman,$(ENGINE)),--opt format=docker) \
		--opt build-arg=REVISION=$$(git rev-parse HEAD) $(IMAGE_OPTIONS)
	$(BIN)/python deploy/inventory.py $(ENGINE) $(BENTO) > sbom.json
	@echo "SBOM: sbom.json"

# Set UV_FIND_LINKS to a folder with PyTorch's CPU wheel, or the lock will list CUDA packages. '+cpu' is what keeps
# uv to that wheel; the lock itself names the version alone, which every index has.
lock: setup  ## resolve the versions in requirements/ anew
	$(BIN)/uv pip compile --quiet pyproject.toml --python-version 3.11 --generate-hashes --no-header --no-annotate \
		--no-emit-index-url --output-file requirements/service.txt
	sed -i 's/^torch==.*/&+cpu/' requirements/dev.txt
	$(BIN)/uv pip compile --quiet pyproject.toml --group dev --python-version 3.11 --no-header --no-annotate \
		--no-emit-index-url --no-emit-find-links --constraint requirements/service.txt \
		--output-file requirements/dev.txt
	sed -i 's/+cpu$$//' requirements/dev.txt

clean:  ## remove what can be made again
	rm -rf sbom.json $(VENV) .venv-peers .venv-mlserver results .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage
