#!/usr/bin/env bash
# diegate quantize held against ONNX Runtime's own quantize_static (PyPI) on models of scikit-learn and on convolutions, with
# the same dies: its error is no larger, Python's ONNX Runtime gives its file the same bits alone and in any batch, and runs
# it in whole numbers. Needs python3, PyPI and a build (npm run build).
set -euo pipefail
source "$(dirname "$0")/packages-preamble.sh"
install_packages "onnxruntime 1.30.0" onnx==1.23.2 onnxruntime==1.30.0 skl2onnx==1.20.0 scikit-learn==1.9.1 numpy==2.4.6
python="$work/venv/bin/python"
"$python" test/real/quantize/models.py "$work"
for model in dense conv; do
  node dist/main.js import "$work/$model.onnx" --repository "$work/models" --name "$model" --as-version 1 --set \
    'labels=["good","bad"]' 'passLabels=["good"]' "input.parameters=$(cat "$work/parameters.json")" 2>/dev/null
  node dist/main.js quantize "$work/models/$model/1" --out "$work/models/$model/2" --data "$work/dies.csv" >"$work/$model.said"
  # Whatever its graph had before (scikit-learn's sigmoids round otherwise alone), 8 bits make no row depend on others.
  for version in 1 2; do node dist/main.js check "$work/models/$model/$version" | grep -o 'dies are run [a-z ]*' >"$work/$model.$version"; done
  cmp "$work/$model.1" "$work/$model.2" || { echo "FAILED: $model"; cat "$work/$model.said"; exit 1; }
done
"$python" test/real/quantize/compare.py "$work"
