#!/bin/bash
# The load test: starts intentd, measures what the engine alone and what the service can do, offers 0.5x, 0.9x, 1.5x and
# 3x of the engine over real HTTP, and does the same with the same engine under fixed-window batching and without
# batching. pairs.sh compares builds.
#   INTENTD=path/to/intentd MODEL=models PORT=18080 SECONDS_EACH=20 OUTPUT=folder Benchmarks/load/run.sh
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=common.sh
source "$here/common.sh"
intentd=${INTENTD:-$root/.build/release/intentd}
each=${SECONDS_EACH:-20}
scored=${SCORE_MESSAGES:-3000}
loads=${LOADS:-0.5 0.9 1.5 3}
threads=${THREADS:+--threads $THREADS}
peer=$scratch/release/PeerServer

# shellcheck disable=SC2086
engine() { engine_alone "$scored" "$intentd" score $threads; }
capacity=${CAPACITY:-}
if [ -z "$capacity" ]; then
  capacity=$(engine)
  echo "engine alone: $capacity messages/s" | tee "$output/capacity.txt"
fi

# shellcheck disable=SC2086
bounded() {
  local own calls after
  own=$(over_http "$scored" "$intentd" $threads)
  echo "over HTTP, one message a call, no bound to keep: $own messages/s" | tee -a "$output/capacity.txt"
  start /readyz 200 "$intentd" serve --latency-bound-ms "$bound" $threads
  calls=$("$load" capacity --port "$port" --connections 1 --calls "${CALLS:-40}")
  echo "over HTTP, calls of 64 messages: $calls messages/s" | tee -a "$output/capacity.txt"
  "$load" run --port "$port" --capacity "$capacity" --seconds "$each" --bound-ms "$bound" --loads $loads \
    --json "$output/latency-bounded.json" | tee "$output/table.md"
  stop
  after=$(engine)
  echo "engine alone, after: $after messages/s" | tee -a "$output/capacity.txt"
  awk -F'|' -v own="$own" -v engine="$(echo "$capacity $after" | awk '{print ($1 + $2) / 2}')" 'NR > 2 {
    printf "goodput at%s: %.3f of the engine alone, %.3f of the service\n", $3, $5 / engine, $5 / own
  }' "$output/table.md" | tee -a "$output/capacity.txt"
}
[ -n "${SKIP_BOUNDED:-}" ] || bounded

[ -z "${SKIP_PEERS:-}" ] || exit 0
for size in 32 1; do
  name=$([ "$size" = 1 ] && echo "no batching" || echo "window 32 / 10 ms")
  # shellcheck disable=SC2086
  start / 404 "$peer" --size "$size" $threads
  for part in $loads; do
    # One run a load: the backlog of an overload must not meet the next.
    "$load" run --port "$port" --capacity "$capacity" --seconds "$each" --bound-ms "$bound" --loads "$part" \
      --policy "$name" --no-header --json "$output/peer-$size-$part.json" | tee -a "$output/table.md"
  done
  stop
done
