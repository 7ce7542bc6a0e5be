#!/usr/bin/env bash
# Every overlay of k8s/ is built by the real kustomize and held against the rules by the real promtool: labels of the
# targets, errors of one Service alone, schemas. Builds kustomize in a temporary folder where there is none.
set -euo pipefail
cd "$(dirname "$0")/../.."

KUSTOMIZE=sigs.k8s.io/kustomize/kustomize/v5@v5.7.1

if ! command -v promtool >/dev/null; then
  echo "skipped: no promtool on the PATH (Debian: apt-get install prometheus)"
  exit 1
fi
if ! command -v kustomize >/dev/null && ! kubectl kustomize k8s/overlays/edge >/dev/null 2>&1; then
  if ! command -v go >/dev/null; then
    echo "skipped: neither kustomize nor kubectl is here, nor a Go that could build $KUSTOMIZE"
    exit 1
  fi
  folder="$(mktemp -d)"
  trap 'chmod -R u+w "$folder"; rm -rf "$folder"' EXIT
  GOPATH="$folder/go" GOBIN="$folder" go install "$KUSTOMIZE"
  PATH="$folder:$PATH"
fi
npx vitest run test/k8s
