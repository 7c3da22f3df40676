#!/usr/bin/env bash
# The chart's objects, tried on a real API server that nothing here installs: KUBE_APISERVER and ETCD name the binaries. Without them this is not
# run, and says so. Outside `make test`.
set -euo pipefail
cd "$(dirname "$0")/.."
for name in KUBE_APISERVER ETCD; do
    if [ ! -x "${!name:-}" ]; then
        echo "apiserver: NOT RUN: $name names no binary"
        exit 0
    fi
done
[ -x .tools/bin/helm ] || { echo "helm is missing: make tools" >&2; exit 1; }
PYTHONPATH=$PWD/.tools/python PYTHONDONTWRITEBYTECODE=1 python3 helm/tests/apiserver.py
