#!/usr/bin/env bash
# h2spec, the conformance suite of HTTP/2 and HPACK, against a running server. Needs Go, and the Go module proxy; half a minute.
set -euo pipefail
cd "$(dirname "$0")/../.."
if [ "${1:-}" != "--with-server" ]; then
  command -v go >/dev/null || { echo "skipped: it needs Go"; exit 0; }
  exec test/real/with-server.sh test/real/http2-conformance.sh --with-server
fi

work="$(mktemp -d)"
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
GOPATH="$work/go" GOBIN="$work" go install github.com/summerwind/h2spec/cmd/h2spec@v2.2.1+incompatible 2>"$work/go.log" ||
  { cat "$work/go.log"; exit 1; }
"$work/h2spec" --host "${DIEGATE_HOST%:*}" --port "${DIEGATE_HOST##*:}" --timeout 3 >"$work/found" || true
# A connection that does not begin as HTTP/2 does is HTTP/1.1's on this port, which answers it 400.
if grep "×" "$work/found" | grep -v "Sends invalid connection preface"; then exit 1; fi
grep "tests," "$work/found"
