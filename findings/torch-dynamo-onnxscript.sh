#!/usr/bin/env bash
# torch 2.6.0 (Debian 13's, for processors only), onnxscript 0.7.2, onnx 1.23.2: torch.onnx.export(dynamo=True).
#
# torch asks for onnxscript without naming a version. With the onnxscript of today it exports a convolution with ReLU and Linear, but no
# BatchNorm1d in eval mode: the translation of aten._native_batch_norm_legit_no_training, which has three results, ends in
#
#   AttributeError: 'tuple' object has no attribute 'dtype' and no __dict__ for setting new attributes
#
# With onnxscript 0.2.6, of the month of that torch, and onnx 1.18.0 (which needs protobuf below 7) the same model is exported.
# Needs root and Debian's debootstrap; exits with 1 if that changes, with 0 and a word where it cannot be tried.
set -euo pipefail
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null || ! apt-get install -y -qq --no-install-recommends debootstrap >/dev/null; then
  echo "skipped: it needs root and Debian's debootstrap"
  exit 0
fi
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
debian="$work/debian"
mirror="$(grep -rhoE '^(deb|URIs:) *(\[[^]]*\] *)?https?://[^ ]+/debian/?( |$)' /etc/apt/sources.list /etc/apt/sources.list.d 2>/dev/null | grep -oE 'https?://[^ ]+' | head -1 || true)"
debootstrap --variant=minbase --include=python3-torch,python3-venv,ca-certificates trixie "$debian" "$mirror" >"$work/log" 2>&1
cp /etc/resolv.conf "$debian/etc/"
cp -L /etc/ssl/certs/ca-certificates.crt "$debian/etc/ssl/certs/"
cat >"$debian/export.py" <<'PYTHON'
import sys

import torch

nn = torch.nn
layers = {"linear": [nn.Linear(12, 3)], "norm": [nn.Linear(12, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Linear(32, 3)]}
model = nn.Sequential(*layers[sys.argv[1]]).eval()
torch.onnx.export(model, (torch.zeros(2, 12),), dynamo=True, verbose=False).save(f"/{sys.argv[1]}.onnx")
PYTHON
exports() { chroot "$debian" /venv/bin/python /export.py "$1" >"$work/said" 2>&1; }
install() { chroot "$debian" /venv/bin/pip install --quiet --only-binary :all: "$@" >"$work/log" 2>&1; }
chroot "$debian" python3 -m venv --system-site-packages /venv
install onnx==1.23.2 onnxscript==0.7.2
exports linear || { echo "changed: no Linear either"; exit 1; }
if exports norm; then echo "changed: BatchNorm1d is exported"; exit 1; fi
grep -q "'tuple' object has no attribute 'dtype'" "$work/said" || { tail -3 "$work/said"; echo "changed: another error"; exit 1; }
install onnx==1.18.0 onnxscript==0.2.6 protobuf==5.29.5 ml_dtypes==0.5.1
exports norm || { tail -3 "$work/said"; echo "changed: onnxscript 0.2.6 does not export it either"; exit 1; }
echo "as described: onnxscript 0.7.2 cannot export BatchNorm1d from torch 2.6.0, 0.2.6 can"
