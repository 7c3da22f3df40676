#!/usr/bin/env bash
# Where the sources ask for the condition that keeps partners apart, as FILE:LINE. What a function that says `track_caller` asks for is asked
# for by its callers, and such a function is one of those whose calls are sought.
set -euo pipefail
cd "$(dirname "$0")/.."
askers=$(grep -rh -A1 --include=*.rs 'track_caller)\]' src | sed -nE 's/.*fn ([a-z_]+).*/\1/p' | sort -u | paste -sd'|')
[ -n "$askers" ] || { echo "nothing is track_caller: which conditions are meant?" >&2; exit 1; }
# shellcheck disable=SC2016
sites_of='
    /track_caller\)\]/ { hands_on = 1 }
    /^ *(pub(\([a-z]+\))? )?(const )?(async )?fn / { inside = hands_on; hands_on = 0; next }
    !inside && $0 ~ "(^|[^a-z_.])(" askers ")\\([A-Za-z0-9]" && !/cfg\(test\)/ { print FILENAME ":" FNR }'
grep -rlE --include=*.rs 'of_partner' src | sort | xargs awk -v askers="$askers" "$sites_of"
