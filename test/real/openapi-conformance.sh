#!/usr/bin/env bash
# Schemathesis asks every operation of /openapi.json for what the document allows and forbids, and holds each answer
# against it: statuses, media types, headers, schemas. Needs Python 3.11 or newer with venv, and PyPI; about two minutes.
set -euo pipefail
cd "$(dirname "$0")/../.."
if [ "${1:-}" != "--with-server" ]; then
  python3 -c 'import sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null ||
    { echo "skipped: it needs Python 3.11 or newer with venv"; exit 0; }
  exec test/real/with-server.sh test/real/openapi-conformance.sh --with-server
fi

work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
test/real/python-packages.sh "$work/venv" schemathesis==4.32.5
# What no schema can say: how many bytes a binary body has, how many values a model reads, that a version exists. And 413 is
# a refusal, 503 and 504 are answers that callers have to expect.
# The second round has names that exist, and so gets further.
cd "$work"
printf '[parameters]\n"path.model" = "other"\n"path.version" = "1"\n' >named.toml
: >any.toml
cat >checks.toml <<'END'
[checks]
positive_data_acceptance.enabled = false
[checks.not_a_server_error]
expected-statuses = ["2xx", "3xx", "4xx", 503, 504]
[checks.negative_data_rejection]
expected-statuses = [400, 401, 403, 404, 405, 409, 413, 415, 422, 429, 431, 503, 504]
END
for round in any named; do
  cat "$round.toml" checks.toml >schemathesis.toml
  venv/bin/schemathesis --config-file schemathesis.toml run "http://$DIEGATE_HOST/openapi.json" \
    -H "x-api-key: $DIEGATE_KEY" --phases examples,coverage,fuzzing --max-examples 8 --seed 1 --request-timeout 20 \
    --no-color >said 2>&1 || { cut -c1-400 said | tail -200; exit 1; }
  grep -E '^  Tested:|generated, ' said
done
