#!/usr/bin/env bash
# Makes src/models/graph/onnx-messages.ts from onnx.proto beside it; with --check only says whether it is up to date.
set -euo pipefail
root="$(cd "$(dirname "$0")/.." && pwd)"
room="$root/src/models/graph"
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
mkdir "$work/proto"
cp "$room/onnx.proto" "$work/proto/onnx.proto"
cd "$work"
npm install --no-save --no-audit --no-fund --ignore-scripts --loglevel error \
  @bufbuild/buf@1.75.0 @bufbuild/protoc-gen-es@2.13.0
cat >buf.gen.yaml <<'YAML'
version: v2
inputs: [{ directory: proto }]
plugins:
  - local: node_modules/.bin/protoc-gen-es
    out: out
    opt: [target=ts, import_extension=js, erasable_syntax=true]
YAML
npx buf generate
if [ "${1:-}" = --check ]; then
  diff -q out/onnx_pb.ts "$room/onnx-messages.ts" || { echo "run scripts/onnx-messages.sh"; exit 1; }
else
  cp out/onnx_pb.ts "$room/onnx-messages.ts"
fi
