#!/usr/bin/env bash
# Follows docs/integration.md: starts what its first ```sh block starts, then runs every other one in one shell, as a
# reader does. A line `#> text` promises that the output has this text, after those of the lines before it; as many calls
# must fail as the text says (`#> Code: …`).
# Usage: scripts/guide.sh [FILE]
set -euo pipefail
cd "$(dirname "$0")/.."
guide=${1:-docs/integration.md}

PATH="$PWD/.tools/bin:$PATH"
command -v grpcurl >/dev/null || { echo "grpcurl is missing: make tools" >&2; exit 1; }

work=$(mktemp -d)
stage=
finish() {
    if [ -n "$stage" ]; then kill -- "-$stage" 2>/dev/null || true; wait "$stage" 2>/dev/null || true; fi
    rm -rf "$work"
}
trap finish EXIT

awk -v prefix="$work/block-" '
    /^```/ && file { close(file); file = ""; next }
    /^```sh$/ { file = sprintf("%s%02d.sh", prefix, ++n); print FILENAME ":" NR + 1 > (prefix n ".at"); next }
    file { print > file }
' "$guide"

TMPDIR=$work setsid bash -euo pipefail "$work/block-01.sh" >"$work/stage.log" 2>&1 &
stage=$!
for _ in $(seq 600); do
    if grep -q 'Ctrl-C ends it' "$work/stage.log" || ! kill -0 "$stage" 2>/dev/null; then break; fi
    sleep 0.1
done
if ! grep -q 'Ctrl-C ends it' "$work/stage.log"; then tail -n 20 "$work/stage.log" >&2; exit 1; fi

{ # The reader's shell: what the stage printed, then the blocks.
    grep '^export [A-Z_]*=[^ ]*$' "$work/stage.log"
    for block in "$work"/block-*.sh; do
        if [ "$block" != "$work/block-01.sh" ]; then echo ". $block >${block%.sh}.out 2>&1 </dev/null"; fi
    done
} >"$work/reader.sh"
status=0
timeout --kill-after=5 "${GUIDE_SECONDS:-55}" bash -uo pipefail "$work/reader.sh" || status=$?

checked() { # checked BLOCK OUT: whether everything promised is there, in order, and nothing failed beside
    awk -v out="$2" '
        BEGIN { while ((getline line < out) > 0) { lines[++n] = line; if (line ~ /^ERROR:/) errors++ } at = 1 }
        /^#> / {
            text = substr($0, 4); promised++
            if (text ~ /^Code: /) codes++
            for (i = at; i <= n && !index(lines[i], text); i++) { }
            if (i > n) { print "nothing printed after line " at " of the output: " text; failed = 1; exit }
            at = i
        }
        END {
            if (!failed && errors != codes) { print errors + 0 " calls failed, not " codes + 0; failed = 1 }
            if (!failed && !promised) { print "the block promises nothing"; failed = 1 }
            exit failed
        }
    ' "$1"
}

for block in "$work"/block-*.sh; do
    if [ "$block" = "$work/block-01.sh" ]; then continue; fi
    out=${block%.sh}.out at=$(cat "$work/block-$((10#$(basename "$block" .sh | cut -d- -f2))).at")
    if [ ! -e "$out" ] || ! checked "$block" "$out"; then
        tail -n 60 "$out" >&2 || true
        echo "FAILED $at (the shell ended with $status)" >&2
        exit 1
    fi
    echo "ok $at"
done
if [ "$status" != 0 ]; then echo "the shell ended with $status" >&2; exit 1; fi
