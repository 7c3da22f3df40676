#!/usr/bin/env bash
# Fuzzes the readers of strangers' texts, one after another: scripts/fuzz.sh [SECONDS EACH] [NAME…]
# Needs nightly only. Drives libFuzzer directly, with the flags of cargo-fuzz, so that cargo-fuzz need not be installed.
set -euo pipefail
cd "$(dirname "$0")/../fuzz"
seconds=${1:-60}
shift || true
names=("$@")
if [ ${#names[@]} -eq 0 ]; then
    for file in fuzz_targets/*.rs; do names+=("$(basename "$file" .rs)"); done
fi
host=$(rustc -vV | sed -n 's/^host: //p')
coverage="-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 -Cllvm-args=-sanitizer-coverage-inline-8bit-counters"
coverage+=" -Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares"
export RUSTFLAGS="--cfg fuzzing -Cdebug-assertions -Ccodegen-units=16 $coverage ${FUZZ_FLAGS:--Zsanitizer=address}"
profile=${FUZZ_PROFILE:-release}
bins=()
for name in "${names[@]}"; do bins+=(--bin "$name"); done
cargo +nightly build --locked --profile "$profile" --target "$host" "${bins[@]}"
folder=$([ "$profile" = dev ] && echo debug || echo "$profile")
for name in "${names[@]}"; do
    echo "== $name"
    mkdir -p "corpus/$name" "artifacts/$name"
    "target/$host/$folder/$name" "corpus/$name" -artifact_prefix="artifacts/$name/" -max_total_time="$seconds" \
        -max_len=4096 -timeout=10 -print_final_stats=1 2>&1 | tee "artifacts/$name.log" | grep -E 'ERROR|SUMMARY|panicked|number_of_executed_units|average_exec' || true
    grep -qE 'number_of_executed_units: [1-9]' "artifacts/$name.log" || { echo "$name has not run" >&2; exit 1; }
    if ls "artifacts/$name/"* >/dev/null 2>&1; then
        echo "$name: found something: see fuzz/artifacts/$name" >&2
        exit 1
    fi
done
