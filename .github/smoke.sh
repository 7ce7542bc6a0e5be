#!/usr/bin/env bash
# Smoke check of a running diegate: it is ready, and it answers its model's example die.
#
#   .github/smoke.sh http://127.0.0.1:8000
#
# It asks /ready, which no ingress of k8s/ lets in: on a cluster, through kubectl port-forward.
#
# SMOKE_API_KEY: key of a server that asks for one. SMOKE_ATTEMPTS: seconds to wait for readiness (60).
set -euo pipefail

url="${1:?the address of the server, such as http://127.0.0.1:8000}"
attempts="${SMOKE_ATTEMPTS:-60}"
key=()
if [ -n "${SMOKE_API_KEY:-}" ]; then key=(--header "x-api-key: ${SMOKE_API_KEY}"); fi
ask() { curl --silent --show-error --fail --max-time 5 "${key[@]}" "$@"; }

for ((attempt = 1; ; attempt++)); do
  if ask --output /dev/null "${url}/ready" 2>/dev/null; then break; fi
  if ((attempt >= attempts)); then
    echo "smoke: ${url}/ready is not 200 after ${attempts} attempts" >&2
    exit 1
  fi
  sleep 1
done

model="$(ask "${url}/models" | node -p 'const { default_model } = JSON.parse(fs.readFileSync(0, "utf8")); encodeURIComponent(default_model)')"
die="$(ask "${url}/models/${model}/example")"
answer="$(ask --header 'content-type: application/json' --data-binary "${die}" "${url}/predict")"
case "${answer}" in
  *'"prediction":"pass"'* | *'"prediction":"fail"'*) echo "smoke: ${url} answers ${answer}" ;;
  *)
    echo "smoke: ${url}/predict answered without a prediction: ${answer}" >&2
    exit 1
    ;;
esac
