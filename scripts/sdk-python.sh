#!/usr/bin/env bash
# The Python library: types, also those of the wheel alone, unit tests with the newest and the oldest releases that it runs with, and the
# README's program from the wheel in an empty environment. LITEBOX_BIN names the server's binary. Leaves what the conformance runner
# needs in .tools/sdk-python.
set -euo pipefail
cd "$(dirname "$0")/.."
export PYTHONDONTWRITEBYTECODE=1 GRPC_VERBOSITY=ERROR
LITEBOX_BIN=$(realpath "${LITEBOX_BIN:-target/debug/litebox-partner}")

work=$(mktemp -d)
demo=
finish() {
    if [ -n "$demo" ]; then kill "$demo" 2>/dev/null || true; wait "$demo" 2>/dev/null || true; fi
    rm -rf "$work"
}
trap finish EXIT

environment() { # environment FOLDER REQUIREMENTS: made anew when the requirements have changed
    if cmp -s "$2" "$1/requirements.txt"; then return; fi
    rm -rf "$1"
    python3 -m venv "$1"
    "$1/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps -r "$2"
    cp "$2" "$1/requirements.txt"
}

unit_tests() { # unit_tests ENVIRONMENT
    echo "unit tests with $("$1/bin/python" -m pip freeze | grep -E '^(grpcio|protobuf)==' | paste -sd' ')"
    PYTHONPATH=sdk/python/src:sdk/python/tests "$1/bin/python" -W error::ResourceWarning -m unittest discover -s sdk/python/tests
}

start_demo() { # a server, a partner and a register of its own; takes over what it exports
    TMPDIR=$work "$LITEBOX_BIN" demo --bare >"$work/demo.log" 2>&1 &
    demo=$!
    for _ in $(seq 600); do
        if grep -q 'Ctrl-C ends it' "$work/demo.log" || ! kill -0 "$demo" 2>/dev/null; then break; fi
        sleep 0.1
    done
    grep -q 'Ctrl-C ends it' "$work/demo.log" || { tail -n 20 "$work/demo.log" >&2; return 1; }
    eval "$(grep '^export [A-Z_]*=[^ ]*$' "$work/demo.log")"
}

typed() { # typed ENVIRONMENT: there is the wheel and no stubs of gRPC. All blocks of the README are right, and what is wrong is found
    local said mypy=(.tools/sdk-python/bin/python -m mypy --strict --cache-dir "$work/mypy" --python-executable "$1/bin/python")
    "${mypy[@]}" "$work/program.py" "$work/snippets.py"
    said=$("${mypy[@]}" sdk/python/tests/misuse.py) || true
    diff <(grep -n '# wrong$' sdk/python/tests/misuse.py | cut -d: -f1) <(sed -n 's/^[^:]*:\([0-9]*\): error: .*/\1/p' <<<"$said") || {
        echo "mypy finds other lines wrong than are: $said" >&2
        return 1
    }
}

from_the_wheel() { # the README's program, by what a user has: the wheel and what it asks for
    local readme=$PWD/sdk/python/README.md run
    .tools/sdk-python/bin/python -m pip wheel --quiet --disable-pip-version-check --no-deps --no-build-isolation -w "$work" sdk/python
    python3 -m venv "$work/empty"
    "$work/empty/bin/pip" install --quiet --disable-pip-version-check "$work"/litebox_partner-*.whl
    "$work/empty/bin/pip" freeze | sed 's/^/installed /'
    awk '/^```python$/ { inside = 1; next } /^```$/ && inside { exit } inside' "$readme" >"$work/program.py"
    python3 sdk/snippets.py "$readme" python sdk/python/tests/snippets.py >"$work/snippets.py"
    typed "$work/empty"
    start_demo
    for run in first again; do # it goes on with what is there
        (cd "$work" && env -u PYTHONPATH empty/bin/python program.py) >"$work/$run" || { cat "$work/$run" >&2; return 1; }
        grep -q '^registered: .* card 7' "$work/$run" || { cat "$work/$run" >&2; return 1; }
    done
    cat "$work/first"
}

environment .tools/sdk-python sdk/python/requirements.txt
environment .tools/sdk-generate sdk/python/requirements-generate.txt
.tools/sdk-python/bin/python -m pip check
(cd sdk/python && ../../.tools/sdk-python/bin/python -m mypy && MYPYPATH=src ../../.tools/sdk-python/bin/python -m mypy --strict example.py)
unit_tests .tools/sdk-generate >"$work/oldest" 2>&1 & # both mostly wait
oldest=$!
unit_tests .tools/sdk-python
wait "$oldest" || { cat "$work/oldest"; exit 1; }
cat "$work/oldest"
from_the_wheel
