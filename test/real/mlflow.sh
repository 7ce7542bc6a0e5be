#!/usr/bin/env bash
# Import from a real MLflow 3 server (PyPI): models logged by its onnx flavour, by alias with signature, tags, run
# metrics and data set, one with its weights in a second file; new targets of the alias are followed and become the shadow
# of a running diegate, its canary, or are loaded beside the others, by policy; a version packed as an OCI layout is copied by oras
# (a Go module, where Go is there) and comes back byte for byte. Needs python3, PyPI and a build (npm run build).
set -euo pipefail
source "$(dirname "$0")/packages-preamble.sh"
started=()
finish() {
  for pid in "${started[@]}"; do kill "$pid" 2>/dev/null || true; done
  wait 2>/dev/null || true
  rm -rf "$work"
}
install_packages "mlflow 3.17.2" mlflow==3.17.2 onnx==1.23.2 onnxruntime==1.30.0
# Its runner of jobs is not needed, and starts five more processes.
export MLFLOW_SERVER_ENABLE_JOB_EXECUTION=false
export MLFLOW_DISABLE_TELEMETRY=true DO_NOT_TRACK=1 HOME="$work"
free_port() { node -e 'const s=require("node:net").createServer().listen(0,"127.0.0.1",()=>{console.log(s.address().port);s.close()})'; }
mlflow="http://127.0.0.1:$(free_port)"
"$work/venv/bin/mlflow" server --host 127.0.0.1 --port "${mlflow##*:}" --workers 1 \
  --backend-store-uri "sqlite:///$work/mlflow.db" --artifacts-destination "$work/artifacts" >"$work/mlflow.log" 2>&1 &
