#!/usr/bin/env bash
# What a release consists of, into dist/: the stripped binary and its symbols apart, the chart, the descriptors of the API, the client libraries as
# packages, the list of what is inside (SBOM, CycloneDX), checksums. The tree must be as committed: the binary names its commit.
# The same commit and the same tools give the same bytes again, in whatever folder: nothing in it says where or when it was made.
# Usage: scripts/release.sh [PART...]: all, or some of binary chart descriptors libraries sbom; then DIST may name another folder.
set -euo pipefail
cd "$(dirname "$0")/.."
[ $# -gt 0 ] || [ -z "$(git status --porcelain)" ] || { echo "commit first: a release names the commit it was built from" >&2; exit 1; }
tools=$PWD/.tools dist=$(realpath -m "${DIST:-dist}")
PATH="$tools/bin:$PATH"
version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -1)
host=$(rustc -vV | sed -n 's/^host: //p')
name=litebox-partner-$version
commit=$(git rev-parse HEAD)
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
export SOURCE_DATE_EPOCH TZ=UTC

fail() { echo "$*" >&2; exit 1; }

# Line tables for whoever reads a stack, in a folder of their own: other flags would build the tests' dependencies anew.
binary() {
    local built=target/dist/release/litebox-partner binary=$dist/$name-$host crates=${CARGO_HOME:-$HOME/.cargo}/registry/src
    RUSTFLAGS="--remap-path-prefix=$PWD=/source --remap-path-prefix=$crates=/crates" \
        CFLAGS="-ffile-prefix-map=$PWD=/source -ffile-prefix-map=$crates=/crates" LITEBOX_COMMIT=$commit \
        cargo build --locked --release --bin litebox-partner --target-dir target/dist \
        --config 'profile.release.debug="line-tables-only"' --config 'profile.release.strip="none"'
    objcopy --only-keep-debug --compress-debug-sections "$built" "$binary.debug"
    strip --strip-all -o "$binary" "$built"
    (cd "$dist" && objcopy --add-gnu-debuglink="$name-$host.debug" "$name-$host")
    check_binary "$built" "$binary"
}

check_binary() { # check_binary AS_BUILT AS_RELEASED
    local at
    [ "$("$2" --version)" = "litebox-partner $version ($commit)" ] || fail "the binary does not tell its version and commit: $("$2" --version)"
    at=$(nm --demangle "$2.debug" | sed -n 's/^\([0-9a-f]*\) [tT] litebox_partner::main$/\1/p' | head -1)
    addr2line --exe "$2.debug" "${at:-0}" | grep -q '^/source/src/main.rs:[1-9]' || fail "the symbols lead to no line of the source"
    ! grep -aqF -e "$PWD/" -e "${CARGO_HOME:-$HOME/.cargo}/" "$1" || fail "the binary tells where it was built"
}

chart() { # its files as they were committed: an archive of the chart has their times
    local work
    work=$(mktemp -d)
    git archive HEAD helm/litebox-partner | tar -x -C "$work"
    helm package "$work/helm/litebox-partner" --destination "$dist" >/dev/null
    rm -rf "$work"
}

descriptors() { npx --no-install buf build --output "$dist/$name.binpb"; }

libraries() { bash scripts/sdk-packages.sh "$dist"; }

sbom() {
    cargo-cyclonedx cyclonedx --version 2>/dev/null | grep -q ' 0\.5\.9$' || cargo install --quiet --locked --root "$tools" cargo-cyclonedx@0.5.9
    cargo-cyclonedx cyclonedx --quiet --format json --spec-version 1.5 --override-filename sbom
    mv sbom.json "$dist/$name.cdx.json"
    cargo tree --locked --edges normal,build --prefix none --format '{p}' | PYTHONPATH=$tools/python python3 scripts/sbom.py "$dist/$name.cdx.json"
}

whole() {
    bash scripts/tools.sh
    rm -rf "$dist"
    mkdir "$dist"
    for part in binary chart descriptors libraries sbom; do "$part"; done
    # Binary, symbols, chart, descriptors, SBOM, and the libraries: crate, wheel, sdist, npm, Go. None has taken the place of another.
    [ "$(find "$dist" -type f | wc -l)" = 10 ] || fail "a release is ten files: $(ls "$dist")"
    (cd "$dist" && sha256sum -- * >SHA256SUMS && sha256sum --check --quiet SHA256SUMS)
    ls -l "$dist"
}

[ $# -gt 0 ] || { whole; exit; }
mkdir -p "$dist"
for part in "$@"; do
    case $part in
        binary | chart | descriptors | libraries | sbom) "$part" ;;
        *) fail "a release has no $part" ;;
    esac
done
