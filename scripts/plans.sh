#!/usr/bin/env bash
# The plans of the statements that tests cause, on databases in which a hundred other partners have ROWS registrations (100,000). Fails when
# one reads a large table from its beginning to its end. Needs PostgreSQL's auto_explain, and some 250 MB for each database of a test.
# plans.sh: the areas of the service's daily work, one after the other, each with a server of its own, whose disk is free again after it.
# plans.sh share: those of tenancy, which meet all conditions that keep partners apart, and of lists. plans.sh AREA…: these.
set -euo pipefail
cd "$(dirname "$0")/.."
case ${1:-all} in
all) areas="tenancy clients operators kkt" ;;
share) areas="tenancy clients::list" ;;
*) areas=$* ;;
esac
binary=$(cargo test --locked --no-run --test it --message-format=json 2>/dev/null | sed -n 's|.*"executable":"\([^"]*/deps/[^"]*\)".*|\1|p')
log=$(mktemp)
trap 'rm -f "$log" "$log".*' EXIT
failed=
for area in $areas; do
    # The server of the tests runs as another user.
    : >"$log" && chmod 666 "$log"
    LITEBOX_TEST_ROWS=${ROWS:-100000} LITEBOX_TEST_PLANS=$log "$binary" "$area" --test-threads=2 || failed="$failed $area"
    mv "$log" "$log.${area//:/-}"
done
# Some tests count the rows of all partners, or read what is a copy. What they ask until then has its plan; else they have runs of their own.
[ -z "$failed" ] || echo "-- not all tests of$failed pass among the rows of others: what they asked has been looked at all the same"
python3 scripts/plans.py "$log".*
