#!/usr/bin/env bash
# Measures the release binary beside its floors, and writes the figures into docs/performance.md.
# bench.sh: everything. bench.sh soak: the same work for SOAK seconds (half an hour). bench.sh smoke: everything, small, on the
# debug binary, for whether the answers are right; figures mean nothing then and are written nowhere. bench.sh share: most of that.
# ONLY="reads writes" chooses scenarios: idle reads writes repeats overload waiting scale; their figures are shown and written nowhere. TIME, ROUNDS, ROWS, CALLERS,
# WAITING, KKTS choose sizes; BINARY another program, LITEBOX_… other settings of the server.
set -euo pipefail
cd "$(dirname "$0")/.."

built() { # built TARGET RELEASE...: the load generator
    CARGO_TARGET_DIR=$1 cargo build --locked --quiet --manifest-path bench/Cargo.toml "${@:2}"
}

case ${1:-run} in
smoke | share)
    [ "$1" = smoke ] || export ONLY=${ONLY:-reads writes repeats waiting scale}
    built target
    cargo build --locked --quiet
    BINARY=${BINARY:-target/debug/litebox-partner} TIME=1 ROUNDS=1 ROWS=200 WAITING=2000 KKTS=4000 \
        exec target/debug/litebox-partner-bench run
    ;;
run | soak)
    built target/bench --release
    [ -n "${BINARY:-}" ] || cargo build --locked --release --quiet
    [ "${1:-run}" = soak ] || [ -n "${ONLY:-}" ] || export OUT=${OUT:-docs/performance.md}
    exec target/bench/release/litebox-partner-bench "${1:-run}"
    ;;
*)
    echo "run, soak, smoke or share, not $1" >&2
    exit 2
    ;;
esac
