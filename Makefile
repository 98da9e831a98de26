# intentd: `make run` serves, `make test` tests. Both install what is missing or say exactly what to install.
.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c

PYTHON ?= python3
PORT ?= 8080
SCRATCH ?= .build
INTENTD := $(SCRATCH)/release/intentd
DEBIAN_PACKAGES := libopenblas-dev zlib1g-dev curl python3 python3-pip python3-venv
# The tests look at declarations that are internal; this is the only way that their build differs.
TEST_FLAGS := -c release --scratch-path .build-test -Xswiftc -enable-testing

.PHONY: help run test build model deps clean sanitize training-test contract-test soak fuzz clock self-test \
  benchmark-tokenizer

help: ## this list
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

deps: ## check the system's packages; install the missing ones where that is allowed
	@scripts/dependencies.sh $(DEBIAN_PACKAGES)

build: deps ## build the release binary
	swift build -c release --scratch-path $(SCRATCH) --product intentd

# Built where it is missing; `make build` brings it up to date.
$(INTENTD):
	@$(MAKE) --no-print-directory build

models/downloads/.complete: models/base.json models/fetch.sh
	PYTHON=$(PYTHON) models/fetch.sh
	@touch $@

# The model is rebuilt when its pins change; a finished folder is never touched.
models/base/config.json: models/downloads/.complete | deps $(INTENTD)
	$(INTENTD) model build --pins models/base.json --downloads models/downloads --output models/base

model: models/base/config.json ## fetch and build the 4-bit base model

run: build model ## serve on PORT (8080) and show a first classification
	@scripts/run.sh $(INTENTD) $(PORT)

test: deps ## run every test of the program itself (fetches and builds the model once)
	swift build $(TEST_FLAGS) --build-tests
	@$(MAKE) --no-print-directory model INTENTD=.build-test/release/intentd
	swift test $(TEST_FLAGS) --skip-build --no-parallel

sanitize: ## check the kernels under AddressSanitizer and UndefinedBehaviorSanitizer
	@mkdir -p .build-sanitize
	STATIC= Benchmarks/kernels/build.sh .build-sanitize/kernels -g -O1 -fsanitize=address,undefined \
	  -fno-sanitize-recover=all
	.build-sanitize/kernels check

training-test: ## run the training recipe's tests on the CPU (installs its Python packages)
	@[ -x .venv-training/bin/pytest ] || { $(PYTHON) -m venv .venv-training && \
	  .venv-training/bin/python -m pip install --quiet -r training/requirements.txt pytest; }
	.venv-training/bin/python -m pytest -q training/tests

contract-test: model | $(INTENTD) ## check a running server with schemathesis, tritonclient and promtool
	PYTHON=$(PYTHON) Tests/contract/run.sh $(INTENTD) models

soak: model | $(INTENTD) ## mixed load with faulty clients for SECONDS (300); every answer checked, memory and files flat
	$(PYTHON) Tests/faults/soak.py $(INTENTD) models --seconds $(or $(SECONDS),300) --reload-seconds 60

fuzz: model | $(INTENTD) ## changed requests at a real server for SECONDS (60)
	$(PYTHON) Tests/faults/fuzz.py $(INTENTD) models --seconds $(or $(SECONDS),60)

clock: model | $(INTENTD) ## the wall clock set forward and back while requests run
	$(PYTHON) Tests/faults/clock.py $(INTENTD) models

self-test: ## make self_test.json beside the adapters anew (needs what Tests/oracle/adapter_logits.py needs)
	$(PYTHON) Tests/oracle/self_test.py

benchmark-tokenizer: model ## time the tokenizer beside Python's (MESSAGES=file.csv with a column text)
	@[ -n "$(MESSAGES)" ] || { echo "name the messages: make $@ MESSAGES=file.csv" >&2; exit 2; }
	swift build -c release --scratch-path $(SCRATCH) --product tokenizer-harness
	@[ -x .venv-tokenizer/bin/python ] || { $(PYTHON) -m venv .venv-tokenizer && \
	  .venv-tokenizer/bin/python -m pip install --quiet sentencepiece==0.2.3; }
	.venv-tokenizer/bin/python Benchmarks/tokenizer/benchmark.py --harness $(SCRATCH)/release/tokenizer-harness \
	  --messages $(MESSAGES) models/base/tokenizer.model Tests/Fixtures/sentencepiece/*.model

include make/operations.mk

clean: ## remove builds; keep the fetched model
	rm -rf .build .build-test .build-sanitize
