#!/usr/bin/env bash
# Models by PyTorch's exporter of today (dynamo=True: two files, the weights beside the graph), held against Python's ONNX
# Runtime as exporters.sh does. PyPI's torch for Linux cannot be imported without NVIDIA's libraries and Debian 12's has no such exporter,
# so that Debian 13 is unpacked into a temporary folder, with its torch 2.6 for processors only. Needs root, apt-get, PyPI and a build; three
# minutes.
set -euo pipefail
cd "$(dirname "$0")/../.."
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null || ! apt-get install -y -qq --no-install-recommends debootstrap >/dev/null; then
  echo "skipped: it needs root and Debian's debootstrap"
  exit 0
fi
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
debian="$work/debian"
mirror="$(grep -rhoE '^(deb|URIs:) *(\[[^]]*\] *)?https?://[^ ]+/debian/?( |$)' /etc/apt/sources.list /etc/apt/sources.list.d 2>/dev/null | grep -oE 'https?://[^ ]+' | head -1 || true)"
if [ -z "$mirror" ] || ! debootstrap --variant=minbase --include=python3-torch,python3-venv,ca-certificates trixie "$debian" "$mirror" >"$work/debian.log" 2>&1; then
  tail -2 "$work/debian.log" 2>/dev/null || true
  echo "skipped: Debian 13 cannot be unpacked here"
  exit 0
fi
cp /etc/resolv.conf "$debian/etc/"
cp -L /etc/ssl/certs/ca-certificates.crt "$debian/etc/ssl/certs/"
cp -r test/real/exporters "$debian/exporters"
# onnxscript of the month of that torch; what is newer does not fit it, nor newer protobuf onnx 1.18.
packages="onnx==1.18.0 onnxscript==0.2.6 onnxruntime==1.30.0 protobuf==5.29.5 ml_dtypes==0.5.1"
chroot "$debian" bash -c "
  set -e
  python3 -m venv --system-site-packages /venv
  /venv/bin/pip install --quiet --only-binary :all: $packages
  mkdir /exported
  /venv/bin/python /exporters/export_torch_dynamo.py /exported
" >"$work/export.log" 2>&1 || {
  tail -5 "$work/export.log"
  echo "FAILED: the exporter failed"
  exit 1
}
mkdir "$work/models"
node test/real/exporters/compare.mjs "$debian/exported" "$work/models"
