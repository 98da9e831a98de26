#!/usr/bin/env bash
# dependencies.sh PACKAGE...: makes sure that Swift 6.1+ and the named Debian packages are here.
# Installs missing packages as root on Debian or Ubuntu; otherwise prints the command that does.
set -euo pipefail

if ! command -v swift >/dev/null; then
  echo "intentd needs Swift 6.1 or newer on the PATH: see https://www.swift.org/install" >&2
  exit 1
fi
version=$(swift --version 2>/dev/null | sed -n 's/.*Swift version \([0-9]*\.[0-9]*\).*/\1/p' | head -n 1)
if [ "$(printf '%s\n6.1\n' "$version" | sort -V | head -n 1)" != 6.1 ]; then
  echo "intentd needs Swift 6.1 or newer; this is ${version:-unknown}" >&2
  exit 1
fi

command -v dpkg-query >/dev/null || {
  echo "Not Debian or Ubuntu: install the equivalents of: $*" >&2
  exit 0
}
missing=()
for package in "$@"; do
  dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || missing+=("$package")
done
[ ${#missing[@]} -eq 0 ] && exit 0

if [ "$(id -u)" -eq 0 ]; then
  echo "Installing ${missing[*]}" >&2
  export DEBIAN_FRONTEND=noninteractive
  apt-get -o Acquire::Retries=3 update -qq
  apt-get -o Acquire::Retries=3 install -y -qq --no-install-recommends "${missing[@]}" >&2
else
  echo "Missing system packages. Run: sudo apt-get install -y ${missing[*]}" >&2
  exit 1
fi
