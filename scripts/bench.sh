#!/usr/bin/env bash
# Measures the release binary beside its floors, and writes the figures into docs/performance.md.
# bench.sh: everything. bench.sh soak: the same work for SOAK seconds (half an hour). bench.sh smoke: everything, small, on the
# debug binary, for whether the answers are right; figures mean nothing then and are written nowhere.
# ONLY="reads writes" chooses scenarios: idle reads writes repeats overload waiting scale; their figures are shown and written nowhere. TIME, ROUNDS, ROWS, CALLERS,
# WAITING, KKTS choose sizes; BINARY another program, LITEBOX_… other settings of the server.
set -euo pipefail
cd "$(dirname "$0")/.."

export CARGO_TARGET_DIR=${BENCH_TARGET_DIR:-$PWD/target/bench}
cargo build --locked --release --quiet --manifest-path bench/Cargo.toml
bench=$CARGO_TARGET_DIR/release/litebox-partner-bench
unset CARGO_TARGET_DIR

case ${1:-run} in
smoke)
    BINARY=${BINARY:-target/debug/litebox-partner} TIME=1 ROUNDS=1 ROWS=200 WAITING=200 KKTS=4000 exec "$bench" run
    ;;
soak)
    [ -n "${BINARY:-}" ] || cargo build --locked --release --quiet
    exec "$bench" soak
    ;;
run)
    [ -n "${BINARY:-}" ] || cargo build --locked --release --quiet
    [ -n "${ONLY:-}" ] || export OUT=${OUT:-docs/performance.md}
    exec "$bench" run
    ;;
*)
    echo "run, soak or smoke, not $1" >&2
    exit 2
    ;;
esac
