#!/bin/bash
# Compares builds, or options of one, in turns. A shared machine's speed changes within minutes, so the engine alone is
# measured between all runs, and each result is divided by the mean of what it did before and after that run.
#   ROUNDS=3 LOAD=3 SECONDS_EACH=10 Benchmarks/load/pairs.sh "before=old/intentd" "now=new/intentd --threads 2" ...
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=common.sh
source "$here/common.sh"
part=${LOAD:-3}
each=${SECONDS_EACH:-10}
scored=${SCORE_MESSAGES:-600}
reference=${1#*=}
reference=${reference%% *}

engine() { before=${after:-}; after=$(engine_alone "$scored" "$reference" score); }
# against_engine RATE: leaves in `share` its part of what the engine did before and after it.
against_engine() {
  engine
  alone+=", $after"
  share=$(echo "$1 $before $after" | awk '{printf "%.3f", 2 * $1 / ($2 + $3)}')
}
batches() { curl -s "http://127.0.0.1:$port/metrics" | awk '/^intentd_batch_tokens_(sum|count)/ { printf "%s ", $2 }'; }

engine
nominal=$after
echo "| round | build | ${part}x: goodput/s | of the engine | of the service | in bound | p99.9 ms | refused |" \
  "tokens a batch | calls of 64: messages/s | of the engine | one a call, no bound: messages/s | of the engine |" \
  "engine alone |"
echo "|---|---|---|---|---|---|---|---|---|---|---|---|---|---|"
for round in $(seq "${ROUNDS:-3}"); do
  for build in "$@"; do
    read -ra command <<<"${build#*=}"
    alone=$after
    own=$(over_http "$scored" "${command[@]}")
    against_engine "$own"
    own_share=$share
    start /readyz 200 "${command[0]}" serve --latency-bound-ms "$bound" "${command[@]:1}"
    calls=$("$load" capacity --port "$port" --connections 1 --calls "${CALLS:-12}")
    against_engine "$calls"
    calls_share=$share
    from=$(batches)
    IFS='|' read -r _ _ _ _ goodput kept _ _ late _ refused _ < <(
      "$load" run --port "$port" --capacity "$nominal" --seconds "$each" --bound-ms "$bound" --loads "$part" \
        --no-header)
    tokens=$(echo "$from $(batches)" | awk '{printf "%.1f", ($3 - $1) / ($4 - $2)}')
    stop
    against_engine "$goodput"
    of_service=$(echo "$share $own_share" | awk '{printf "%.3f", $1 / $2}')
    echo "| $round | ${build%%=*} |$goodput| $share | $of_service |$kept|$late|$refused|" \
      "$tokens | $calls | $calls_share | $own | $own_share | $alone |"
  done
done
