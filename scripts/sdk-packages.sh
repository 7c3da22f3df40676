#!/usr/bin/env bash
# The client libraries as their users install them, into a folder: the crate, a wheel and an sdist, the npm package, the zip of the Go
# module as a module proxy serves it. Commit first: the zip is made of the commit, the others of the folder. Needs what scripts/sdk.sh needs.
# Usage: scripts/sdk-packages.sh FOLDER
set -euo pipefail
cd "$(dirname "$0")/.."
PATH="$PWD/.tools/bin:$PATH"
mkdir -p "${1:?which folder?}"
folder=$(realpath "$1")
version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -1)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cargo package --locked --quiet --no-verify --allow-dirty --target-dir "$work/cargo"
cp "$work/cargo/package/litebox-partner-$version.crate" "$folder"

python3 -m venv "$work/python"
grep -E '^(hatchling|pathspec|packaging|pluggy|tomlkit|trove-classifiers)==' sdk/python/requirements.txt >"$work/requirements.txt"
"$work/python/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps -r "$work/requirements.txt"
(cd sdk/python && "$work/python/bin/python" -m hatchling build -d "$folder" >/dev/null)

(cd sdk/typescript && npm ci --silent --no-audit --no-fund && npm pack --silent --pack-destination "$work" >/dev/null)
# npm would give it the name of the chart's package.
cp "$work/litebox-partner-$version.tgz" "$folder/litebox-partner-npm-$version.tgz"

module=litebox.ru/partner/sdk/go@v$version
# Without the tools, which are a module of their own. Of the commit, whose time its files then have, and not of the folder's tree, which has none.
(cd sdk/go && TZ=UTC git archive --format=zip --prefix="$module/" -o "$folder/litebox-partner-go-$version.zip" HEAD -- . ':(exclude)tools')
