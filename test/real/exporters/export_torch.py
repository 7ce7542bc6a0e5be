"""Writes ONNX files by PyTorch's TorchScript exporter (torch.onnx.export), for export.py to take: it runs by Debian's
python3 with Debian's torch, which is for processors only."""

import pathlib
import sys

import torch

out = pathlib.Path(sys.argv[1])
out.mkdir()
torch.manual_seed(3)


class Kinds(torch.nn.Module):
    """Probabilities of three kinds by any layers before."""

    def __init__(self, *layers):
        super().__init__()
        self.layers = torch.nn.Sequential(*layers)

    def forward(self, row):
        return torch.softmax(self.layers(row), 1)


class LastStep(torch.nn.Module):
    """A sequence of four steps of three values each."""

    def __init__(self):
        super().__init__()
        self.steps = torch.nn.LSTM(3, 8, batch_first=True)

    def forward(self, row):
        return self.steps(row)[0][:, -1]


nn = torch.nn
models = {
    "dense": ((12,), Kinds(nn.Linear(12, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Linear(32, 3)), True),
    "static-batch": ((12,), Kinds(nn.Linear(12, 16), nn.ReLU(), nn.Linear(16, 3)), False),
    "conv": ((1, 3, 4), Kinds(nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(96, 3)), True),
    "lstm": ((4, 3), Kinds(LastStep(), nn.Linear(8, 3)), True),
}
for name, (shape, model, is_dynamic) in models.items():
    axes = {"row": {0: "N"}, "probabilities": {0: "N"}} if is_dynamic else None
    torch.onnx.export(
        model.eval(),
        torch.zeros(1, *shape),
        str(out / f"{name}.onnx"),
        input_names=["row"],
        output_names=["probabilities"],
        dynamic_axes=axes,
        opset_version=17,
    )
(out / "version").write_text(torch.__version__)
