#!/usr/bin/env bash
# diegate beside MLServer 1.7.1 with the same ONNX model: single raw dies over gRPC, 64 callers on 8 connections, by turns.
# (uvloop 0.22 breaks its worker processes.) Needs Python 3.11 or newer with venv, PyPI, and a built bench (npm run bench:build); about a minute to install.
#
#     bench/mlserver.sh [rounds] [seconds]
#
# MLServer is measured as it comes (a process of its own for the model) and with its adaptive batching (64 dies, 1 ms).
set -euo pipefail
cd "$(dirname "$0")/.."
command -v python3 >/dev/null || { echo "skipped: it needs Python"; exit 0; }
work="$(mktemp -d)"
servers=()
end() {
  for server in "${servers[@]}"; do kill "$server" 2>/dev/null || true; done
  wait
  rm -rf "$work"
}
trap end EXIT
test/real/python-packages.sh "$work/venv" mlserver==1.7.1 onnxruntime==1.30.0 uvloop==0.21.0

ports=()
free_port() { node -e 'const s = require("node:net").createServer().listen(0, "127.0.0.1", () => { console.log(s.address().port); s.close(); })'; }
for batching in "" ', "max_batch_size": 64, "max_batch_time": 0.001'; do
  port="$(free_port)"
  folder="$work/$port"
  mkdir -p "$folder/die-defect"
  cp bench/peers/mlserver_screen.py "$folder/die-defect/screen.py"
  cat >"$folder/settings.json" <<JSON
{ "host": "127.0.0.1", "http_port": $(free_port), "grpc_port": $port, "metrics_port": $(free_port), "debug": false }
JSON
  cat >"$folder/die-defect/model-settings.json" <<JSON
{ "name": "die-defect", "implementation": "screen.Screen", "parameters": { "uri": "$PWD/models/die-defect/1/model.onnx" }$batching }
JSON
  (cd "$folder/die-defect" && PATH="$work/venv/bin:$PATH" PYTHONPATH="$folder/die-defect" exec mlserver start "$folder") >"$folder/log" 2>&1 &
  servers+=($!)
  ports+=("$port")
done
node dist/.bench/bench/grpc-peers.js "${1:-5}" "${2:-3}" "MLServer=${ports[0]}" "MLServer with batching=${ports[1]}"
