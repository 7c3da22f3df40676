#!/usr/bin/env bash
# The Rust library: that it drags in nothing of the server and has nothing for clippy when it is alone, the conformance cases, and the
# README's program from the packed crate against a server, compiled with the README's other blocks; its unit tests are among those of
# the crate. LITEBOX_BIN names the server's binary. The runner is left in .tools/sdk/conformance-rust; CASES=no only builds it, for who
# runs the cases of all languages together.
set -euo pipefail
cd "$(dirname "$0")/.."
LITEBOX_BIN=$(realpath "${LITEBOX_BIN:-target/debug/litebox-partner}")

work=$(mktemp -d)
demo=
leave() {
    if [ -n "$demo" ]; then kill "$demo" 2>/dev/null && wait "$demo" || true; fi
    rm -rf "$work"
}
trap leave EXIT

alone() { # of the server's libraries none
    local direct
    direct=$(cargo tree --locked --edges normal --depth 1 --prefix none --no-default-features --features client | sed '1d; s/ .*//' | sort | paste -sd' ')
    [ "$direct" = "futures getrandom opentelemetry prost prost-types thiserror tokio tonic tonic-prost tonic-types uuid" ] || {
        echo "the library depends on: $direct" >&2
        return 1
    }
    if cargo tree --locked --edges normal --prefix none --no-default-features --features client |
        grep -E '^(sea-orm|sqlx|libsqlite3-sys|axum|reqwest|clap|tonic-health|prometheus-client|moka|argon2) '; then
        echo "the library drags in what the server needs" >&2
        return 1
    fi
    # What only the server uses is dead code here, which nobody sees who builds with everything.
    CARGO_TARGET_DIR=target/sdk cargo clippy --locked --quiet --lib --no-default-features --features client -- -D warnings
}

start_demo() {
    TMPDIR=$work "$LITEBOX_BIN" demo --bare >"$work/demo" 2>"$work/demo.log" &
    demo=$!
    for _ in $(seq 600); do
        if grep -q 'Ctrl-C ends it' "$work/demo"; then return; fi
        kill -0 "$demo" 2>/dev/null || break
        sleep 0.1
    done
    cat "$work/demo" "$work/demo.log" >&2
    return 1
}

from_the_package() { # the README's program, by what a user has
    local crate=$PWD/Cargo.toml lock=$PWD/Cargo.lock said
    cargo package --locked --quiet --no-verify --allow-dirty --target-dir "$work/package"
    tar -xzf "$work"/package/package/litebox-partner-*.crate -C "$work"
    mkdir -p "$work/shop/src"
    awk '/^```rust$/ { inside = 1; next } /^```$/ && inside { exit } inside' sdk/rust/README.md >"$work/shop/src/main.rs"
    echo "mod snippets;" >>"$work/shop/src/main.rs"
    python3 sdk/snippets.py sdk/rust/README.md rust sdk/rust/example/snippets.rs >"$work/shop/src/snippets.rs"
    {
        printf '[package]\nname = "shop"\nversion = "0.1.0"\nedition = "2024"\n\n'
        awk '/^```toml$/ { inside = 1; next } /^```$/ && inside { exit } inside' sdk/rust/README.md |
            sed "s|PATH|$(echo "$work"/litebox-partner-*)|"
        echo 'futures = "0.3"' # walks over lists
        printf '\n[profile.dev]\ndebug = false\n\n[workspace]\n'
    } >"$work/shop/Cargo.toml"
    # The same versions as here, so that nothing new is fetched.
    cp "$lock" "$work/shop/Cargo.lock"
    start_demo
    eval "$(grep '^export [A-Z_]*=[^ ]*$' "$work/demo")"
    (cd "$work/shop" && CARGO_TARGET_DIR="$(dirname "$crate")/target/sdk" cargo run --quiet) >"$work/said" || { cat "$work/said" >&2; return 1; }
    said=$(tail -n 1 "$work/said")
    [[ "$said" == registered:*card* ]] || { echo "the README's program ends with: $said" >&2; return 1; }
    echo "Rust, from the packed crate: $said"
}

alone
cmp <(awk '/^```rust$/ { inside = 1; next } /^```$/ && inside { exit } inside' sdk/rust/README.md) sdk/rust/example/register.rs
cargo build --locked --quiet --features client --example conformance
mkdir -p .tools/sdk
cp target/debug/examples/conformance .tools/sdk/conformance-rust
if [ "${CASES:-}" != no ]; then python3 sdk/conformance/harness.py rust=.tools/sdk/conformance-rust; fi
from_the_package
