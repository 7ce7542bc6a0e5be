#!/usr/bin/env bash
# diegate inspect beside rust-stdf 1.1.0, the reader of STDF in Rust: both read every record of a lot and go over every
# result. Needs cargo and crates.io; about a minute to build, and a built diegate (npm run build).
#
#     bench/rust-stdf.sh lot.stdf [rounds]
#
# `owned` makes an object of each record, as a program that reads lots with it does first; `views` reads the fields it needs from
# the bytes where they lie. Both add up results that can be used; inspect has mean, deviation and extremes of each test,
# yields, bins, sites and dies besides. Whole processes by turns, the median of elapsed and of processor time.
set -euo pipefail
cd "$(dirname "$0")/.."
lot="${1:?expected a lot file, not packed: bench/rust-stdf.sh lot.stdf [rounds]}"
rounds="${2:-5}"
command -v cargo >/dev/null || { echo "skipped: it needs cargo"; exit 0; }
[ -x /usr/bin/time ] || { echo "skipped: it needs GNU time"; exit 0; }
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/count/src"
cat >"$work/count/Cargo.toml" <<'TOML'
[package]
name = "count"
version = "0.0.0"
edition = "2021"

[dependencies]
rust-stdf = { version = "=1.1.0", default-features = false }
TOML
cat >"$work/count/src/main.rs" <<'RUST'
use rust_stdf::{stdf_file::*, StdfRecord, StdfRecordView};

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let mut reader = StdfReader::new(&args[2]).expect("an STDF file");
    let (mut records, mut results, mut sum) = (0u64, 0u64, 0f64);
    let mut take = |flags: u8, value: f32| {
        results += 1;
        if flags & 0x3f == 0 && value.is_finite() {
            sum += f64::from(value);
        }
    };
    if args[1] == "owned" {
        for record in reader.get_record_iter() {
            records += 1;
            if let StdfRecord::PTR(ptr) = record.expect("a record") {
                take(ptr.test_flg[0], ptr.result);
            }
        }
    } else {
        let mut iter = reader.get_rawdata_view_iter();
        while let Some(raw) = iter.next() {
            records += 1;
            if let StdfRecordView::PTR(ptr) = StdfRecordView::from(&raw.expect("a record")) {
                take(ptr.test_flg()[0], ptr.result());
            }
        }
    }
    println!("{records} records, {results} results, sum {sum:.6}");
}
RUST
(cd "$work/count" && cargo build --release --quiet)

# Elapsed and processor seconds of a command, as a line of a file.
timed() {
  local file="$1"
  shift
  /usr/bin/time -a -o "$file" -f '%e %U %S' "$@" >"$work/said"
}
median() { awk "{print $1}" "$2" | sort -n | awk '{v[NR] = $1} END {print v[int((NR + 1) / 2)]}'; }

for _ in $(seq "$rounds"); do
  timed "$work/owned" "$work/count/target/release/count" owned "$lot"
  timed "$work/views" "$work/count/target/release/count" views "$lot"
  cp "$work/said" "$work/counted"
  timed "$work/inspect" node dist/main.js inspect "$lot" --json
done
cat "$work/counted"
# The counts first: what reads less is no comparison.
node -e '
  const [records, results] = /^(\d+) records, (\d+) results/.exec(require("fs").readFileSync(process.argv[1], "utf8")).slice(1).map(Number);
  const found = JSON.parse(require("fs").readFileSync(process.argv[2], "utf8"));
  const ours = found.tests.filter(({ kind }) => kind !== "Ftr" && kind !== "Mpr").reduce((sum, test) => sum + test.results, 0);
  if (ours !== results) throw new Error(`inspect found ${ours} results, rust-stdf ${results} in ${records} records`);
' "$work/counted" "$work/said"
for name in owned views inspect; do
  echo "$name: $(median '$1' "$work/$name") s, processor $(median '$2 + $3' "$work/$name") s"
done
