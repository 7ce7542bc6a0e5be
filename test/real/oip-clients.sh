#!/usr/bin/env bash
# Triton's and KServe's own Python clients, with every call that they have over HTTP and gRPC, against a running server. Needs Python 3.11 or
# newer with venv, and PyPI; about two minutes, most of them to install.
set -euo pipefail
cd "$(dirname "$0")/../.."
if [ "${1:-}" != "--with-server" ]; then
  python3 -c 'import sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null ||
    { echo "skipped: it needs Python 3.11 or newer with venv"; exit 0; }
  exec test/real/with-server.sh test/real/oip-clients.sh --with-server
fi

work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
# Each in its own environment: they need different versions of the same packages.
test/real/python-packages.sh "$work/triton" "tritonclient[http,grpc]==2.73.0"
"$work/triton/bin/python" test/real/triton-calls.py "$DIEGATE_HOST" die-defect other "$DIEGATE_KEY"
"$work/triton/bin/python" test/real/triton-grpc-calls.py "$DIEGATE_HOST" die-defect other "$DIEGATE_KEY"
test/real/python-packages.sh "$work/kserve" kserve==0.21.0
curl -sf -o "$work/split.json" -X PUT -H "x-api-key: $DIEGATE_KEY" -H 'content-type: application/json' \
  -d '{"by":"die_id","weights":{"1":50,"2":50}}' "http://$DIEGATE_HOST/admin/models/other/split"
"$work/kserve/bin/python" test/real/kserve-calls.py "$DIEGATE_HOST" die-defect other "$DIEGATE_KEY"
"$work/kserve/bin/python" test/real/kserve-grpc-calls.py "$DIEGATE_HOST" die-defect "$DIEGATE_KEY"
