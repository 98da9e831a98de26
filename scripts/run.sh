#!/usr/bin/env bash
# run.sh INTENTD PORT: serves, waits until ready, shows a first classification, and stays until Ctrl-C.
set -euo pipefail
intentd=$1 port=$2
"$intentd" serve --model models --port "$port" &
server=$!
trap 'kill -TERM $server 2>/dev/null; wait $server' INT TERM

for _ in $(seq 1 300); do
  curl -fsS -o /dev/null "http://127.0.0.1:$port/readyz" 2>/dev/null && break
  kill -0 $server 2>/dev/null || { wait $server; exit 1; }
  sleep 0.1
done
body='{"text":"I lost my card on the train, what should I do?"}'
printf '\n$ curl -s http://127.0.0.1:%s/classify -H "Content-Type: application/json" -d '"'%s'"'\n' "$port" "$body"
curl -fsS "http://127.0.0.1:$port/classify" -H 'Content-Type: application/json' -d "$body"
printf '\n\nServing on http://127.0.0.1:%s (open it in a browser to try a message). Ctrl-C stops.\n' "$port"
wait $server
