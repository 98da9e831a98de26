# intentd: one program, its libraries and its model, no shell. Builds with buildah, podman or docker:
#
#   docker build -t intentd:0.1.0 .                            with the model (Gemma terms apply to the image)
#   docker build -t intentd:0.1.0 --build-arg MODEL=none .     without weights: mount a model folder at /models
#
# scripts/image.sh builds, runs and checks it, with stand-in bases where no registry can be reached.
ARG SWIFT_IMAGE=swift:6.3.1-bookworm
ARG DEBIAN_IMAGE=debian:bookworm-20250520-slim
ARG MODEL=default
# The commit; scripts/image.sh states it.
ARG REVISION=unknown

# -- the program ---------------------------------------------------------------------------------------------------
FROM ${SWIFT_IMAGE} AS build
SHELL ["/bin/bash", "-euo", "pipefail", "-c"]
RUN apt-get update \
 && apt-get install -y --no-install-recommends \
      libopenblas-dev=0.3.21+ds-* python3=3.11.* zlib1g-dev=1:1.2.13.dfsg-* \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /src
# Everything that the package's manifest names must be there, tests and harnesses too; .dockerignore leaves out the
# rest of their folders.
# A Package.resolved beside it pins every package to a revision.
COPY Package.swift Package.resolve[d] ./
COPY Sources Sources
COPY Benchmarks Benchmarks
COPY Tests Tests
# The cache holds fetched packages and compiled objects, so that a changed file costs that file.
RUN --mount=type=cache,id=intentd-build,target=/cache \
    swift build -c release --scratch-path /cache --static-swift-stdlib --product intentd \
 && install -D -m 0755 /cache/release/intentd /out/intentd \
 && strip --strip-all /out/intentd
COPY models/base.json models/base.json
COPY scripts/sbom.py scripts/sbom.py
COPY LICENSE NOTICE ./
COPY deploy/assemble-root.sh deploy/assemble-root.sh
ARG MODEL
RUN --mount=type=cache,id=intentd-build,target=/cache \
    if [ "$MODEL" = none ]; then contents=--no-with-model; else contents=--with-model; fi \
 && python3 scripts/sbom.py --binary /out/intentd --scratch /cache --output /out/sbom.cdx.json \
      --licences /out/THIRD-PARTY-LICENCES "$contents" \
 && deploy/assemble-root.sh /out/intentd /root-fs \
 && install -D -m 0644 -t /root-fs/usr/share/doc/intentd LICENSE NOTICE /out/sbom.cdx.json /out/THIRD-PARTY-LICENCES

# -- the model: fetched again only when its pins change --------------------------------------------------------------
FROM ${DEBIAN_IMAGE} AS model-fetch
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates=2023* python3-pip=23.0.1* \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY models/base.json models/fetch.sh models/
RUN PYTHON=python3 models/fetch.sh

# Files that are already here serve as well: --build-context model-downloads=models/downloads
FROM scratch AS model-downloads
COPY --from=model-fetch /src/models/downloads /

FROM build AS model-default
RUN --mount=type=bind,from=model-downloads,source=/,target=/src/models/downloads \
    /out/intentd model build --pins models/base.json --downloads models/downloads --output /models/base \
 && install -D -m 0644 -t /licences models/downloads/GEMMA_TERMS.html models/downloads/NOTICE.md
COPY models/adapter /models/adapter
COPY models/adapter-fast /models/adapter-fast
# Times of their own would make another layer of the same bytes, to be pulled again by every node.
RUN chmod -R a+rX /models /licences && find /models /licences -exec touch --no-dereference --date=@0 {} +

FROM ${DEBIAN_IMAGE} AS model-none
RUN mkdir -p /models /licences

# hadolint ignore=DL3006
FROM model-${MODEL} AS model

# -- batch work: the same program with Python for batch/score_shard.py; --target batch ------------------------------
FROM ${DEBIAN_IMAGE} AS batch
LABEL org.opencontainers.image.title="intentd-batch" \
      org.opencontainers.image.description="Scores shards of a file of banking messages with intentd" \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.documentation="batch/README.md"
RUN apt-get update \
 && apt-get install -y --no-install-recommends libopenblas0-pthread=0.3.21+ds-* python3=3.11.* \
 && rm -rf /var/lib/apt/lists/*
COPY --from=model /models /models
COPY --from=model /licences /usr/share/doc/intentd/model
COPY --from=build /out/THIRD-PARTY-LICENCES /out/sbom.cdx.json /src/LICENSE /src/NOTICE \
  /usr/share/doc/intentd/
COPY --from=build /out/intentd /usr/bin/intentd
COPY batch/score_shard.py /usr/bin/score_shard.py
ARG REVISION
LABEL org.opencontainers.image.revision="${REVISION}"
ENV INTENTD_MODEL=/models
USER 65532:65532
ENTRYPOINT ["/usr/bin/score_shard.py"]

# -- the image -------------------------------------------------------------------------------------------------------
FROM scratch AS service
LABEL org.opencontainers.image.title="intentd" \
      org.opencontainers.image.description="Banking intents from customers' messages, on CPUs, within a latency bound" \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.documentation="docs/operations/README.md"
COPY --from=model /models /models
COPY --from=model /licences /usr/share/doc/intentd/model
COPY --from=build /root-fs /
# Reachable from outside the container; the program refuses that without a token file, client certificates or
# INTENTD_ALLOW_UNAUTHENTICATED=true.
ENV INTENTD_HOST=0.0.0.0 \
    INTENTD_PORT=8080 \
    INTENTD_MODEL=/models
EXPOSE 8080
USER 65532:65532
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s --retries=3 CMD ["/usr/bin/intentd", "probe"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["/usr/bin/intentd"]
CMD ["serve"]

# What the image may be used for depends on whether it holds weights.
FROM service AS service-default
LABEL org.opencontainers.image.licenses="Apache-2.0 AND LicenseRef-Gemma-Terms-of-Use"

FROM service AS service-none
LABEL org.opencontainers.image.licenses="Apache-2.0"

# hadolint ignore=DL3006
FROM service-${MODEL}
ARG REVISION
LABEL org.opencontainers.image.revision="${REVISION}"
