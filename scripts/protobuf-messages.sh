#!/usr/bin/env bash
# Makes NAME-messages.ts from every NAME.proto beside it; with --check only says whether they are up to date.
set -euo pipefail
root="$(cd "$(dirname "$0")/.." && pwd)"
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
mkdir "$work/proto"
protos="$(cd "$root" && git ls-files 'src/*.proto')"
for proto in $protos; do cp "$root/$proto" "$work/proto/"; done
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
for proto in $protos; do
  name="$(basename "$proto" .proto)"
  messages="$root/$(dirname "$proto")/$name-messages.ts"
  if [ "${1:-}" = --check ]; then
    diff -q "out/${name}_pb.ts" "$messages" || { echo "run scripts/protobuf-messages.sh"; exit 1; }
  else
    cp "out/${name}_pb.ts" "$messages"
  fi
done
