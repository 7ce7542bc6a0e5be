#!/usr/bin/env bash
# How scripts begin that need packages of PyPI; they source it. It goes to the root of the checkout and makes the folder
# $work, which ends with the script (by `finish`, which a script may define anew).
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
work="$(mktemp -d)"
finish() { rm -rf "$work"; }
trap finish EXIT

# install_packages WHAT PACKAGE...: installs into the virtual environment $work/venv; where that is not possible the script
# ends there with 0, and says that WHAT is missing.
install_packages() {
  local what="$1"
  shift
  if ! command -v python3 >/dev/null; then
    echo "skipped: it needs python3"
    exit 0
  fi
  if ! test/real/python-packages.sh "$work/venv" "$@" >"$work/pip.log" 2>&1; then
    tail -3 "$work/pip.log"
    echo "skipped: $what cannot be installed from PyPI here"
    exit 0
  fi
}
