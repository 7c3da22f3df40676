#!/usr/bin/env bash
# Runs a command as on a machine that has a Rust toolchain, a C compiler and make, and nothing else that developers install: neither
# in PATH nor in the environment. Usage: scripts/bare.sh make demo ONCE=1
set -euo pipefail

tools=$(mktemp -d)
trap 'rm -rf "$tools"' EXIT
# The toolchain; the C compiler with its assembler and linker; the shell, and what is in every system with one.
for name in cargo rustc cc as ld ar make sh; do
    ln -s "$(command -v "$name")" "$tools/$name"
done
kept=(HOME="$HOME" PATH="$tools")
for name in CARGO_HOME RUSTUP_HOME RUSTUP_TOOLCHAIN TMPDIR; do
    [ -z "${!name:-}" ] || kept+=("$name=${!name}")
done
env -i "${kept[@]}" "$@"
