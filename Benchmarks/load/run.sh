#!/bin/bash
# The load test: starts intentd, measures what the engine alone can do, offers 0.5x, 0.9x, 1.5x and 3x of it over real
# HTTP, and does the same with the same engine under fixed-window batching and without batching.
#   INTENTD=path/to/intentd MODEL=models PORT=18080 SECONDS_EACH=20 OUTPUT=folder Benchmarks/load/run.sh
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
intentd=${INTENTD:-$root/.build/release/intentd}
model=${MODEL:-$root/models}
port=${PORT:-18080}
each=${SECONDS_EACH:-20}
scored=${SCORE_MESSAGES:-3000}
bound=${BOUND_MS:-50}
loads=${LOADS:-0.5 0.9 1.5 3}
threads=${THREADS:+--threads $THREADS}
scratch=${SCRATCH:-$here/.build}
output=${OUTPUT:-$here/results}
mkdir -p "$output"

if [ -z "${SKIP_BUILD:-}" ]; then
  swift build -c release -j 2 --package-path "$here" --scratch-path "$scratch" >&2
fi
load=$scratch/release/IntentdLoad
peer=$scratch/release/PeerServer

server=
stop() { [ -z "$server" ] || { kill "$server" 2>/dev/null || true; wait "$server" 2>/dev/null || true; server=; }; }
trap stop EXIT
wait_for() {
  for _ in $(seq 1 600); do
    kill -0 "$server" 2>/dev/null || { echo "the server ended" >&2; exit 1; }
    [ "$(curl -s -o /dev/null -w '%{http_code}' "$1")" = "$2" ] && return
    sleep 0.1
  done
  echo "no answer from $1" >&2
  exit 1
}

# The engine alone: packed batches, no server. Two sizes, so that loading cancels out.
seconds() { local start end; start=$(date +%s.%N); "$@" >/dev/null; end=$(date +%s.%N); echo "$end $start" | awk '{print $1-$2}'; }
# shellcheck disable=SC2086
score() { "$load" messages "$1" | "$intentd" score --model "$model" $threads --format text; }
capacity=${CAPACITY:-}
if [ -z "$capacity" ]; then
  few=$(seconds score 64)
  many=$(seconds score $((64 + scored)))
  capacity=$(echo "$many $few" | awk -v n="$scored" '{printf "%.1f", n/($1-$2)}')
  echo "engine alone: $capacity messages/s" | tee "$output/capacity.txt"
fi

bounded() {
  # shellcheck disable=SC2086
  "$intentd" serve --model "$model" --port "$port" --latency-bound-ms "$bound" $threads >"$output/serve.log" 2>&1 &
  server=$!
  wait_for "http://127.0.0.1:$port/readyz" 200
  echo "over HTTP, calls of 64 messages: $("$load" capacity --port "$port" --calls "${CALLS:-40}") messages/s" | tee -a "$output/capacity.txt"
  # shellcheck disable=SC2086
  "$load" run --port "$port" --capacity "$capacity" --seconds "$each" --bound-ms "$bound" --loads $loads \
    --json "$output/latency-bounded.json" | tee "$output/table.md"
  stop
}
[ -n "${SKIP_BOUNDED:-}" ] || bounded

[ -z "${SKIP_PEERS:-}" ] || exit 0
for size in 32 1; do
  name=$([ "$size" = 1 ] && echo "no batching" || echo "window 32 / 10 ms")
  # shellcheck disable=SC2086
  "$peer" --model "$model" --port "$port" --size "$size" $threads >"$output/peer-$size.log" 2>&1 &
  server=$!
  wait_for "http://127.0.0.1:$port/" 404
  for part in $loads; do
    # One run a load: the backlog of an overload must not meet the next.
    "$load" run --port "$port" --capacity "$capacity" --seconds "$each" --bound-ms "$bound" --loads "$part" \
      --policy "$name" --no-header --json "$output/peer-$size-$part.json" | tee -a "$output/table.md"
  done
  stop
done
