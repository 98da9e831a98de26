#!/usr/bin/env bash
# assemble-root.sh PROGRAM FOLDER: a root file system that holds the program, the shared libraries that it loads, and
# what scanners read: who owns each library (dpkg's format, as distroless images keep it) and under which licence.
set -euo pipefail
program=$1 root=$2

install -D -m 0755 "$program" "$root/usr/bin/$(basename "$program")"
mkdir -p "$root/etc/ssl/certs" "$root/var/lib/dpkg/status.d" "$root/tmp"
chmod 1777 "$root/tmp"
printf 'nonroot:x:65532:65532:nonroot:/:/usr/sbin/nologin\n' > "$root/etc/passwd"
printf 'nonroot:x:65532:\n' > "$root/etc/group"
printf 'hosts: files dns\n' > "$root/etc/nsswitch.conf"

owner() { # PATH: the Debian package of a file, whichever of its names dpkg knows
  local path
  for path in "$1" "$(realpath "$1")" "/usr$1" "${1#/usr}"; do
    dpkg-query -S "$path" 2>/dev/null | grep -v '^diversion' | head -n 1 | sed 's/: .*//; s/, .*//' | grep . && return
  done
  echo "no package owns $1" >&2
  return 1
}

# The loader and each library under the name by which it is asked for, without the chain of links behind it.
ldd "$program" | sed -nE 's#.*(=> |^\s*)(/\S+) \(0x.*#\2#p' | sort -u | while read -r library; do
  case $library in */lib/swift/*) echo "$library: the Swift runtime must be linked in" >&2; exit 1 ;; esac
  install -D -m 0755 "$(realpath "$library")" "$root$library"
  package=$(owner "$library")
  name=${package%%:*}
  dpkg-query -s "$package" > "$root/var/lib/dpkg/status.d/$name"
  install -D -m 0644 "/usr/share/doc/$name/copyright" "$root/usr/share/doc/$name/copyright"
done
