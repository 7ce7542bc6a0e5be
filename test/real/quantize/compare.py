"""Holds models/MODEL/2 (diegate's) and what quantize_static makes of models/MODEL/1 against models/MODEL/1 itself."""

import pathlib
import sys

import numpy as np
import onnx
import onnxruntime
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

onnxruntime.set_default_logger_severity(3)
work = pathlib.Path(sys.argv[1])
X = np.load(work / "dies.npy")
rng = np.random.default_rng(5)
# A half like the dies that it was calibrated on, and a half half as wild again.
fresh = np.concatenate([X[rng.permutation(len(X))[:300]], 1.5 * X[:300]]).astype(np.float32)


def session(path, optimized=None):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    if optimized is not None:
        options.optimized_model_filepath = str(optimized)
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def run(one, rows, batch):
    (entry,) = one.get_inputs()
    shaped = rows.reshape(len(rows), *entry.shape[1:])
    return np.concatenate([one.run(["probabilities"], {entry.name: shaped[i : i + batch]})[0] for i in range(0, len(rows), batch)])


failed = False
for model in ("dense", "conv"):
    source, ours = (work / "models" / model / version / "model.onnx" for version in "12")
    theirs = work / f"{model}-static.onnx"

    class Dies(CalibrationDataReader):
        def __init__(self):
            (entry,) = session(source).get_inputs()
            self.rows = iter([{entry.name: X[i : i + 16].reshape(-1, *entry.shape[1:])} for i in range(0, 1024, 16)])

        def get_next(self):
            return next(self.rows, None)

    quantize_static(
        source, theirs, Dies(), quant_format=QuantFormat.QDQ, per_channel=True, reduce_range=True,
        activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8, op_types_to_quantize=["Gemm", "MatMul", "Conv"],
    )  # fmt: skip
    expected = run(session(source), fresh, 64)
    optimized = work / f"{model}-optimized.onnx"
    mine = session(ours, optimized)
    alone, together = run(mine, fresh, 1), run(mine, fresh, 64)
    error = np.abs(together - expected).mean()
    other = np.abs(run(session(theirs), fresh, 64) - expected).mean()
    operators = {}
    for node in onnx.load(optimized).graph.node:
        operators[node.op_type] = operators.get(node.op_type, 0) + 1
    whole = {name: count for name, count in operators.items() if name.startswith("Q") or "Integer" in name}
    # What 8 bits compute is exact; float32 behind it may round otherwise alone, as it does in the original.
    before = session(source)
    was_same = np.array_equal(run(before, fresh, 1), expected)
    same = np.array_equal(alone, together)
    print(f"{model}: mean error {error:.2e}, of quantize_static {other:.2e}; alone and in batches {'the same bits' if same else 'as the original: last bits differ' if not was_same else 'OTHER BITS'}; runs {whole}")
    left = [name for name in ("Gemm", "MatMul", "Conv", "FusedConv", "FusedGemm") if name in operators]
    if (was_same and not same) or error > 1.2 * other + 1e-6 or left:
        print(f"FAILED: {model} {operators}")
        failed = True
sys.exit(failed)
