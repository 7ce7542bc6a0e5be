#!/usr/bin/env bash
# diegate beside FastAPI, BentoML and MLServer with the same ONNX model: single JSON dies on 1, 8 and 64 connections, by turns.
# Needs Python 3.11 or newer with venv, PyPI, and a built bench (npm run bench:build); a minute to install, then about nine.
#
#     bench/peers.sh [rounds] [seconds]
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
test/real/python-packages.sh "$work/fastapi" fastapi==0.165.0 uvicorn==0.54.0 uvloop==0.23.0 httptools==0.9.0 onnxruntime==1.32.0
test/real/python-packages.sh "$work/bentoml" bentoml==1.4.40 onnxruntime==1.32.0
# uvloop 0.22 breaks MLServer's worker processes.
test/real/python-packages.sh "$work/mlserver" mlserver==1.7.1 onnxruntime==1.32.0 uvloop==0.21.0

free_port() { node -e 'const s = require("node:net").createServer().listen(0, "127.0.0.1", () => { console.log(s.address().port); s.close(); })'; }
export MODEL_FILE="$PWD/models/die-defect/1/model.onnx" PYTHONPATH="$PWD/bench/peers"
THRESHOLD="$(node -p 'require("./models/die-defect/1/manifest.json").threshold')"
export THRESHOLD
# Where several processes are, each has one thread for the model as all others.
export OMP_NUM_THREADS=1 BENTOML_DO_NOT_TRACK=True DO_NOT_TRACK=1

named=()
start() { # NAME PORT DIALECT COMMAND...
  local name="$1" port="$2" dialect="$3"
  shift 3
  (cd "$work" && exec "$@") >"$work/$port.log" 2>&1 &
  servers+=($!)
  named+=("$name=$port=$!=$dialect")
}
for workers in 1 2; do
  port="$(free_port)"
  start "FastAPI 0.165, uvicorn 0.54, workers: $workers" "$port" predict "$work/fastapi/bin/python" -m uvicorn fastapi_screen:app \
    --host 127.0.0.1 --port "$port" --workers "$workers" --loop uvloop --http httptools --no-access-log
done
port="$(free_port)"
start "BentoML 1.4.40" "$port" predict "$work/bentoml/bin/python" -m bentoml serve bentoml_screen:Screen --host 127.0.0.1 --port "$port" --working-dir "$PYTHONPATH"
port="$(free_port)"
mkdir -p "$work/models/die-defect"
cp bench/peers/mlserver_screen.py "$work/models/die-defect/screen.py"
cat >"$work/models/settings.json" <<JSON
{ "host": "127.0.0.1", "http_port": $port, "grpc_port": $(free_port), "metrics_port": $(free_port), "debug": false }
JSON
cat >"$work/models/die-defect/model-settings.json" <<JSON
{ "name": "die-defect", "implementation": "screen.Screen", "parameters": { "uri": "$MODEL_FILE" } }
JSON
PATH="$work/mlserver/bin:$PATH" PYTHONPATH="$work/models/die-defect" start "MLServer 1.7.1" "$port" v2 mlserver start "$work/models"
node dist/.bench/bench/peers.js "${1:-3}" "${2:-3}" "${named[@]}"
