#!/usr/bin/env bash
# diegate's own statistics against independent implementations (scipy and statsmodels from PyPI, pinned): the normal and
# Student's t distribution, intervals and tests of shares, the spread between wafers, the paired drop of the gate, the bootstrap of false alarms by lot, the stability index and the
# Kolmogorov-Smirnov distance. A part is a file of test/real/statistics/parts, which computes cases with the build, and a
# function of the same name in references.py. Prints the largest deviation of each part. Needs python3, PyPI and a build.
set -euo pipefail
source "$(dirname "$0")/packages-preamble.sh"
python="${STATISTICS_PYTHON:-$work/venv/bin/python}" # one that has them all installed saves the installation
[ -n "${STATISTICS_PYTHON:-}" ] || install_packages "scipy or statsmodels" -r test/real/statistics/requirements.txt
[ -d dist/statistics ] || npm run --silent build
node test/real/statistics/cases.mjs "$@" >"$work/cases.json"
"$python" test/real/statistics/compare.py "$work/cases.json"
