#!/usr/bin/env bash
# The Go library: format, vet, tests with the race detector, the conformance cases, and the README's program from a module of its
# own against a server, beside which the README's other blocks are vetted. LITEBOX_BIN names the server's binary. The runner is left in
# .tools/sdk/conformance-go; CASES=no only builds it, for who runs the cases of all languages together.
set -euo pipefail
cd "$(dirname "$0")/.."
PATH="$PWD/.tools/bin:$PATH"
export LITEBOX_BIN
LITEBOX_BIN=$(realpath "${LITEBOX_BIN:-target/debug/litebox-partner}")
runner=$PWD/.tools/sdk/conformance-go

work=$(mktemp -d)
demo=
leave() {
    if [ -n "$demo" ]; then kill "$demo" 2>/dev/null && wait "$demo" || true; fi
    rm -rf "$work"
}
trap leave EXIT

checks() {
    local unformatted
    unformatted=$(gofmt -l .)
    if [ -n "$unformatted" ]; then echo "gofmt: $unformatted" >&2; return 1; fi
    go mod tidy -diff
    go vet ./...
    go test -race -count=1 -timeout=120s . ./internal/...
    go build -o "$runner" ./internal/conformance
}

start_demo() {
    TMPDIR=$work "$LITEBOX_BIN" demo --bare >"$work/demo" 2>"$work/demo.log" &
    demo=$!
    for _ in $(seq 300); do
        if grep -q 'Ctrl-C ends it' "$work/demo"; then return; fi
        kill -0 "$demo" 2>/dev/null || break
        sleep 0.1
    done
    cat "$work/demo" "$work/demo.log" >&2
    return 1
}

elsewhere() {
    local said
    # What a checkout has and nothing else: leftovers of this folder must not be needed.
    git ls-files -z --cached --others --exclude-standard sdk/go | xargs -0 cp --parents -t "$work"
    mkdir -p "$work/shop/readme"
    awk '/^```go$/ { inside = 1; next } /^```$/ && inside { exit } inside' sdk/go/README.md >"$work/shop/main.go"
    python3 sdk/snippets.py sdk/go/README.md go sdk/go/testdata/snippets.go >"$work/shop/readme/snippets.go"
    start_demo
    (
        eval "$(grep '^export ' "$work/demo")"
        cd "$work/shop"
        go mod init example.org/shop
        go mod edit -replace "litebox.ru/partner/sdk/go=$work/sdk/go" -require litebox.ru/partner/sdk/go@v0.1.0
        go mod tidy
        go vet ./readme
        go run .
    ) >"$work/said" 2>"$work/errors" || { cat "$work/said" "$work/errors" >&2; return 1; }
    said=$(tail -n 1 "$work/said")
    [[ "$said" == registered:*card* ]] || { echo "the README's program ends with: $said" >&2; return 1; }
    echo "Go, from a module of its own: $said"
}

(cd sdk/go && checks)
if [ "${CASES:-}" != no ]; then python3 sdk/conformance/harness.py go="$runner"; fi
elsewhere
