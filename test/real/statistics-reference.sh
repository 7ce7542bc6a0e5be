#!/usr/bin/env bash
# diegate's own statistics against independent implementations (scipy and statsmodels from PyPI, pinned): the normal and
# Student's t distribution, intervals and tests of shares, the spread between wafers, the paired drop of the gate, the bootstrap of false alarms by lot, the stability index and the
# Kolmogorov-Smirnov distance. A part is a file of test/real/statistics/parts, which computes cases with the build, and a
# function of the same name in references.py. Prints the largest deviation of each part. Needs python3, PyPI and a build.
set -euo pipefail
cd "$(dirname "$0")/../.."
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

if ! command -v python3 >/dev/null; then
  echo "skipped: it needs python3"
  exit 0
fi
python="${STATISTICS_PYTHON:-$work/venv/bin/python}" # one that has them all installed saves the installation
if [ -z "${STATISTICS_PYTHON:-}" ]; then
  if ! test/real/python-packages.sh "$work/venv" -r test/real/statistics/requirements.txt >"$work/pip.log" 2>&1; then
    tail -3 "$work/pip.log"
    echo "skipped: scipy and statsmodels cannot be installed from PyPI here"
    exit 0
  fi
fi
[ -d dist/statistics ] || npm run --silent build
node test/real/statistics/cases.mjs "$@" >"$work/cases.json"
"$python" test/real/statistics/compare.py "$work/cases.json"
