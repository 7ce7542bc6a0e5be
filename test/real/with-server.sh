#!/usr/bin/env bash
# with-server.sh COMMAND...: runs a command beside a diegate of this checkout, which ends with it. The command finds
# DIEGATE_HOST (address and port), DIEGATE_KEY (may do everything) and DIEGATE_READER_KEY (may read) in its environment.
# Models: die-defect/1, the default, and "other" with two versions that are the same.
set -euo pipefail
root="$(cd "$(dirname "$0")/../.." && pwd)"
work="$(mktemp -d)"
server=""
end() {
  if [ -n "$server" ]; then
    kill "$server" 2>/dev/null || true
    wait "$server" 2>/dev/null || true
  fi
  rm -rf "$work"
}
trap end EXIT

[ -f "$root/dist/main.js" ] || npm --prefix "$root" run --silent build
mkdir -p "$work/models/die-defect" "$work/models/other"
cp -r "$root/models/die-defect/1" "$work/models/die-defect/1"
for version in 1 2; do
  cp -r "$root/models/die-defect/1" "$work/models/other/$version"
  node -e '
    const { readFileSync, writeFileSync } = require("node:fs");
    const [file, version] = process.argv.slice(1);
    writeFileSync(file, JSON.stringify({ ...JSON.parse(readFileSync(file)), name: "other", version }));
  ' "$work/models/other/$version/manifest.json" "$version"
done
echo '{"defaultModel":"die-defect","models":{"die-defect":{"default":"1"},"other":{"default":"1"}}}' >"$work/models/serving.json"

export DIEGATE_KEY="key-for-everything" DIEGATE_READER_KEY="key-for-reading"
node -e '
  const { createHash } = require("node:crypto");
  const key = (id, key, permissions) => ({ id, sha256: createHash("sha256").update(key).digest("hex"), permissions });
  const { DIEGATE_KEY, DIEGATE_READER_KEY } = process.env;
  const keys = [key("all", DIEGATE_KEY, ["predict", "read", "admin"]), key("reader", DIEGATE_READER_KEY, ["read"])];
  require("node:fs").writeFileSync(process.argv[1], JSON.stringify({ keys }));
' "$work/keys.json"

env HOST=127.0.0.1 PORT=0 INFERENCE_WORKERS=1 MODEL_REPOSITORY="$work/models" API_KEYS_FILE="$work/keys.json" \
  METRICS_ACCESS=read DOCS_ACCESS=read LOG_LEVEL=error node "$root/dist/main.js" >"$work/log" 2>"$work/said" &
server=$!
for _ in $(seq 300); do
  DIEGATE_HOST="$(sed -n 's|.* is ready on http://\([^ ]*\).*|\1|p' "$work/said")"
  [ -z "$DIEGATE_HOST" ] || break
  kill -0 "$server" 2>/dev/null || { cat "$work/said"; exit 1; }
  sleep 0.2
done
[ -n "$DIEGATE_HOST" ] || { echo "the server is not ready after a minute"; cat "$work/said"; exit 1; }
export DIEGATE_HOST

result=0
"$@" || result=$?
# Whatever it was asked, nothing may have surprised the server.
if grep -q "unexpected error\|an observer failed" "$work/log"; then
  grep -m 5 "unexpected error\|an observer failed" "$work/log"
  result=1
fi
exit "$result"
