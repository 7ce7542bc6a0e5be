#!/usr/bin/env bash
# Models as today's exporters write them (PyPI, pinned): each is imported, served over HTTP, and answers as Python's
# ONNX Runtime of the same version does, alone and in a batch of 64; what cannot be served is refused with its cure.
# Prints the table of docs/models.md. Needs python3, PyPI and a build (npm run build).
set -euo pipefail
cd "$(dirname "$0")/../.."
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

if ! command -v python3 >/dev/null; then
  echo "skipped: it needs python3"
  exit 0
fi
python="${EXPORTERS_PYTHON:-$work/venv/bin/python}" # one that has them all installed saves the installation
if [ -z "${EXPORTERS_PYTHON:-}" ]; then
  if ! test/real/python-packages.sh "$work/venv" -r test/real/exporters/requirements.txt >"$work/pip.log" 2>&1; then
    tail -3 "$work/pip.log"
    echo "skipped: the exporters cannot be installed from PyPI here"
    exit 0
  fi
fi
mkdir "$work/exported" "$work/models"
"$python" test/real/exporters/export.py "$work/exported"
if ls "$work/exported"/*.failed >/dev/null 2>&1; then
  echo "FAILED: an exporter failed, see above"
  failed=1
fi
node test/real/exporters/compare.mjs "$work/exported" "$work/models"
exit "${failed:-0}"
