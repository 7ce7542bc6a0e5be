#!/usr/bin/env bash
# python-packages.sh FOLDER PACKAGE...: a virtual environment with packages of PyPI, by uv, which downloads them side by side
# (mlflow with all that it needs takes seconds and not minutes); by pip where uv itself cannot be had.
set -euo pipefail
venv="$1"
shift
python3 -m venv "$venv"
if "$venv/bin/pip" install --quiet --disable-pip-version-check uv==0.13.9; then
  UV_CACHE_DIR="$venv/cache" "$venv/bin/uv" pip install --quiet --no-progress --python "$venv/bin/python" "$@"
  rm -rf "$venv/cache"
else
  "$venv/bin/pip" install --quiet --disable-pip-version-check "$@"
fi
