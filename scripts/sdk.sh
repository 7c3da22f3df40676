#!/usr/bin/env bash
# The client libraries of sdk/: that generated code is up to date, that what clients of the last release rely on holds, and for each
# language whose toolchain is here its unit tests, the README's program from the package, and the conformance cases, with a table.
# What is skipped is named; where CI is set or SKIP=no, it fails. LITEBOX_BIN names the server's binary, target/debug/litebox-partner
# without it.
# Usage: scripts/sdk.sh [LANGUAGE]...: all, or these.
set -uo pipefail
cd "$(dirname "$0")/.."
PATH="$PWD/.tools/bin:$PATH"
LITEBOX_BIN=$(realpath "${LITEBOX_BIN:-target/debug/litebox-partner}") || exit 1
export LITEBOX_BIN
logs=$(mktemp -d)
trap 'rm -rf "$logs"' EXIT
passed=0 failed=0 summary=() skipped=()
[ $# -gt 0 ] || set -- go python rust typescript

part() { # part NAME COMMAND...: one test
    local name=$1 started=$SECONDS outcome=passed
    shift
    echo "== $name: $*"
    if "$@" </dev/null; then passed=$((passed + 1)); else failed=$((failed + 1)) outcome=FAILED; fi
    summary+=("$(printf '%-24s %s %4d s' "$name" "$outcome" $((SECONDS - started)))")
}

skip() { # skip NAME WHY
    skipped+=("SKIPPED: $1: $2")
    echo "== SKIPPED: $1: $2" >&2
    if [ -n "${CI:-}" ] || [ "${SKIP:-}" = no ]; then failed=$((failed + 1)); fi
}

missing() { # missing LANGUAGE: the tool that is not here
    local tool
    case $1 in
        go) set -- go ;;
        python) set -- python3 ;;
        rust) set -- cargo ;;
        typescript) set -- node npm ;;
        *) echo "a language called $1"; return ;;
    esac
    for tool in "$@"; do command -v "$tool" >/dev/null || { echo "$tool"; return; }; done
}

state() { # every generated and written file of sdk/, with its content
    find sdk -name node_modules -prune -o -path sdk/typescript/dist -prune -o -path sdk/typescript/build -prune -o \
        -name __pycache__ -prune -o -type f -print0 | sort -z | xargs -0 sha256sum
}

generated() {
    state >"$logs/before"
    bash scripts/generate.sh || return 1
    state >"$logs/after"
    diff "$logs/before" "$logs/after" && return
    echo "generated code is out of date: make generate, and commit it" >&2
    return 1
}

runner() { # runner LANGUAGE: the command of its conformance runner, and of its other worlds
    case $1 in
        go) echo "go=.tools/sdk/conformance-go" ;;
        python)
            echo "python=env PYTHONPATH=sdk/python/src GRPC_VERBOSITY=ERROR .tools/sdk-python/bin/python sdk/python/conformance"
            echo "python-asyncio=env PYTHONPATH=sdk/python/src GRPC_VERBOSITY=ERROR .tools/sdk-python/bin/python sdk/python/conformance --asyncio"
            ;;
        rust) echo "rust=.tools/sdk/conformance-rust" ;;
        typescript) echo "typescript=node sdk/typescript/build/conformance/runner.js" ;;
    esac
}

conformance() {
    local status=0 told
    PYTHONDONTWRITEBYTECODE=1 python3 sdk/conformance/harness.py "$@" 2>&1 | tee "$logs/conformance" || status=1
    # Each case of each language counts; what has not run at all is one failure.
    told=$(sed -n 's/^conformance: \([0-9]*\) passed, \([0-9]*\) failed$/\1 \2/p' "$logs/conformance")
    [ -n "$told" ] || told="0 1"
    passed=$((passed + ${told% *})) failed=$((failed + ${told#* }))
    summary+=("$(printf '%-24s %s passed, %s failed' conformance "${told% *}" "${told#* }")")
    return "$status"
}

if [ -n "$(missing go)$(missing python)$(missing typescript)" ]; then
    skip generate "needs $(missing go) $(missing python) $(missing typescript)"
else
    part generate generated
fi
[ -n "$(missing python)" ] || part suite env PYTHONDONTWRITEBYTECODE=1 python3 -m unittest discover -s sdk/tests
rm -f .tools/sdk/conformance-go .tools/sdk/conformance-rust sdk/typescript/build/conformance/runner.js # never those of an earlier run
runners=() there=()
for language in "$@"; do
    lacks=$(missing "$language")
    if [ -n "$lacks" ]; then
        skip "$language" "$lacks is not on this machine"
        continue
    fi
    part "$language" env CASES=no bash "scripts/sdk-$language.sh"
    there+=("$language")
    mapfile -t -O "${#runners[@]}" runners < <(runner "$language")
done
if [ ${#there[@]} -gt 0 ]; then part names python3 sdk/names.py "${there[@]}"; fi
if [ -x .tools/sdk-python/bin/python ] && [ -x node_modules/.bin/buf ]; then
    part released bash scripts/sdk-released.sh
else
    skip released "needs scripts/sdk-python.sh and npm ci to have run"
fi
if [ ${#runners[@]} -gt 0 ]; then
    echo "== conformance"
    conformance "${runners[@]}" || true # counted case by case
fi

printf '%s\n' "${summary[@]}" ${skipped[@]+"${skipped[@]}"}
echo "test result: sdk. $passed passed; $failed failed"
[ "$failed" = 0 ]
