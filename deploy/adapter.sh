#!/usr/bin/env bash
# Delivers adapters to a folder that servers watch, and takes them back.
#
#   adapter.sh install STORE FOLDER    copy the adapter in FOLDER into STORE and make it the current one
#   adapter.sh rollback STORE          make the one before the current one
#   adapter.sh list STORE              what is there, the current one marked
#
# STORE/versions/DIGEST holds each adapter, named by the SHA-256 of its files; STORE/current is a link to one of them,
# replaced in one step, so a server sees the old adapter or the new one and never a half. Servers run with
# `--adapter STORE/current` and take a changed one within seconds; if it fails its self-test, they serve on with the old
# one and say so (intentd_model_replacements_total{outcome="rolled_back"}).
set -euo pipefail
usage() { sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//;p}' "$0" >&2; exit 64; }
[ $# -ge 2 ] || usage
command=$1 store=$2
fail() { echo "adapter.sh: $*" >&2; exit 1; }

digest() { # FOLDER: one name for all bytes and names in it; links count as what they lead to, as they are copied
  (cd "$1" && find -L . -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum) | sha256sum | cut -c 1-16
}

point() { # NAME TARGET: replaces the link in one step
  ln -sfn "$2" "$store/.$1.$$"
  mv -T "$store/.$1.$$" "$store/$1"
}

switch() { # TARGET: makes it the current one, and remembers which was
  local old
  old=$(readlink "$store/current" || true)
  if [ "$old" = "$1" ]; then echo "$1 is current already"; return; fi
  [ -z "$old" ] || point previous "$old"
  point current "$1"
  echo "current: $1${old:+ (before: $old)}"
}

case $command in
  install)
    [ $# -eq 3 ] || usage
    folder=$3
    for file in adapter_config.json adapter_model.safetensors labels.json; do
      [ -f "$folder/$file" ] || fail "$folder holds no $file, so it is no adapter"
    done
    name=versions/$(digest "$folder")
    mkdir -p "$store/versions"
    if [ ! -d "$store/$name" ]; then
      draft=$store/versions/.$(basename "$name").$$
      trap 'rm -rf "$draft"' EXIT
      cp -RL "$folder" "$draft"
      [ "$(digest "$draft")" = "$(basename "$name")" ] || fail "the copy differs from $folder; is it being written?"
      # Servers run as another user.
      chmod -R a+rX "$draft"
      sync "$draft"/* "$draft"
      mv -T "$draft" "$store/$name"
    fi
    switch "$name"
    ;;
  rollback)
    [ $# -eq 2 ] || usage
    previous=$(readlink "$store/previous") || fail "there is no earlier adapter in $store"
    [ -d "$store/$previous" ] || fail "$store/$previous is gone"
    switch "$previous"
    ;;
  list)
    current=$(readlink "$store/current" || true)
    for folder in "$store"/versions/*/; do
      name=versions/$(basename "$folder")
      printf '%s %s %s\n' "$([ "$name" = "$current" ] && echo '*' || echo ' ')" "$name" \
        "$(date -u -r "$folder" +%Y-%m-%dT%H:%M:%SZ)"
    done
    ;;
  *) usage ;;
esac
