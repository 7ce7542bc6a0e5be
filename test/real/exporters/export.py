"""Writes one folder for each exported model: model.onnx, case.json with 64 dies, what Python's ONNX Runtime answers
to each alone, and what a person would say of the model (--set of diegate import). Arguments: the folder, and one with what
export_torch.py has written, where there is one."""

import os

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["CUDA_VISIBLE_DEVICES"] = ""

import contextlib
import logging
import pathlib
import sys
import warnings

import numpy as np
import onnx
import onnxruntime
from cases import DIES, LABELS, PARAMETERS, TARGET, X, dies, kind, out, rng, value, write

warnings.filterwarnings("ignore")
logging.disable(logging.WARNING)


@contextlib.contextmanager
def telling(name):
    """One exporter that fails is told of, and the others go on."""
    try:
        yield
    except Exception as error:
        said = f"{type(error).__name__}: {error}".splitlines()[0][:300]
        print(f"| {name} | WRONG: the exporter failed: {said} |")
        (out / f"{name}.failed").write_text(said)


def version(module):
    return f"{module.__name__} {module.__version__}"


def sklearn_models():
    import skl2onnx
    from skl2onnx import to_onnx
    from sklearn.compose import ColumnTransformer
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
    from sklearn.ensemble import ExtraTreesClassifier, GradientBoostingClassifier, RandomForestClassifier
    from sklearn.linear_model import LogisticRegression, Ridge
    from sklearn.naive_bayes import GaussianNB
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.neural_network import MLPClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import MinMaxScaler, StandardScaler
    from sklearn.tree import DecisionTreeClassifier

    classifiers = [
        LogisticRegression(),
        LinearDiscriminantAnalysis(),
        GaussianNB(),
        RandomForestClassifier(40, max_depth=6, random_state=0),
        ExtraTreesClassifier(40, max_depth=6, random_state=0),
        GradientBoostingClassifier(n_estimators=20, random_state=0),
        DecisionTreeClassifier(max_depth=5, random_state=0),
        KNeighborsClassifier(5),
        MLPClassifier((16,), max_iter=60, random_state=0),
    ]
    for model in classifiers:
        name = type(model).__name__
        with telling(name):
            made = to_onnx(model.fit(X, kind), X[:1], options={id(model): {"zipmap": False}}, target_opset=18)
            write(f"skl-{name}", version(skl2onnx), made, "probabilities", LABELS)
    ridge = to_onnx(Ridge().fit(X, value), X[:1], target_opset=18)
    write("skl-Ridge", version(skl2onnx), ridge, "variable", {**TARGET, "outputs": {"value": "variable"}})
    columns = ColumnTransformer([("a", StandardScaler(), [0, 1, 2]), ("b", MinMaxScaler(), [3, 4, 5])], remainder="passthrough")
    model = LogisticRegression()
    pipeline = make_pipeline(columns, model).fit(X, kind)
    made = to_onnx(pipeline, X[:1], options={id(model): {"zipmap": False}}, target_opset=18)
    write("skl-ColumnTransformer", version(skl2onnx), made, "probabilities", LABELS)
    zipmap = to_onnx(LogisticRegression().fit(X, kind), X[:1], target_opset=18)
    write("skl-zipmap", version(skl2onnx), zipmap, "output_probability", LABELS, expected="refused", cure="zipmap")


def boosted_models():
    import catboost
    import lightgbm
    import onnxmltools
    import xgboost
    from onnxmltools.convert.common.data_types import FloatTensorType

    entry = [("input", FloatTensorType([None, PARAMETERS]))]
    light = lightgbm.LGBMClassifier(n_estimators=20, num_leaves=15, verbose=-1).fit(X, kind)
    made = onnxmltools.convert_lightgbm(light, initial_types=entry, zipmap=False, target_opset=15)
    write("lightgbm", f"{version(lightgbm)}, {version(onnxmltools)}", made, "probabilities", LABELS)
    boost = xgboost.XGBClassifier(n_estimators=20, max_depth=4).fit(X, kind)
    made = onnxmltools.convert_xgboost(boost, initial_types=entry, target_opset=15)
    write("xgboost", f"{version(xgboost)}, {version(onnxmltools)}", made, "probabilities", LABELS)
    cat = catboost.CatBoostClassifier(iterations=30, depth=4, verbose=False, allow_writing_files=False).fit(X, kind)
    cat.save_model(str(out / "cat.onnx"), format="onnx")
    write("catboost", version(catboost), (out / "cat.onnx").read_bytes(), "probabilities", LABELS, expected="refused", cure="check --fix")
    cat = catboost.CatBoostRegressor(iterations=30, depth=4, verbose=False, allow_writing_files=False).fit(X, value)
    cat.save_model(str(out / "cat.onnx"), format="onnx")
    write("catboost-regressor", version(catboost), (out / "cat.onnx").read_bytes(), "predictions", {**TARGET, "outputs": {"value": "predictions"}})


def quantised_models():
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, quantize_dynamic, quantize_static

    source = out / "skl-MLPClassifier" / "model.onnx"

    class Dies(CalibrationDataReader):
        def __init__(self):
            self.rows = iter([{"X": X[i : i + 1]} for i in range(100)])

        def get_next(self):
            return next(self.rows, None)

    quantize_static(source, out / "static.onnx", Dies(), quant_format=QuantFormat.QDQ)
    write("ort-static-int8", version(onnxruntime), (out / "static.onnx").read_bytes(), "probabilities", LABELS)
    quantize_dynamic(source, out / "dynamic.onnx")
    write("ort-dynamic-int8", version(onnxruntime), (out / "dynamic.onnx").read_bytes(), "probabilities", LABELS)


def keras_models():
    import keras
    import tensorflow
    import tf2onnx

    exporter = f"keras {keras.__version__} export (tensorflow {tensorflow.__version__}, tf2onnx {tf2onnx.__version__})"
    layers = keras.layers
    # Not layers.Normalization: its mean and variance become inputs without values (findings/keras-onnx-normalization.sh).
    scaling = layers.BatchNormalization()
    tail = [layers.Dense(16, activation="relu"), layers.Dense(3, activation="softmax", name="probabilities")]
    models = {
        "dense": [keras.Input((PARAMETERS,), name="row"), scaling, *tail],
        "conv": [keras.Input((3, 4, 1), name="row"), layers.Conv2D(4, 2, activation="relu"), layers.Flatten(), layers.Dense(3, activation="softmax", name="probabilities")],
    }
    for name, parts in models.items():
        with telling(f"keras-{name}"):
            model = keras.Sequential(parts)
            model(np.zeros((1, *parts[0].shape[1:]), np.float32))  # it exports no model that was never called
            model.export(str(out / "keras.onnx"), format="onnx", verbose=False)
            made = onnx.load(out / "keras.onnx")
            write(f"keras-{name}", exporter, made, made.graph.output[0].name, LABELS)


def torch_models():
    if len(sys.argv) < 3:
        return
    folder = pathlib.Path(sys.argv[2])
    exporter = f"torch {(folder / 'version').read_text()} (Debian), TorchScript exporter"
    for path in sorted(folder.glob("*.onnx")):
        write(f"torch-{path.stem}", exporter, path.read_bytes(), "probabilities", LABELS)


for make in (sklearn_models, boosted_models, quantised_models, keras_models, torch_models):
    with telling(make.__name__):
        make()
