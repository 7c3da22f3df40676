#!/usr/bin/env bash
# All tests, part by part, together within an hour: each in its own time, and what those before it left of theirs. A failed part does not
# hide the parts after it.
# The last line counts: every test of the Rust runners, and each other part as one.
set -uo pipefail
cd "$(dirname "$0")/.."
PATH="$PWD/.tools/bin:$PATH"

logs=$(mktemp -d) # a log a part, and in "why" what broke
trap 'rm -rf "$logs"' EXIT
passed=0 failed=0 spare=0 summary=()

part() { # part NAME SECONDS COMMAND...: in SECONDS of its own, and those that the parts before it did not need
    local name=$1 limit=$(($2 + spare > 1 ? $2 + spare : 1)) started=$SECONDS log="$logs/$1" status good bad
    shift 2
    echo "== $name: $*"
    timeout --kill-after=20 "$limit" "$@" </dev/null 2>&1 | tee "$log"
    status=${PIPESTATUS[0]}
    # Less than nothing after one that took even longer to be ended.
    spare=$((limit - SECONDS + started))
    good=$(sum passed "$log") bad=$(sum failed "$log")
    if [ "$good" = 0 ] && [ "$bad" = 0 ] && [ "$status" = 0 ]; then good=1; fi
    if [ "$status" != 0 ] && [ "$bad" = 0 ]; then bad=1; fi
    [ "$spare" -gt 0 ] || echo "$name took longer than $limit s and was ended"
    [ "$bad" = 0 ] || { echo "-- $name"; grep -A2 "panicked at" "$log" | cut -c1-600 | head -40; } >>"$logs/why"
    passed=$((passed + good)) failed=$((failed + bad))
    summary+=("$(printf '%-8s %4d passed %4d failed %5d s' "$name" "$good" "$bad" $((SECONDS - started)))")
    mapfile -t -O "${#summary[@]}" summary < <(sed -n 's/^SKIPPED: /         &/p' "$log")
}

room() { # MB that are free; as many as one likes where df does not tell
    local mb
    mb=$(df --output=avail -BM . "$logs" 2>/dev/null | tail -n +2 | sort -n | head -1 | tr -dc 0-9)
    echo "${mb:-999999}"
}

sum() { # sum passed|failed LOG: adds up the "test result:" lines of cargo test
    sed -n "s/^test result:.* \([0-9]*\) $1.*/\1/p" "$2" | awk '{ n += $1 } END { print n + 0 }'
}

[ "$(room)" -ge 14000 ] || echo "== $(room) MB are free: from an empty folder all of this takes some 14,000"
# Together no more than an hour; on two idle cores, cold, they take half of that.
part tools 300 bash scripts/tools.sh
# Every tool is there then, on a developer's machine as in CI: nothing has a reason to be skipped.
[ "$failed" != 0 ] || export SKIP=no
part fmt 20 cargo fmt --all -- --check
part locks 40 bash -c 'for other in fuzz bench; do cargo tree --locked --quiet --manifest-path $other/Cargo.toml --depth 0 || exit; done'
# Before anything else is built, so that on a fresh machine all of it is: with a Rust toolchain, a C compiler and make alone.
part build 330 bash scripts/bare.sh cargo build --locked
part clippy 400 bash -c 'cargo clippy --locked --all-targets -- -D warnings &&
    cargo clippy --locked --all-targets --manifest-path bench/Cargo.toml --target-dir target -- -D warnings'
part rust 1170 cargo test --locked --no-fail-fast
part mutants 130 bash scripts/mutants.sh 12
part plans 150 bash scripts/plans.sh share
part bench 140 bash scripts/bench.sh share
part buf 20 npx --no-install buf lint
part demo 50 bash scripts/bare.sh make --no-print-directory demo ONCE=1
part readme 60 bash scripts/readme.sh README.md README.ru.md
part guide 30 bash scripts/guide.sh
part helm 180 bash scripts/helm.sh
part sdk 540 bash scripts/sdk.sh
part image 40 bash scripts/image.sh target/debug/litebox-partner

printf '\n'
[ "$(room)" -ge 500 ] || echo "-- the disk is full: what failed may have failed of that"
[ ! -e "$logs/why" ] || cat "$logs/why"
printf '%s\n' "${summary[@]}"
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
