#!/usr/bin/env bash
# The plan of every statement that the service asks of PostgreSQL, at 100,000 registrations: none reads a large table from its beginning to
# its end. Tests ask them on small databases of a server that writes down what it is asked; then one test fills a database, and has
# the server explain each of them there. Fails too when a statement of the stores was not met.
# plans.sh: what all tests of the service's daily work ask. plans.sh share: what those ask that are quick and leave no function out.
set -euo pipefail
cd "$(dirname "$0")/.."
case ${1:-all} in
all) areas="tenancy:: clients:: operators:: kkt:: erasure:: documents:: fleet:: identity:: telemetry::metrics" ;;
share) areas="tenancy:: clients::list clients::interrupted operators::commands operators::switches operators::documents
    erasure::retention erasure::command fleet:: kkt::path telemetry::metrics::figures" ;;
*) areas=$* ;;
esac
binary=$(cargo test --locked --quiet --no-run --test it --message-format=json | sed -n 's|.*"executable":"\([^"]*/deps/[^"]*\)".*|\1|p')
[ -n "$binary" ] || { echo "the tests cannot be built"; exit 1; }
log=$(mktemp) met=$(mktemp)
trap 'rm -f "$log" "$met"' EXIT
# The server of the tests runs as another user.
chmod 666 "$log"
# shellcheck disable=SC2086
LITEBOX_TEST_ASKED=$log LITEBOX_CHAOS_MET=$met "$binary" $areas plans::filters --test-threads=4
conditions=$(bash scripts/conditions.sh)
missed=$(grep -vxF -f "$met" <<<"$conditions" || true)
[ -z "$missed" ] || { printf 'no test met the statement at\n%s\n' "$missed"; exit 1; }
LITEBOX_TEST_LOG=$log "$binary" --ignored --exact plans::no_statement_of_the_service_reads_a_large_table_whole --nocapture
