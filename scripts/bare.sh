#!/usr/bin/env bash
# Runs a command as on a machine that has a Rust toolchain, a C compiler and make, and nothing else that developers install: neither
# in PATH nor in the environment. Usage: bash scripts/bare.sh make demo ONCE=1
set -euo pipefail

tools=$(mktemp -d)
trap 'rm -rf "$tools"' EXIT
# The toolchain; the C compiler with its assembler and linker; make and the shell.
for name in cargo rustc cc as ld ar make sh; do
    found=$(command -v "$name") || { echo "$name is missing" >&2; exit 1; }
    ln -s "$found" "$tools/$name"
done
kept=(PATH="$tools")
# How and where to build, and the way to the registry: who changes them would have everything built anew.
while IFS= read -r name; do
    kept+=("$name=${!name}")
done < <(compgen -e | grep -E '^(HOME|TMPDIR|CARGO_.*|RUSTUP_.*|RUSTFLAGS|RUSTC_WRAPPER|https?_proxy|no_proxy|HTTPS?_PROXY|NO_PROXY)$')
env -i "${kept[@]}" "$@"
