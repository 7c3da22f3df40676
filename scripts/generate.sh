#!/usr/bin/env bash
# Generates the clients of sdk/ from proto/, with plugins whose versions are pinned: Go's in sdk/go/tools/go.mod, Python's in
# sdk/python/requirements-generate.txt, TypeScript's in package.json. A second run changes nothing.
# A language may add steps of its own in sdk/LANGUAGE/generate.sh.
set -euo pipefail
cd "$(dirname "$0")/.."
PATH="$PWD/.tools/bin:$PATH"

for tool in go python3 npm; do
    command -v "$tool" >/dev/null || { echo "$tool is missing: make tools" >&2; exit 1; }
done
if [ ! -x node_modules/.bin/protoc-gen-es ] || [ package-lock.json -nt node_modules/.package-lock.json ]; then
    npm ci --silent --no-audit --no-fund
fi
wanted=sdk/python/requirements-generate.txt venv=.tools/sdk-generate
if ! cmp -s "$wanted" "$venv/requirements.txt"; then
    rm -rf "$venv"
    python3 -m venv "$venv"
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps -r "$wanted"
    cp "$wanted" "$venv/requirements.txt"
fi

log=$(mktemp)
trap 'rm -f "$log"' EXIT
node_modules/.bin/buf generate 2>"$log" || { cat "$log" >&2; exit 1; }
PYTHONDONTWRITEBYTECODE=1 "$venv/bin/python" sdk/python/tools/finish.py sdk/python/src/litebox_partner proto/litebox/error/v1/error_reason.proto
cp sdk/service_config.json sdk/python/src/litebox_partner/service_config.json
for language in go python typescript; do
    if [ -e "sdk/$language/generate.sh" ]; then bash "sdk/$language/generate.sh"; fi
done
python3 sdk/readme.py