started+=($!)
await() { for _ in $(seq 400); do "$@" >/dev/null 2>&1 && return; sleep 0.5; done; echo "FAILED: waited in vain for: $*"; tail -n 5 "$work"/*.log; exit 1; }
await curl -sf "$mlflow/health"

cat >"$work/log.py" <<'PY'
import sys
import mlflow
import numpy as np
import pandas as pd
from mlflow.models import infer_signature
from onnx import TensorProto, helper, numpy_helper

url, version = sys.argv[1:]
mlflow.set_tracking_uri(url)
mlflow.set_experiment("wafer sort")
rng = np.random.default_rng(int(version))
X = pd.DataFrame(rng.normal(size=(400, 24)).astype(np.float32), columns=[f"test_{i}" for i in range(24)])
# 24 x 32 x 2, its weights as raw bytes, as PyTorch writes them: MLflow puts those of 1 kB and more into a second file.
weights = [numpy_helper.from_array(rng.normal(size=shape).astype(np.float32), name) for name, shape in (("w1", (24, 32)), ("w2", (32, 2)))]
nodes = [
    helper.make_node("MatMul", ["x", "w1"], ["a"]),
    helper.make_node("Relu", ["a"], ["b"]),
    helper.make_node("MatMul", ["b", "w2"], ["c"]),
    helper.make_node("Softmax", ["c"], ["probabilities"], axis=1),
]
values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", size]) for name, size in (("x", 24), ("probabilities", 2))]
graph = helper.make_graph(nodes, "g", values[:1], values[1:], weights)
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
with mlflow.start_run():
    mlflow.log_metric("auc", 0.9 + int(version) / 100)
    mlflow.log_input(mlflow.data.from_pandas(X, name="lots 1 to 40"), context="training")
    mlflow.onnx.log_model(model, name="model", registered_model_name="die kind", signature=infer_signature(X, np.zeros((2, 2), np.float32)))
client = mlflow.MlflowClient()
client.set_model_version_tag("die kind", version, "diegate.labels", '["bad", "good"]')
client.set_model_version_tag("die kind", version, "diegate.passLabels", '["good"]')
client.set_registered_model_alias("die kind", "champion", version)
PY
"$work/venv/bin/python" "$work/log.py" "$mlflow" 1 >"$work/log.log" 2>&1 || { tail -5 "$work/log.log"; exit 1; }
[ -n "$(find "$work/artifacts" -name '*.data')" ] && echo "MLflow wrote the weights into a second file"

diegate() { node dist/main.js "$@"; }
repository="$work/models"
diegate import --mlflow "$mlflow" --model 'die kind' --alias champion --repository "$repository" 2>/dev/null
node -e '
  const m = JSON.parse(require("fs").readFileSync(process.argv[1]));
  const ok = m.metrics.auc === 0.91 && m.lineage.rows === 400 && /^lots 1 to 40/.test(m.lineage.data) &&
    m.lineage.source.version === "1" && m.input.parameters[23].name === "test_23" && m.passLabels[0] === "good";
  if (!ok) { console.log("FAILED:", JSON.stringify(m, null, 1)); process.exit(1); }
' "$repository/die-kind/1/manifest.json"
echo "alias, tags, signature, run metrics and data set are in the manifest"
diegate import --mlflow "$mlflow" --model 'die kind' --version 1 --repository "$repository" | grep -q 'is there already'
folder="$(dirname "$(find "$work/artifacts" -name MLmodel)")"
diegate import "$folder" --name by-folder --as-version 1 --repository "$repository" --set 'labels=["bad","good"]' 'passLabels=["good"]' 2>/dev/null

echo '{"defaultModel":"die-kind","models":{}}' >"$repository/serving.json"
diegate key new --id ci --permissions admin,read,predict --json >"$work/key.json"
DIEGATE_API_KEY="$(node -p 'JSON.parse(require("fs").readFileSync(process.argv[1])).key' "$work/key.json")"
export DIEGATE_API_KEY
node -p 'JSON.stringify({keys:[JSON.parse(require("fs").readFileSync(process.argv[1])).entry]})' "$work/key.json" >"$work/keys.json"
diegate_url="http://127.0.0.1:$(free_port)"
HOST=127.0.0.1 PORT="${diegate_url##*:}" MODEL_REPOSITORY="$repository" API_KEYS_FILE="$work/keys.json" INFERENCE_WORKERS=1 \
  node dist/main.js serve >"$work/diegate.log" 2>&1 &
started+=($!)
await curl -sf "$diegate_url/ready"
follow() { # follow POLICY VERSION: a new target of the alias becomes that of the server
  node dist/main.js import --mlflow "$mlflow" --model 'die kind' --alias champion --repository "$repository" \
    --follow 1 --url "$diegate_url" --policy "$1" >"$work/follow-$1.log" 2>&1 &
  local pid=$!
  started+=("$pid")
  "$work/venv/bin/python" "$work/log.py" "$mlflow" "$2" >"$work/log.log" 2>&1 || { tail -5 "$work/log.log"; exit 1; }
  await grep -q "die-kind/$2: $1 at" "$work/follow-$1.log"
  kill "$pid"
}
ask() { curl -sf -H "x-api-key: $DIEGATE_API_KEY" "$@"; }
follow shadow 2
grep -q '"default": "1"' "$repository/serving.json"
grep -q '"action":"shadow","model":"die-kind","from":\[\],"to":\["2"\]' "$work/diegate.log"
curl -sf -H "x-api-key: $DIEGATE_API_KEY" "$diegate_url/models/die-kind/example" |
  curl -sf -H "x-api-key: $DIEGATE_API_KEY" -H 'content-type: application/json' -d @- "$diegate_url/predict" | grep -q '"model_version":"1"'
echo "a new target of the alias is the shadow of a running server, which goes on answering with version 1"

follow canary 3
ask "$diegate_url/models/die-kind/traffic" | grep -q '"to":"3"' || { echo "FAILED: no canary: $(ask "$diegate_url/models/die-kind/traffic")"; exit 1; }
ask -X DELETE "$diegate_url/admin/models/die-kind/canary" >/dev/null
follow load 4
ask "$diegate_url/models/die-kind/versions/4" | grep -q '"state":"ready"'
ask "$diegate_url/models/die-kind" | grep -q '"default_version":"1"'
echo "by policy others are its canary, or loaded beside what answers"

node dist/main.js pack "$repository/die-kind/4" --out "$work/packed" >/dev/null
copied="$work/packed"
if command -v go >/dev/null && GOPATH="$work/go" GOCACHE="$work/gocache" GOFLAGS=-modcacherw GOBIN="$work" \
  go install oras.land/oras/cmd/oras@v1.2.3 >"$work/go.log" 2>&1; then
  copied="$work/copied"
  "$work/oras" cp --from-oci-layout --to-oci-layout "$work/packed:4" "$copied:4" >/dev/null
  how="copied by oras"
else
  how="(not copied: oras 1.2.3 cannot be built here)"
fi
node dist/main.js import "$copied" --repository "$work/again" >/dev/null 2>&1
diff -r "$repository/die-kind/4" "$work/again/die-kind/4"
echo "packed as an OCI layout, $how, imported: byte for byte"
