#!/usr/bin/env bash
# A real disk under the records: full, read-only, removed. Needs Linux and the right to mount a tmpfs (root); a minute.
set -euo pipefail
cd "$(dirname "$0")/../.."
[ -f dist/main.js ] || npm run --silent build
work="$(mktemp -d)"
disk="$work/disk"
server=""
end() {
  [ -z "$server" ] || kill -9 "$server" 2>/dev/null || true
  umount "$disk" 2>/dev/null || true
  rm -rf "$work"
}
trap end EXIT
mkdir "$disk"
mount -t tmpfs -o size=4m tmpfs "$disk" 2>/dev/null || { echo "skipped: it needs the right to mount"; exit 0; }

start() { # ON_STALL
  env HOST=127.0.0.1 PORT=0 INFERENCE_WORKERS=1 LOG_LEVEL=info LOG_PREDICTIONS=0 RECORDS_DIR="$disk/records" RECORDS_BUFFER_MB=1 \
    RECORDS_ON_STALL="$1" node dist/main.js >"$work/log" 2>"$work/said" &
  server=$!
  for _ in $(seq 100); do
    url="$(sed -n 's/.* is ready on \(http[^ ]*\).*/\1/p' "$work/said")"
    [ -z "$url" ] || break
    sleep 0.1
  done
  [ -n "$url" ] || { cat "$work/said"; exit 1; }
  curl -s "$url/models/die-defect/example" >"$work/die.json"
}
stop() {
  kill "$server"
  wait "$server" || { echo "the server did not end well"; exit 1; }
  server=""
}
status() { curl -s -o "$work/answer" -w '%{http_code}' -H 'content-type: application/json' -d "@$work/die.json" "$url/predict"; }
until_status() { # EXPECTED
  for _ in $(seq 600); do
    found="$(status)"
    [ "$found" != "$1" ] || return 0
    [ "$1" = 200 ] && sleep 0.05
  done
  echo "expected $1, found $found: $(cat "$work/answer")"
  exit 1
}
ready() { curl -s -o /dev/null -w '%{http_code}' "$url/ready"; }
expect() { # WHAT EXPECTED FOUND
  [ "$2" = "$3" ] || { echo "$1: expected $2, found $3"; exit 1; }
}
verify() {
  node dist/main.js audit verify "$disk/records" >"$work/verified" || { cat "$work/verified"; exit 1; }
  tail -n +1 "$work/verified" | grep "are as they were written"
}

echo "full disk, refuse"
start refuse
until_status 200
dd if=/dev/zero of="$disk/ballast" bs=64k count=100 2>/dev/null || true
until_status 503
grep -q records_unavailable "$work/answer"
expect "/ready on a full disk" 503 "$(ready)"
rm "$disk/ballast"
until_status 200
expect "/ready again" 200 "$(ready)"
stop
verify

echo "full disk, drop: answered, counted, told by a record"
start drop
until_status 200
dd if=/dev/zero of="$disk/ballast" bs=64k count=100 2>/dev/null || true
node -e '
  const [url, file] = process.argv.slice(1);
  const body = require("node:fs").readFileSync(file);
  const send = () => fetch(`${url}/predict`, { method: "POST", headers: { "content-type": "application/json" }, body });
  (async () => {
    for (let i = 0; i < 8000; i += 50) {
      const all = await Promise.all(Array.from({ length: 50 }, send));
      for (const answer of all) { await answer.arrayBuffer(); if (answer.status !== 200) throw new Error(answer.status); }
    }
  })().catch((error) => { console.error(error); process.exit(1); });
' "$url" "$work/die.json"
missed="$(curl -s "$url/metrics" | sed -n 's/^records_missed_total //p')"
[ "$missed" -gt 0 ] || { echo "records_missed_total: found $missed, expected more than 0"; exit 1; }
rm "$disk/ballast"
for _ in $(seq 100); do
  [ "$(curl -s "$url/metrics" | sed -n 's/^records_total{kind="gap"} //p')" = 0 ] || break
  sleep 0.1
done
expect "records of the gap" 1 "$(curl -s "$url/metrics" | sed -n 's/^records_total{kind="gap"} //p')"
stop
verify

echo "read-only disk, refuse"
start refuse
until_status 200
# A file that is open for writing keeps the disk from being remounted: the segment is ended by an open of another kind.
if mount -o remount,ro "$disk" 2>/dev/null; then
  until_status 503
  mount -o remount,rw "$disk"
  until_status 200
else
  echo "  (not remounted: a file is open for writing; a start on a read-only disk instead)"
fi
stop
verify
mount -o remount,ro "$disk"
if env HOST=127.0.0.1 PORT=0 RECORDS_DIR="$disk/records" timeout 20 node dist/main.js >/dev/null 2>"$work/said"; then
  echo "it started on a read-only disk"
  exit 1
fi
grep "RECORDS_DIR: .* cannot be written to" "$work/said"
mount -o remount,rw "$disk"

echo "removed open segment"
start refuse
until_status 200
sleep 1.2
rm "$disk"/records/*.open
until_status 503
until_status 200
sleep 0.5
expect "records of the gap" 1 "$(curl -s "$url/metrics" | sed -n 's/^records_total{kind="gap"} //p')"
stop
if node dist/main.js audit verify "$disk/records" 2>"$work/said"; then
  echo "nobody noticed that records are missing"
  exit 1
fi
grep "are missing" "$work/said"
echo "all as it should be"
