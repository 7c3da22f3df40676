#!/usr/bin/env bash
# Runs the README's calls against a demo that it starts: every ```sh block whose first line is `# grpcurl`, each in a
# shell that stops at the first wrong exit code, and the lines that the demo itself prints to go on with. Of README.md
# it also looks at what its calls print.
# Usage: scripts/readme.sh [README.md]...
set -euo pipefail
cd "$(dirname "$0")/.."
[ $# -gt 0 ] || set -- README.md

PATH="$PWD/.tools/bin:$PATH"
command -v grpcurl >/dev/null || { echo "grpcurl is missing: make tools" >&2; exit 1; }
[ -x target/debug/litebox-partner ] || cargo build --locked

work=$(mktemp -d)
demo=
finish() {
    if [ -n "$demo" ]; then kill "$demo" 2>/dev/null || true; wait "$demo" 2>/dev/null || true; fi
    rm -rf "$work"
}
trap finish EXIT

start() { # starts the demo and takes over the exports that it prints
    TMPDIR=$work target/debug/litebox-partner demo >"$work/demo.log" 2>&1 &
    demo=$!
    for _ in $(seq 600); do
        if grep -q 'Ctrl-C ends it' "$work/demo.log"; then break; fi
        if ! kill -0 "$demo" 2>/dev/null; then break; fi
        sleep 0.1
    done
    if ! grep -q 'Ctrl-C ends it' "$work/demo.log"; then tail -n 20 "$work/demo.log" >&2; exit 1; fi
    eval "$(grep '^export [A-Z_]*=[^ ]*$' "$work/demo.log")"
}

blocks() { # blocks FILE: writes the marked blocks of a file to $work/block-N.sh and names them
    awk -v prefix="$work/block-" '
        /^```/ && inside { if (marked) { close(file); print file } inside = 0; next }
        /^```sh$/ { inside = 1; first = 1; next }
        inside && first { first = 0; marked = ($0 == "# grpcurl"); if (marked) file = prefix (++n) ".sh" }
        inside && marked { print > file }
    ' "$1"
}

run() { # run NAME SCRIPT
    local status=0
    timeout --kill-after=5 120 bash -euo pipefail "$2" </dev/null >"$work/out" 2>&1 || status=$?
    if [ "$status" != 0 ]; then
        sed 's/^/    /' "$work/out" >&2
        echo "FAILED $1: exit code $status" >&2
        exit 1
    fi
    cat "$work/out" >>"$work/printed"
    echo "ok $1"
}

printed() { # printed TEXT...: what the calls so far must have printed
    local text
    for text in "$@"; do
        if ! grep -qF -- "$text" "$work/printed"; then tail -n 40 "$work/printed"; echo "FAILED: nothing printed $text" >&2; exit 1; fi
    done
}

start
for file in "$@"; do
    found=0
    for block in $(blocks "$file"); do
        found=$((found + 1))
        run "$file, block $found" "$block"
    done
    if [ "$found" = 0 ]; then echo "no block of $file is marked '# grpcurl'" >&2; exit 1; fi
    if [ "$file" = README.md ]; then
        printed '"ogrn"' CLIENT_STATE_ACTIVE KKT_STATE_REGISTERED TAXPAYER_NOT_FOUND ru-RU
    fi
    : >"$work/printed"
done
grep -E '^(timeout [0-9]+ )?grpcurl ' "$work/demo.log" >"$work/printed.sh"
run "the lines that the demo prints" "$work/printed.sh"
printed litebox.kkt.v1.KktService 'rpc QuickRegister' "ПАО СБЕРБАНК" KKT_STATE_REGISTERED resumeToken

status=0
kill -TERM "$demo" && wait "$demo" || status=$?
demo=
if [ "$status" != 0 ]; then echo "the demo ended with exit code $status" >&2; exit 1; fi
if grpcurl -plaintext -max-time 3 "$ADDR" list >/dev/null 2>&1; then echo "the demo left its server behind" >&2; exit 1; fi
echo "ok the demo ends when told, and its server with it"
