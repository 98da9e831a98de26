# What run.sh and pairs.sh share; sourced by both. `here` is this folder.
root=$(cd "$here/../.." && pwd)
model=${MODEL:-$root/models}
port=${PORT:-18080}
bound=${BOUND_MS:-50}
output=${OUTPUT:-$here/results}
scratch=${SCRATCH:-$here/.build}
load=$scratch/release/IntentdLoad
mkdir -p "$output"

if [ -z "${SKIP_BUILD:-}" ]; then
  swift build -c release -j 2 --package-path "$here" --scratch-path "$scratch" >&2
fi

server=
stop() { [ -z "$server" ] || { kill "$server" 2>/dev/null || true; wait "$server" 2>/dev/null || true; server=; }; }
trap stop EXIT

# start PATH STATUS COMMAND...: a server, once GET PATH has this status.
start() {
  local path=$1 status=$2
  shift 2
  "$@" --model "$model" --port "$port" >"$output/serve.log" 2>&1 &
  server=$!
  for _ in $(seq 1 600); do
    kill -0 "$server" 2>/dev/null || { echo "the server ended: $output/serve.log" >&2; exit 1; }
    [ "$(curl -s -o /dev/null -w '%{http_code}' "http://127.0.0.1:$port$path")" = "$status" ] && return
    sleep 0.1
  done
  echo "no answer from $path" >&2
  exit 1
}

# engine_alone COUNT COMMAND...: messages a second in packed batches, no server, from the first answers to the last.
engine_alone() {
  "$load" messages "$1" | "${@:2}" --model "$model" --format text | python3 -c '
import os, time
os.read(0, 1 << 20)
start = end = time.monotonic()
lines = 0
while part := os.read(0, 1 << 20):
    lines += part.count(b"\n")
    end = time.monotonic()
print(f"{lines / (end - start):.1f}")'
}

# over_http COUNT INTENTD [OPTION...]: what the service does at most over HTTP with one message a call and no bound to
# keep, 128 calls under way at any time.
over_http() {
  local count=$1 intentd=$2
  shift 2
  start /readyz 200 "$intentd" serve --latency-bound-ms 2000 "$@"
  "$load" capacity --port "$port" --rows 1 --calls "$count" --connections 128
  stop
}
