#!/usr/bin/env bash
# What a release consists of, into dist/: the stripped binary and its symbols apart, the chart, the descriptors of the API, the client libraries as
# packages, the list of what is inside (SBOM, CycloneDX), checksums. The tree must be as committed: the binary names its commit.
set -euo pipefail
cd "$(dirname "$0")/.."
[ -z "$(git status --porcelain)" ] || { echo "commit first: a release names the commit it was built from" >&2; exit 1; }
bash scripts/tools.sh
tools=$PWD/.tools
version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -1)
host=$(rustc -vV | sed -n 's/^host: //p')
name=litebox-partner-$version
rm -rf dist
mkdir dist

# Line tables for whoever reads a stack, in a folder of their own: other flags would build the tests' dependencies anew.
LITEBOX_COMMIT=$(git rev-parse HEAD) cargo build --locked --release --bin litebox-partner --target-dir target/dist \
    --config 'profile.release.debug="line-tables-only"' --config 'profile.release.strip="none"'
binary=dist/$name-$host
objcopy --only-keep-debug --compress-debug-sections target/dist/release/litebox-partner "$binary.debug"
strip --strip-all -o "$binary" target/dist/release/litebox-partner
(cd dist && objcopy --add-gnu-debuglink="$name-$host.debug" "$name-$host")
"$binary" --version

"$tools/bin/helm" package helm/litebox-partner --destination dist >/dev/null
npx --no-install buf build --output "dist/$name.binpb"
if ! "$tools/bin/cargo-cyclonedx" cyclonedx --version >/dev/null 2>&1; then
    cargo install --quiet --locked --root "$tools" cargo-cyclonedx@0.5.9
fi
"$tools/bin/cargo-cyclonedx" cyclonedx --format json --spec-version 1.5 --override-filename sbom
mv sbom.json "dist/$name.cdx.json"
PYTHONPATH=$tools/python python3 scripts/sbom.py "dist/$name.cdx.json"
bash scripts/sdk-packages.sh dist
(cd dist && sha256sum -- * >SHA256SUMS && sha256sum --check --quiet SHA256SUMS)
ls -l dist
