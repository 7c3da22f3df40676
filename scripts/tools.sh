#!/usr/bin/env bash
# Installs what the tests need beside a Rust toolchain and a C compiler, each only when it is missing:
# PostgreSQL's server and client binaries, npm with buf, Go with grpcurl and helm, Python with venv, the schemas of Kubernetes and hadolint,
# bubblewrap, Prometheus' promtool, jq and sqlite3, with which operators make and restore backups. Root installs from Debian; anybody else is told what to install.
set -euo pipefail
cd "$(dirname "$0")/.."
PATH="$PWD/.tools/bin:$PATH"
mkdir -p .tools/bin

find_postgres() {
    local dir
    for dir in ${PATH//:/ } /usr/local/bin /usr/lib/postgresql/*/bin; do
        if [ -x "$dir/initdb" ] && [ -x "$dir/postgres" ]; then return 0; fi
    done
    return 1
}

debian() { # debian PACKAGE...
    if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
        echo "please install: $*" >&2
        return 1
    fi
    [ -n "${apt_updated:-}" ] || apt-get update -qq
    apt_updated=1
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}

find_postgres || debian postgresql
if ! command -v pg_dump >/dev/null || ! command -v psql >/dev/null; then debian postgresql-client; fi
command -v npm >/dev/null || debian npm
if [ package-lock.json -nt node_modules/.package-lock.json ]; then npm ci --silent --no-audit --no-fund; fi

# What the machine and its Debian have may be older than sdk/ needs; then .tools/bin has a newer one. The scripts look there first.
older() { [ "$(printf '%s\n' "$1" "$2" | sort -V | head -1)" != "$2" ]; } # older VERSION NEEDED

# A Go from 1.21 on fetches the toolchain that a module asks for by itself. An older one can fetch it as what it is: a module, with
# its checksum looked up. Modules know no modes of files and no go.mod further down, so that these are put right here.
newer_go() {
    local wanted fetched
    wanted=$(sed -n 's/^go //p' sdk/go/go.mod)
    fetched=$(cd / && go mod download -json "golang.org/toolchain@v0.0.1-go$wanted.$(go env GOOS)-$(go env GOARCH)" |
        sed -n 's/^\t"Dir": "\(.*\)",$/\1/p')
    rm -rf .tools/go
    cp -r "$fetched" .tools/go
    chmod -R u+w .tools/go
    chmod +x .tools/go/bin/* .tools/go/pkg/tool/*/*
    find .tools/go -name _go.mod -execdir mv {} go.mod \;
    ln -sf ../go/bin/go ../go/bin/gofmt .tools/bin/
}

newer_node() { # from npm, which is here already; for Linux alone
    local node
    mkdir -p .tools/node
    cp scripts/node/package*.json .tools/node/
    npm ci --silent --no-audit --no-fund --prefix .tools/node
    node=$(find .tools/node/node_modules -path '*/bin/node' -type f | head -1)
    [ -n "$node" ] || { echo "please install Node 20.11 or later" >&2; return 1; }
    ln -sf "../../$node" .tools/bin/node
}

command -v go >/dev/null || debian golang-go
if older "$(GOTOOLCHAIN=local go env GOVERSION | sed 's/^go//')" 1.21; then newer_go; fi
if older "$(node --version | tr -d v)" 20.11; then newer_node; fi

go_tool() { # go_tool NAME PACKAGE@VERSION: GO_JOBS compilers at once
    if [ -x ".tools/bin/$1" ]; then return; fi
    CGO_ENABLED=0 GOFLAGS="-modcacherw -p=${GO_JOBS:-2}" GOBIN="$PWD/.tools/bin" go install "$2"
}

go_tool grpcurl github.com/fullstorydev/grpcurl/cmd/grpcurl@v1.9.3
go_tool helm helm.sh/helm/v4/cmd/helm@v4.3.1

# The caller with the standard policy, whom the tests of restarts ask what it has seen.
(cd sdk/go && CGO_ENABLED=0 GOFLAGS="-modcacherw -p=${GO_JOBS:-2}" go build -buildvcs=false -o ../../.tools/bin/standard-caller ./internal/standard)

for tool in openssl jq sqlite3; do
    command -v "$tool" >/dev/null || debian "$tool"
done
wanted=scripts/requirements.txt
if ! cmp -s "$wanted" .tools/python/requirements.txt; then
    python3 -m pip --version >/dev/null 2>&1 || debian python3-pip
    rm -rf .tools/python
    python3 -m pip install --quiet --disable-pip-version-check --root-user-action=ignore --no-deps --require-hashes \
        --target .tools/python -r "$wanted"
    cp "$wanted" .tools/python/requirements.txt
fi
python3 -c 'import ensurepip, venv' 2>/dev/null || debian python3-venv
command -v bwrap >/dev/null || debian bubblewrap
command -v promtool >/dev/null || debian prometheus
