"""A case is a folder with an exported model, 64 dies, and what Python's ONNX Runtime answers to each of them alone."""

import json
import pathlib
import shutil
import sys

import numpy as np
import onnx
import onnxruntime

onnxruntime.set_default_logger_severity(3)
out = pathlib.Path(sys.argv[1])
rng = np.random.default_rng(7)
PARAMETERS, DIES = 12, 64
X = rng.normal(size=(600, PARAMETERS)).astype(np.float32)
kind = np.digitize(X[:, 0] + 0.5 * X[:, 1] + 0.2 * rng.normal(size=600), [-0.7, 0.7]).astype(np.int64)
value = (X @ rng.normal(size=PARAMETERS) + 3).astype(np.float32)
dies = rng.normal(size=(DIES, PARAMETERS)).astype(np.float32)

LABELS = {"labels": ["low", "good", "high"], "passLabels": ["good"]}
TARGET = {"task": "regression", "target": {"name": "value", "lowLimit": 0, "standardError": 1}}


def numbers(answer):
    """The numbers of an answer to one die, those of a map (of a ZipMap) in its order."""
    if isinstance(answer, list):
        return [float(value) for value in answer[0].values()]
    return np.asarray(answer, np.float64).reshape(-1).tolist()


def write(name, exporter, model, output, said, expected="as is", cure=None):
    """
    @param model: of onnx, bytes, or a folder with model.onnx and its weights
    @param cure: what a refusal has to say; the model is then repaired by diegate check --fix and served so
    """
    folder = out / name
    folder.mkdir(parents=True)
    path = folder / "model.onnx"
    if isinstance(model, pathlib.Path):
        shutil.copytree(model, folder, dirs_exist_ok=True)
    elif isinstance(model, bytes):
        path.write_bytes(model)
    else:
        onnx.save_model(model, path)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    (entry,) = session.get_inputs()
    rows = dies.reshape(DIES, *[size for size in entry.shape[1:]])
    answers = [numbers(session.run([output], {entry.name: rows[i : i + 1]})[0]) for i in range(DIES)]
    case = {"name": name, "exporter": exporter, "expected": expected, "cure": cure, "set": said, "dies": dies.astype(np.float64).tolist(), "answers": answers}
    (folder / "case.json").write_text(json.dumps(case))
