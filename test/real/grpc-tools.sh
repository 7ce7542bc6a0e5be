#!/usr/bin/env bash
# Tools that know nothing of diegate, over gRPC: grpcurl (by reflection), grpc_health_probe, ghz (a short load, in which no
# call fails). Needs Go, and the Go module proxy; about two minutes, nearly all of them to compile.
set -euo pipefail
cd "$(dirname "$0")/../.."
if [ "${1:-}" != "--with-server" ]; then
  command -v go >/dev/null || { echo "skipped: it needs Go"; exit 0; }
  exec test/real/with-server.sh test/real/grpc-tools.sh --with-server
fi

work="$(mktemp -d)"
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
install() { GOPATH="$work/go" GOBIN="$work" go install "$1" 2>"$work/go.log" || { cat "$work/go.log"; exit 1; }; }
install github.com/fullstorydev/grpcurl/cmd/grpcurl@v1.9.3
install github.com/grpc-ecosystem/grpc-health-probe@v0.4.40
install github.com/bojand/ghz/cmd/ghz@v0.121.0

expect() {
  local what="$1" wanted="$2" found="$3"
  [[ "$found" == *"$wanted"* ]] || { echo "not as expected: $what has no \"$wanted\": $found"; exit 1; }
}

service=inference.GRPCInferenceService
key=(-H "x-api-key: $DIEGATE_KEY")
curl_grpc() { "$work/grpcurl" -plaintext "$@" 2>&1 || true; }
services="$(curl_grpc "${key[@]}" "$DIEGATE_HOST" list)"
expect "the list" "$service" "$services"
expect "the list" grpc.health.v1.Health "$services"
expect "the description" "rpc ModelInfer" "$(curl_grpc "${key[@]}" "$DIEGATE_HOST" describe "$service")"
expect "ServerReady" '"ready": true' "$(curl_grpc -reflect-header "x-api-key: $DIEGATE_KEY" "$DIEGATE_HOST" "$service/ServerReady")"
expect "ModelMetadata" '"test_params"' "$(curl_grpc "${key[@]}" -d '{"name":"die-defect"}' "$DIEGATE_HOST" "$service/ModelMetadata")"
expect "no key" Unauthenticated "$(curl_grpc -reflect-header "x-api-key: $DIEGATE_KEY" "$DIEGATE_HOST" "$service/ServerMetadata")"
expect "a reader" PermissionDenied "$(curl_grpc -H "x-api-key: $DIEGATE_READER_KEY" -d '{"model_name":"other"}' "$DIEGATE_HOST" "$service/RepositoryModelUnload")"
expect "an unknown model" NotFound "$(curl_grpc "${key[@]}" -d '{"name":"nope"}' "$DIEGATE_HOST" "$service/ModelMetadata")"

curl -sf -H "x-api-key: $DIEGATE_KEY" "http://$DIEGATE_HOST/models/die-defect/example" >"$work/example.json"
node -e '
  const { readFileSync, writeFileSync } = require("node:fs");
  const [example, to] = process.argv.slice(1);
  const { test_params } = JSON.parse(readFileSync(example, "utf8"));
  const input = { name: "test_params", datatype: "FP32", shape: [1, test_params.length] };
  const raw = Buffer.from(new Float32Array(test_params).buffer).toString("base64");
  const write = (name, message) => writeFileSync(`${to}/${name}.json`, JSON.stringify({ model_name: "die-defect", ...message }));
  write("typed", { inputs: [{ ...input, contents: { fp32_contents: test_params } }] });
  write("raw", { inputs: [input], raw_input_contents: [raw] });
' "$work/example.json" "$work"
for form in typed raw; do
  answer="$(curl_grpc "${key[@]}" -d @ "$DIEGATE_HOST" "$service/ModelInfer" <"$work/$form.json")"
  expect "ModelInfer ($form)" '"modelVersion": "1"' "$answer"
  grep -A99 outputs <<<"$answer" >"$work/$form.answer"
done
echo "grpcurl: reflection, six methods, refusals, as expected"

probe() { "$work/grpc-health-probe" -addr "$DIEGATE_HOST" "$@" 2>&1; }
expect "the probe" "status: SERVING" "$(probe)"
expect "the probe of a model" "status: SERVING" "$(probe -service die-defect)"
expect "the probe of a version" "status: SERVING" "$(probe -service other/2)"
if unknown="$(probe -service nope)"; then echo "an unknown service passed the probe: $unknown"; exit 1; fi
echo "grpc_health_probe: the server, a model, a version, as expected"

"$work/ghz" --insecure --call "$service.ModelInfer" -m "{\"x-api-key\":\"$DIEGATE_KEY\"}" \
  --reflect-metadata "{\"x-api-key\":\"$DIEGATE_KEY\"}" -D "$work/raw.json" \
  -n 20000 -c 64 --connections 8 -O json -o "$work/ghz.json" "$DIEGATE_HOST"
node -e '
  const { count, rps, statusCodeDistribution, latencyDistribution } = JSON.parse(require("node:fs").readFileSync(process.argv[1]));
  if (statusCodeDistribution.OK !== 20000) throw new Error(`of ${count}: ${JSON.stringify(statusCodeDistribution)}`);
  const p99 = latencyDistribution.find(({ percentage }) => percentage === 99).latency / 1e6;
  console.log(`ghz: ${count} dies, all answered, ${Math.round(rps)} a second, 99% within ${p99.toFixed(1)} ms`);
' "$work/ghz.json"
