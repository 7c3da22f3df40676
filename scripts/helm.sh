#!/usr/bin/env bash
# Tests of the Helm chart: what is generated is up to date, then helm/tests: lint, every mode of ci/, every refusal, every
# switch, schemas of Kubernetes, the program itself on what is rendered, Prometheus' own reading of every alert, the commands of README and runbook, and of a
# release what costs no build.
# Needs no network and no cluster. The program is $LITEBOX_BIN, or target/debug/litebox-partner, which is built when it is missing; $HELM is another
# Helm than .tools/bin/helm, by its whole path, for a look whether it renders the same.
# Usage: scripts/helm.sh [TEST]...: all, or those that are named, such as test_migrations.Migrations
set -euo pipefail
cd "$(dirname "$0")/.."

export HELM=${HELM:-$PWD/.tools/bin/helm}
[ -x "$HELM" ] || { echo "helm is missing: make tools" >&2; exit 1; }
[ -e .tools/python/kubernetes_validate ] || { echo "kubernetes-validate is missing: make tools" >&2; exit 1; }
for tool in promtool openssl jq sqlite3; do
    command -v "$tool" >/dev/null || { echo "$tool is missing: make tools" >&2; exit 1; }
done
if [ -z "${LITEBOX_BIN:-}" ] && [ ! -x target/debug/litebox-partner ]; then cargo build --locked; fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export TMPDIR=$work PYTHONPATH=$PWD/.tools/python PYTHONDONTWRITEBYTECODE=1

python3 helm/tests/generate.py --check
cd helm/tests
[ $# -gt 0 ] || set -- discover
status=0
python3 -m unittest "$@" 2>&1 | tee "$work/log" || status=$?
ran=$(sed -n 's/^Ran \([0-9]*\) tests\? in .*/\1/p' "$work/log")
bad=$(sed -n 's/^FAILED (\(.*\))$/\1/p' "$work/log" | tr -c '0-9' '\n' | awk '{ n += $1 } END { print n + 0 }')
if [ "${ran:-0}" = 0 ]; then echo "no test ran" >&2; exit 1; fi
echo "test result: helm. $((ran > bad ? ran - bad : 0)) passed; $bad failed"
exit "$status"
