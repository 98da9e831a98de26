#!/bin/bash
# The contract of a running server, checked by clients that are not ours: schemathesis against /openapi.json,
# tritonclient, a text-embeddings-inference call, promtool; then SIGTERM, a search of the log for every message, and the
# life of a server: tokens and adapters changed under load, SIGTERM under load, kill -9; then fuzzed requests.
#
#   Tests/contract/run.sh INTENTD [MODEL_DIR]
#
# Environment: CONTRACT_SECONDS (time for schemathesis, 60), FUZZ_SECONDS (30), CONTRACT_CACHE (Python environment and
# promtool, .build-contract).
set -euo pipefail
cd "$(dirname "$0")/../.."
intentd=${1:?usage: Tests/contract/run.sh INTENTD [MODEL_DIR]}
model=${2:-models}
seconds=${CONTRACT_SECONDS:-60}
cache=${CONTRACT_CACHE:-.build-contract}
here=Tests/contract
work=$(mktemp -d)
server=
cleanup() {
    [ -z "$server" ] || kill -KILL "$server" 2>/dev/null || true
    rm -rf "$work"
}
trap cleanup EXIT

mkdir -p "$cache"
if ! cmp -s "$here/requirements.txt" "$cache/requirements.txt"; then
    "${PYTHON:-python3}" -m venv "$cache/venv"
    "$cache/venv/bin/pip" install --quiet --disable-pip-version-check -r "$here/requirements.txt"
    cp "$here/requirements.txt" "$cache/requirements.txt"
fi
promtool=$(command -v promtool || true)
if [ -z "$promtool" ]; then
    promtool=$cache/prometheus/usr/bin/promtool
    if [ ! -x "$promtool" ]; then
        (cd "$cache" && apt-get download prometheus >/dev/null && dpkg -x prometheus_*.deb prometheus) || {
            echo "promtool is missing: install the Debian package prometheus" >&2
            exit 1
        }
    fi
fi

# A bound that a busy test machine keeps: what is checked here is the contract, not the speed.
"$intentd" serve --model "$model" --port 0 --latency-bound-ms 20000 --drain-delay 0.5 --log-level debug \
    2>"$work/log" &
server=$!
for _ in $(seq 1 600); do
    port=$(sed -n 's/.*"message":"listening".*"port":\([0-9]*\).*/\1/p' "$work/log")
    [ -n "$port" ] && "$intentd" probe --port "$port" 2>/dev/null && break
    kill -0 "$server" 2>/dev/null || { cat "$work/log" >&2; exit 1; }
    sleep 0.2
done
url=http://127.0.0.1:$port
"$intentd" probe --port "${port:-0}" || { cat "$work/log" >&2; exit 1; }
echo "== clients"
"$cache/venv/bin/python" "$here/clients.py" "$url" "$work/messages"

echo "== page"
if chromium=$(command -v chromium || command -v google-chrome); then
    "$cache/venv/bin/python" "$here/page.py" "$url" "${CONTRACT_SCREENSHOT:-$work/page.png}" "$chromium"
    printf '%s\n' "blorp" "it's" >>"$work/messages"
elif [ -n "${CI:-}" ]; then
    echo "there is no chromium here (Debian package chromium), and CI leaves nothing out" >&2
    exit 1
else
    echo "NOT RUN: there is no chromium here (Debian package chromium)"
fi

echo "== schemathesis, $seconds s at most"
export INTENTD_MODEL_NAME INTENTD_MODEL_VERSION SCHEMATHESIS_HOOKS=$here/hooks.py
read -r INTENTD_MODEL_NAME INTENTD_MODEL_VERSION < <(curl -sS --max-time 60 "$url/labels" | "$cache/venv/bin/python" -c \
    'import json, sys; model = json.load(sys.stdin)["model"]; print(model["name"], model["version"])')
PYTHONPATH=$here "$cache/venv/bin/schemathesis" --config-file "$here/schemathesis.toml" \
    run "$url/openapi.json" --url "$url" --max-time "$seconds" --request-timeout 60 --generation-database none \
    --suppress-health-check too_slow \
    --max-examples 200 --checks not_a_server_error,status_code_conformance,content_type_conformance \
    --checks response_headers_conformance,response_schema_conformance,negative_data_rejection,unsupported_method \
    --seed 1 --no-color

echo "== promtool"
curl -sS --max-time 60 "$url/metrics" | "$promtool" check metrics

echo "== stop"
kill -TERM "$server"
status=0
for _ in $(seq 1 300); do
    kill -0 "$server" 2>/dev/null || break
    sleep 0.2
done
# Nothing if it has ended; its status tells.
kill -KILL "$server" 2>/dev/null || true
wait "$server" || status=$?
server=
[ "$status" -eq 0 ] || { echo "the server ended with status $status after SIGTERM" >&2; cat "$work/log" >&2; exit 1; }
if grep -F -f "$work/messages" "$work/log"; then
    echo "the log holds text of a message" >&2
    exit 1
fi
[ "$(grep -c '"message":"request"' "$work/log")" -gt 20 ] || { echo "the log is empty" >&2; exit 1; }
echo "ok: $(grep -c '"message":"request"' "$work/log") requests logged, none with text; exit 0 on SIGTERM"

echo "== life"
"$cache/venv/bin/python" "$here/lifecycle.py" "$intentd" "$model"

echo "== clock"
"$cache/venv/bin/python" Tests/faults/clock.py "$intentd" "$model"

echo "== fuzz, ${FUZZ_SECONDS:-30} s"
"$cache/venv/bin/python" Tests/faults/fuzz.py "$intentd" "$model" --seconds "${FUZZ_SECONDS:-30}" --seed 1 \
    --failures "$cache/fuzz-failures"
