#!/usr/bin/env bash
# What the service must survive, in full numbers; the lines of the results as a table at the end.
# Usage: scripts/chaos.sh [NAME]: all of tests/it/chaos, or the tests whose names contain NAME.
set -euo pipefail
cd "$(dirname "$0")/.."

log=$(mktemp)
trap 'rm -f "$log"' EXIT
status=0
CHAOS=1 cargo test --locked --test it -- "chaos::${1:-}" --nocapture --test-threads=1 2>&1 | tee "$log" || status=$?
printf '\n| tried | how often | what came out |\n|---|---|---|\n'
sed -n 's/^CHAOS \(|.*\)$/\1/p' "$log"
exit "$status"
