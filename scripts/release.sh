#!/usr/bin/env bash
# release.sh: builds release/intentd-VERSION-linux-ARCH.tar.gz with the stripped program, its adapters, licences and bill
# of materials, and release/SHA256SUMS. The Swift runtime is linked in; OpenBLAS and zlib come from the system.
# SCRATCH names the build folder, so that the tests' build is not disturbed.
set -euo pipefail
cd "$(dirname "$0")/.."
scratch=${SCRATCH:-.build-release}
python=${PYTHON:-python3}
version=$(sed -n 's/.*current = "\(.*\)"/\1/p' Sources/IntentServer/IntentdVersion.swift)
name=intentd-$version-linux-$(uname -m)

swift build -c release --scratch-path "$scratch" --static-swift-stdlib --product intentd >&2
rm -rf "release/$name"
mkdir -p "release/$name/models"
install -m 0755 "$scratch/release/intentd" "release/$name/intentd"
strip --strip-all "release/$name/intentd"
[ "$("release/$name/intentd" --version)" = "$version" ] || { echo "release: --version is not $version" >&2; exit 1; }
"$python" scripts/sbom.py --binary "release/$name/intentd" --scratch "$scratch" --no-with-model \
  --output "release/$name/sbom.cdx.json" --licences "release/$name/THIRD-PARTY-LICENCES"
cp LICENSE NOTICE CHANGELOG.md "release/$name/"
cp models/base.json models/fetch.sh "release/$name/models/"
cp -R models/adapter models/adapter-fast "release/$name/models/"

# The same files give the same archive: fixed order, owner and times.
tar --sort=name --owner=0 --group=0 --numeric-owner --mtime="@${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}" \
  -C release -cf - "$name" | gzip -n -9 > "release/$name.tar.gz"
cp "release/$name/sbom.cdx.json" "release/$name.sbom.cdx.json"
(cd release && sha256sum "$name.tar.gz" "$name.sbom.cdx.json" > SHA256SUMS)
ls -l "release/$name/intentd" "release/$name.tar.gz" >&2
cat release/SHA256SUMS
