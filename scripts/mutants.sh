#!/usr/bin/env bash
# Takes away the conditions that keep partners apart, one at a time, and demands that a test notices each.
# mutants.sh [EVERY]: only every EVERYth condition, counted from the day of the year so that all have their turn.
set -uo pipefail
cd "$(dirname "$0")/.."
every=${1:-1}
export RUST_BACKTRACE=0

mapfile -t binaries < <(cargo test --locked --no-run --lib --test it --message-format=json 2>/dev/null |
    sed -n 's|.*"executable":"\([^"]*/deps/[^"]*\)".*|\1|p')
[ "${#binaries[@]}" = 2 ] || { echo "the tests cannot be built"; exit 1; }

# tests [SITE]: whether the tests of tenancy pass without the condition at SITE. Tests that take too long tell nothing.
tests() {
    local binary status
    for binary in "${binaries[@]}"; do
        LITEBOX_CHAOS_UNSCOPED=${1:-} timeout 300 "$binary" tenancy quota </dev/null >/dev/null 2>&1 && continue
        status=$?
        [ "$status" != 124 ] || { echo "the tests took too long"; exit 1; }
        return 1
    done
}

mapfile -t sites < <(bash scripts/conditions.sh)
[ "${#sites[@]}" -gt 0 ] || { echo "there is nothing to be taken away"; exit 1; }
met=$(mktemp)
trap 'rm -f "$met"' EXIT
LITEBOX_CHAOS_MET=$met tests || { echo "the tests fail with all conditions in place"; exit 1; }
# A way of asking that the text above does not know would never be taken away.
unknown=$(sort -u "$met" | grep -vxF -f <(printf '%s\n' "${sites[@]}") || true)
[ -s "$met" ] && [ -z "$unknown" ] || { echo "conditions that are never taken away: ${unknown:-none was met}"; exit 1; }
tests nowhere:1 || { echo "the tests fail although nothing was taken away"; exit 1; }
missed=0 tried=0
for at in "${!sites[@]}"; do
    [ $(((at + 10#$(date +%j)) % every)) = 0 ] || continue
    tried=$((tried + 1))
    if tests "${sites[$at]}"; then
        echo "MISSED ${sites[$at]}: $(sed -n "${sites[$at]#*:}p" "${sites[$at]%%:*}" | xargs)"
        missed=$((missed + 1))
    else
        echo "noticed ${sites[$at]}"
    fi
done
echo "$tried of ${#sites[@]} conditions taken away, $missed not noticed"
[ "$missed" = 0 ] && [ "$tried" -gt 0 ]
