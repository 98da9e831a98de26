# Images, manifests, batch jobs, releases. Included by the Makefile.
OPERATIONS := .venv-operations
OPERATIONS_PYTHON := $(abspath $(OPERATIONS)/bin/python)
# Options for scripts/image.sh: --standin where no image registry can be reached, --batch, --model none.
IMAGE_OPTIONS ?=

.PHONY: operations-tools test-operations image image-test benchmark-cluster release release-test

$(OPERATIONS)/.complete: Tests/k8s/requirements.txt Tests/k8s/requirements-no-deps.txt Tests/batch/requirements.txt
	$(PYTHON) -m venv $(OPERATIONS)
	$(OPERATIONS_PYTHON) -m pip install --quiet -r Tests/k8s/requirements.txt -r Tests/batch/requirements.txt
	$(OPERATIONS_PYTHON) -m pip install --quiet --no-deps -r Tests/k8s/requirements-no-deps.txt
	@touch $@

operations-tools: $(OPERATIONS)/.complete ## install what the operations tests need
	@scripts/dependencies.sh prometheus haproxy openjdk-17-jre-headless systemd openssl

test-operations: operations-tools model | $(INTENTD) ## check manifests, alerts, Dockerfile, batch jobs and rolling restarts
	$(OPERATIONS)/bin/hadolint Dockerfile
	INTENTD=$(abspath $(INTENTD)) MODELS=$(abspath models) \
	  $(OPERATIONS_PYTHON) -m pytest -c Tests/k8s/pytest.ini --durations=10 Tests/k8s Tests/batch \
	  --ignore Tests/k8s/test_image.py --ignore Tests/k8s/test_batch_image.py \
	  --ignore Tests/batch/test_release.py

image: ## build the container image (IMAGE_OPTIONS=--standin without a registry)
	scripts/image.sh build $(IMAGE_OPTIONS)

image-test: operations-tools ## run the image as the manifests do and check it
	PYTHON=$(OPERATIONS_PYTHON) scripts/image.sh test $(IMAGE_OPTIONS)

benchmark-cluster: operations-tools ## roll replicas behind HAProxy under load
	$(OPERATIONS_PYTHON) Benchmarks/cluster/rolling.py --intentd $(INTENTD) --model models \
	  --bound-ms 200 --rounds 2

release: ## stripped program, checksums, bill of materials in release/
	SCRATCH=.build-release PYTHON=$(PYTHON) scripts/release.sh

release-test: operations-tools ## check what `make release` has made
	@$(MAKE) --no-print-directory model INTENTD=$$(echo release/intentd-*-linux-$$(uname -m)/intentd)
	RELEASE=$(abspath release) MODELS=$(abspath models) \
	  $(OPERATIONS_PYTHON) -m pytest -c Tests/k8s/pytest.ini Tests/batch/test_release.py -v
