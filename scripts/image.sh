#!/usr/bin/env bash
# image.sh build|test [--standin] [--model default|none] [--batch]: builds the image, or runs it and checks it.
#   build   builds intentd:VERSION, with buildah, podman or docker, whichever is here
#   test    starts it as the manifests of k8s/ do and checks probes, answers, user, read-only root, memory and stopping
# --batch takes intentd-batch:VERSION instead, and runs the shards of batch/indexed-job with it.
# --standin takes bases made from this machine's Debian packages and its Swift toolchain, where no registry can be
# reached: the build and the image's behaviour are the same, the bases' exact bytes are not.
set -euo pipefail
cd "$(dirname "$0")/.."
command=${1:?build or test}; shift
standin=false model=default batch=false
while [ $# -gt 0 ]; do
  case $1 in
    --standin) standin=true ;;
    --model) model=$2; shift ;;
    --batch) batch=true ;;
    *) echo "image: unknown option $1" >&2; exit 64 ;;
  esac
  shift
done
version=$(sed -n 's/.*current = "\(.*\)"/\1/p' Sources/IntentServer/IntentdVersion.swift)
revision=$(git describe --always --abbrev=40 --exclude '*' --dirty 2>/dev/null || echo unknown)
if [ "$batch" = true ]; then image=intentd-batch:$version check=test_batch_image.py
else image=intentd:$version check=test_image.py
fi
[ "$model" = default ] || image=$image-no-model

build() {
  local arguments=(--build-arg "MODEL=$model" --build-arg "REVISION=$revision" --tag "$image")
  [ "$batch" = false ] || arguments+=(--target batch)
  if [ "$model" != none ] && [ -e models/downloads/.complete ]; then
    arguments+=(--build-context "model-downloads=models/downloads")
  fi
  if [ "$standin" = true ]; then
    scripts/dependencies.sh buildah podman runc mmdebstrap
    scripts/standin-images.sh
    toolchain=$(dirname "$(dirname "$(readlink -f "$(command -v swift)")")")
    arguments+=(--build-arg SWIFT_IMAGE=localhost/standin/swift --build-arg DEBIAN_IMAGE=localhost/standin/debian
      --network host --format docker --volume "$toolchain:$toolchain:ro")
    # Packages that this machine reads from a mirror on disk are read from there inside as well.
    if [ -e /etc/gitconfig ]; then arguments+=(--volume /etc/gitconfig:/etc/gitconfig:ro); fi
    while read -r mirror; do
      [ -d "$mirror" ] && arguments+=(--volume "$mirror:$mirror:ro")
    done < <(git config --get-regexp '^url\..*\.insteadof$' | sed -E 's/^url\.(.*)\.insteadof .*/\1/' | sort -u)
  fi
  builder "${arguments[@]}" .
  echo "image: built $image" >&2
}

builder() {
  # Layers are kept, so that only what changed is built again.
  if command -v buildah >/dev/null; then buildah build --layers --isolation "${ISOLATION:-chroot}" "$@"
  elif command -v podman >/dev/null; then podman build --layers "$@"
  elif docker info >/dev/null 2>&1; then DOCKER_BUILDKIT=1 docker build "$@"
  else echo "image: install buildah, podman or docker" >&2; return 1
  fi
}

case $command in
  build) build ;;
  # An image without weights gets this folder's model mounted.
  test)
    INTENTD_IMAGE=$image MODELS=$PWD/models \
      "${PYTHON:-python3}" -m pytest -c Tests/k8s/pytest.ini "Tests/k8s/$check" -v -rP
    ;;
  *) echo "image: build or test" >&2; exit 64 ;;
esac
