#!/usr/bin/env bash
# Models as today's exporters write them (PyPI, pinned; PyTorch from Debian): each is imported, served over HTTP, and answers as
# Python's ONNX Runtime of the same version does, alone and in a batch of 64; what cannot be served as it is is refused
# with its cure, repaired by check --fix, and then answers the same. Prints the table of docs/models.md. Needs python3, PyPI and a
# build (npm run build).
set -euo pipefail
source "$(dirname "$0")/packages-preamble.sh"
python="${EXPORTERS_PYTHON:-$work/venv/bin/python}" # one that has them all installed saves the installation
[ -n "${EXPORTERS_PYTHON:-}" ] || install_packages "one of the exporters" -r test/real/exporters/requirements.txt

# PyPI's torch for Linux cannot be imported without NVIDIA's libraries. Debian's is for processors only; it is unpacked here
# and installed nowhere.
export_by_torch() {
  local root="$work/debian" cache="$work/debs" libraries
  mkdir -p "$cache/partial" "$root"
  apt-get install -y -qq --no-install-recommends --download-only -o "Dir::Cache::archives=$cache" python3-torch python3-numpy >/dev/null || return 1
  for package in "$cache"/*.deb; do dpkg -x "$package" "$root" || return 1; done
  libraries="$(find "$root/usr/lib" "$root/lib" -maxdepth 3 -type d \( -name '*-linux-gnu' -o -name blas -o -name lapack \) -printf '%p:' 2>/dev/null)$root/usr/lib"
  PYTHONPATH="$root/usr/lib/python3/dist-packages" LD_LIBRARY_PATH="$libraries" \
    /usr/bin/python3 test/real/exporters/export_torch.py "$work/torch"
}
torch=()
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null && export_by_torch >"$work/torch.log" 2>&1; then
  torch=("$work/torch")
else
  tail -2 "$work/torch.log" 2>/dev/null || true
  echo "PyTorch left out: Debian's python3-torch cannot be unpacked here (root and apt-get are needed)"
fi

mkdir "$work/exported" "$work/models"
"$python" test/real/exporters/export.py "$work/exported" "${torch[@]}"
if ls "$work/exported"/*.failed >/dev/null 2>&1; then
  echo "FAILED: an exporter failed, see above"
  failed=1
fi
node test/real/exporters/compare.mjs "$work/exported" "$work/models"
exit "${failed:-0}"
