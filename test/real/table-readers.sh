#!/usr/bin/env bash
# What `diegate table` writes, read by others (PyPI, pinned): pyarrow and DuckDB read the Parquet file and the CSV, and each cell is held
# against pystdf's reading of the same lot; the SQL of docs/table.md runs. Of a simulated lot, and of the real lot beside the project where it is
# there. Needs python3, PyPI and a build.
set -euo pipefail
source "$(dirname "$0")/packages-preamble.sh"
install_packages "duckdb, pyarrow or pystdf" duckdb==2.0.1 pyarrow==26.0.1 pystdf==1.4.0
node dist/main.js simulate --seed 11 --wafers 2 --across 15 -o "$work/simulated.stdf" >/dev/null
lots=("$work/simulated.stdf")
real=../shared/data/lot2.stdf.gz
if [ -f "$real" ]; then lots+=("$real"); else echo "without the real lot: $real is not there"; fi
for lot in "${lots[@]}"; do
  tables="$work/tables"
  rm -rf "$tables"
  mkdir "$tables"
  node dist/main.js table "$lot" --out "$tables/lot.parquet" >/dev/null
  node dist/main.js table "$lot" --out "$tables/lot.csv" >/dev/null
  node dist/main.js table "$lot" --long --out "$tables/long.parquet" >/dev/null
  "$work/venv/bin/python" test/real/table/compare.py "$lot" "$tables" docs/table.md
done
