#!/usr/bin/env bash
# What the clients of the last release rely on still holds: the contract is compatible with its image, and their requests are read
# as they were meant. `--renew`, at a release, writes both anew, the requests as the conformance cases of Python send them: sdk/released
# is what the next release is held against. Needs what scripts/sdk-python.sh has left in .tools/sdk-python; to renew, the server's binary, too.
set -euo pipefail
cd "$(dirname "$0")/.."
buf=node_modules/.bin/buf image=sdk/released/contract.binpb.gz requests=sdk/released/requests.jsonl
export PYTHONDONTWRITEBYTECODE=1
stored() { PYTHONPATH=sdk/python/src:sdk/conformance .tools/sdk-python/bin/python sdk/conformance/stored.py "$@"; }

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# Without our own options' libraries there is no image, so they are in it, but nobody holds us to them: --exclude-imports.
"$buf" build --path proto/litebox --exclude-source-info -o "$work/contract.binpb.gz"
if [ "${1:-}" = --renew ]; then
    runner="env PYTHONPATH=sdk/python/src GRPC_VERBOSITY=ERROR .tools/sdk-python/bin/python sdk/python/conformance --sent $work/sent"
    python3 sdk/conformance/harness.py "python=$runner"
    mkdir -p sdk/released
    cp "$work/contract.binpb.gz" "$image"
    stored --renew "$work/sent" "$requests" "$image"
    exit
fi
"$buf" breaking "$work/contract.binpb.gz" --against "$image" --exclude-imports
echo "the contract is compatible with $image"
stored "$requests" "$image"
