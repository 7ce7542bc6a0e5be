"""Writes cases by PyTorch's exporter of today (torch.onnx.export, dynamo=True), which lays the weights beside the graph."""

import pathlib
import tempfile

import onnxscript
import torch
from cases import LABELS, write

torch.manual_seed(3)
nn = torch.nn


class Kinds(nn.Module):
    """Probabilities of three kinds by any layers before."""

    def __init__(self, *layers):
        super().__init__()
        self.layers = nn.Sequential(*layers)

    def forward(self, row):
        return torch.softmax(self.layers(row), 1)


MODELS = {
    "dense": ((12,), Kinds(nn.Linear(12, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Linear(32, 3))),
    "conv": ((1, 3, 4), Kinds(nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(96, 3))),
}
exporter = f"torch {torch.__version__} (Debian), dynamo, onnxscript {onnxscript.__version__}"
for name, (shape, model) in MODELS.items():
    program = torch.onnx.export(
        model.eval(),
        (torch.zeros(2, *shape),),
        dynamo=True,
        verbose=False,
        input_names=["row"],
        output_names=["probabilities"],
        dynamic_shapes={"row": {0: torch.export.Dim("N", min=1)}},
    )
    with tempfile.TemporaryDirectory() as folder:
        program.save(str(pathlib.Path(folder) / "model.onnx"), external_data=True)
        write(f"torch-dynamo-{name}", exporter, pathlib.Path(folder), "probabilities", LABELS)
