#!/usr/bin/env bash
# Keras 3.15.1 (tensorflow 2.21.0, tf2onnx 1.17.0) exports a model whose first layer is an adapted Normalization to an ONNX
# file in which the layer's mean, and the floor of its standard deviation, are inputs of the graph without a value, beside the real one: the
# file does not hold what was adapted, and no runtime runs it on its rows alone. With BatchNormalization in its place there is one
# input. Seen on Python 3.11:
#
#   Normalization: features [None, 12], sequential_1/normalization_1/Sub/y:0 [1, 12], sequential_1/normalization_1/Sqrt/x:0 [1, 12]
#   run on its rows: Required inputs (['sequential_1/normalization_1/Sub/y:0', 'sequential_1/normalization_1/Sqrt/x:0'])
#   are missing from input feed (['features']).
#   BatchNormalization: features [None, 12]
#
# Exits non-zero when it behaves otherwise.
set -euo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check keras==3.15.1 tensorflow-cpu==2.21.0 tf2onnx==1.17.0 onnx==1.23.2 onnxruntime==1.30.0
cat >"$work/export.py" <<'PY'
import os
import sys

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import keras
import numpy as np
import onnxruntime

work = sys.argv[1]
X = np.random.default_rng(1).normal(3, 2, size=(300, 12)).astype(np.float32)
for layer in (keras.layers.Normalization(), keras.layers.BatchNormalization()):
    if isinstance(layer, keras.layers.Normalization):
        layer.adapt(X)
    model = keras.Sequential([keras.Input((12,), name="features"), layer, keras.layers.Dense(3)])
    model(X[:1])
    path = f"{work}/model.onnx"
    model.export(path, format="onnx", verbose=False)
    session = onnxruntime.InferenceSession(path)
    shapes = [f"{one.name} {[size if isinstance(size, int) else None for size in one.shape]}" for one in session.get_inputs()]
    print(f"{type(layer).__name__}: {', '.join(shapes)}")
    try:
        session.run(None, {"features": X[:2]})
    except ValueError as error:
        print(f"run on its rows: {error}")
PY
"$work/venv/bin/python" "$work/export.py" "$work" 2>/dev/null | tee "$work/said"
grep -q '^Normalization: features .*, sequential_1/normalization_1/Sub/y:0 \[1, 12\]' "$work/said"
grep -q '^run on its rows: Required inputs' "$work/said"
grep -q '^BatchNormalization: features \[None, 12\]$' "$work/said"
