"""Writes dense.onnx (a classifier of scikit-learn) and conv.onnx (two convolutions, for maps of 8 x 8), both of 64 parameters,
the labelled dies and the parameters' names."""

import json
import pathlib
import sys
import warnings

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from skl2onnx import to_onnx
from sklearn.neural_network import MLPClassifier

warnings.filterwarnings("ignore")
out = pathlib.Path(sys.argv[1])
rng = np.random.default_rng(11)
P, DIES = 64, 2000
mixing = rng.normal(size=(12, P))
X = (rng.normal(size=(DIES, 12)) @ mixing + 0.3 * rng.normal(size=(DIES, P))).astype(np.float32)
bad = (X[:, :4].sum(1) + rng.normal(size=DIES) > 4).astype(np.int64)

model = MLPClassifier((96, 48), max_iter=60, random_state=0).fit(X, bad)
made = to_onnx(model, X[:1], options={id(model): {"zipmap": False}}, target_opset=17)
onnx.save_model(made, out / "dense.onnx")


def weights(name, *shape):
    return numpy_helper.from_array((rng.normal(size=shape) / np.sqrt(np.prod(shape[1:]))).astype(np.float32), name)


nodes = [
    helper.make_node("Conv", ["x", "w1", "b1"], ["c1"], pads=[1, 1, 1, 1]),
    helper.make_node("Relu", ["c1"], ["r1"]),
    helper.make_node("Conv", ["r1", "w2", "b2"], ["c2"], strides=[2, 2]),
    helper.make_node("Relu", ["c2"], ["r2"]),
    helper.make_node("Flatten", ["r2"], ["f"]),
    helper.make_node("Gemm", ["f", "w3", "b3"], ["g"], transB=1),
    helper.make_node("Softmax", ["g"], ["probabilities"], axis=1),
]
values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", *shape]) for name, shape in (("x", (1, 8, 8)), ("probabilities", (2,)))]
tensors = [weights("w1", 16, 1, 3, 3), weights("b1", 16), weights("w2", 24, 16, 3, 3), weights("b2", 24), weights("w3", 2, 216), weights("b3", 2)]
graph = helper.make_graph(nodes, "g", values[:1], values[1:], tensors)
onnx.save_model(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), out / "conv.onnx")

names = [f"t{i}" for i in range(P)]
(out / "parameters.json").write_text(json.dumps([{"name": name} for name in names]))
np.save(out / "dies.npy", X)
lines = [",".join([*(repr(float(value)) for value in row), "fail" if one else "pass"]) for row, one in zip(X, bad)]
(out / "dies.csv").write_text("\n".join([",".join([*names, "label"]), *lines]) + "\n")
