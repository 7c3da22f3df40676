#!/usr/bin/env bash
# The plans of the statements that the tests of tenancy cause, which meet all conditions that keep partners apart: on databases in which a hundred
# others have ROWS registrations (100,000). Fails when one reads a large table from its beginning to its end. Needs PostgreSQL's auto_explain,
# and some 250 MB for each database.
set -euo pipefail
cd "$(dirname "$0")/.."
binary=$(cargo test --locked --no-run --test it --message-format=json 2>/dev/null | sed -n 's|.*"executable":"\([^"]*/deps/[^"]*\)".*|\1|p')
log=$(mktemp)
trap 'rm -f "$log"' EXIT
# The server of the tests runs as another user.
chmod 666 "$log"
LITEBOX_TEST_ROWS=${ROWS:-100000} LITEBOX_TEST_PLANS=$log "$binary" tenancy quota
python3 scripts/plans.py "$log"
