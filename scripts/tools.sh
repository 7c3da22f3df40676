#!/usr/bin/env bash
# Installs what the tests need beside a Rust toolchain and a C compiler, each only when it is missing:
# PostgreSQL's server and client binaries, npm with buf, Go with grpcurl. Root installs from Debian; anybody else is told what to install.
set -euo pipefail
cd "$(dirname "$0")/.."

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
if [ ! -x .tools/bin/grpcurl ]; then
    command -v go >/dev/null || debian golang-go
    mkdir -p .tools/bin
    GOFLAGS=-modcacherw GOBIN="$PWD/.tools/bin" go install github.com/fullstorydev/grpcurl/cmd/grpcurl@v1.9.3
fi
