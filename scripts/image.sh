#!/usr/bin/env bash
# image.sh build|test [--standin] [--model default|none]: builds the image, or runs it and checks it.
#   build   builds intentd:VERSION, with buildah, podman or docker, whichever is here
#   test    starts it as the manifests of k8s/ do and checks probes, answers, user, read-only root, memory and stopping
# --standin takes bases made from this machine's Debian packages and its Swift toolchain, where no registry can be
# reached: the build and the image's behaviour are the same, the bases' exact bytes are not.
set -euo pipefail
cd "$(dirname "$0")/.."
command=${1:?build or test}; shift
standin=false model=default
while [ $# -gt 0 ]; do
  case $1 in
    --standin) standin=true ;;
    --model) model=$2; shift ;;
    *) echo "image: unknown option $1" >&2; exit 64 ;;
  esac
  shift
done
version=$(sed -n 's/.*current = "\(.*\)"/\1/p' Sources/IntentServer/IntentdVersion.swift)
image=intentd:$version
[ "$model" = default ] || image=$image-no-model

build() {
  local arguments=(--build-arg "MODEL=$model" --tag "$image")
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
  test) INTENTD_IMAGE=$image MODELS=$PWD/models "${PYTHON:-python3}" -m pytest -c Tests/k8s/pytest.ini Tests/k8s/test_image.py -v -rP ;;
  *) echo "image: build or test" >&2; exit 64 ;;
esac
