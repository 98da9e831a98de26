#!/usr/bin/env bash
# standin-images.sh: makes images that stand in for the Dockerfile's bases on a machine that reaches no image registry:
#   localhost/standin/debian   this machine's Debian release, minimal, from its own package sources
#   localhost/standin/swift    the same with what Swift needs; the toolchain itself is mounted when building
# An image that is already there is kept. Needs root, buildah and mmdebstrap.
set -euo pipefail
. /etc/os-release
toolchain=$(dirname "$(dirname "$(readlink -f "$(command -v swift)")")")
debian=localhost/standin/debian swift=localhost/standin/swift
# What the toolchain's own Debian image installs.
swift_needs=(binutils ca-certificates git gnupg2 libc6-dev libcurl4-openssl-dev libedit2 libgcc-12-dev libpython3-dev
  libsqlite3-0 libstdc++-12-dev libxml2-dev libncurses-dev libz3-dev pkg-config tzdata zlib1g-dev)

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

if ! buildah inspect "$debian" >/dev/null 2>&1; then
  echo "standin-images: making $debian ($VERSION_CODENAME)" >&2
  mmdebstrap --quiet --variant=minbase --include=ca-certificates "$VERSION_CODENAME" "$scratch/root.tar"
  printf 'FROM scratch\nADD root.tar /\nCMD ["/bin/bash"]\n' > "$scratch/Dockerfile"
  buildah build --quiet --tag "$debian" "$scratch" >/dev/null
  rm "$scratch/root.tar"
fi
if ! buildah inspect "$swift" >/dev/null 2>&1; then
  echo "standin-images: making $swift" >&2
  cat > "$scratch/Dockerfile" <<EOF
FROM $debian
RUN apt-get update && apt-get install -y --no-install-recommends ${swift_needs[*]}
ENV PATH=$toolchain/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
EOF
  buildah build --quiet --isolation chroot --network host --tag "$swift" "$scratch" >/dev/null
fi
