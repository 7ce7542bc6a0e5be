#!/usr/bin/env bash
# skl2onnx 1.20.0 with onnx 1.23.2 cannot convert a HistGradientBoostingClassifier of scikit-learn 1.9.1, with two
# classes or three, while it converts a GradientBoostingClassifier of the same dies. Seen on Python 3.11:
#
#   2 classes GradientBoostingClassifier converted
#   2 classes HistGradientBoostingClassifier ValueError: Unable to create node 'TreeEnsembleClassifier'
#   3 classes GradientBoostingClassifier converted
#   3 classes HistGradientBoostingClassifier ValueError: Unable to create node 'TreeEnsembleClassifier'
#
# The attribute base_values is handed to onnx as a numpy array. Exits non-zero when it behaves otherwise.
set -euo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check skl2onnx==1.20.0 scikit-learn==1.9.1 onnx==1.23.2 numpy==2.4.6
cat >"$work/try.py" <<'PY'
import warnings

warnings.filterwarnings("ignore")
import numpy as np
from skl2onnx import to_onnx
from sklearn.ensemble import GradientBoostingClassifier, HistGradientBoostingClassifier

rng = np.random.default_rng(0)
X = rng.normal(size=(300, 4)).astype(np.float32)
for classes in (2, 3):
    y = np.digitize(X[:, 0], [0] if classes == 2 else [-0.5, 0.5])
    for model in (GradientBoostingClassifier(n_estimators=5), HistGradientBoostingClassifier(max_iter=5)):
        try:
            to_onnx(model.fit(X, y), X[:1], options={"zipmap": False})
            said = "converted"
        except Exception as error:
            said = f"{type(error).__name__}: {str(error).split(' with name=')[0]}"
        print(classes, "classes", type(model).__name__, said)
PY
seen="$("$work/venv/bin/python" "$work/try.py" 2>/dev/null)"
echo "$seen"
[ "$(grep -c '^[23] classes GradientBoostingClassifier converted$' <<<"$seen")" = 2 ]
[ "$(grep -c "^[23] classes HistGradientBoostingClassifier ValueError: Unable to create node 'TreeEnsembleClassifier'$" <<<"$seen")" = 2 ]
