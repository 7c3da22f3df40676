#!/usr/bin/env bash
# The TypeScript library: compiled, formatted, its unit tests, the conformance cases, and the README's program from the packed
# package in an empty folder, compiled with the README's other blocks. LITEBOX_BIN names the server's binary. CASES=no only builds the
# runner of the conformance cases, for who runs those of all languages together.
set -euo pipefail
cd "$(dirname "$0")/.."
PATH="$PWD/.tools/bin:$PATH"
export LITEBOX_BIN
LITEBOX_BIN=$(realpath "${LITEBOX_BIN:-target/debug/litebox-partner}")

work=$(mktemp -d)
demo=
strict=(--strict --module nodenext --target es2022 --lib es2022,esnext.disposable --types node)
finish() {
    if [ -n "$demo" ]; then kill "$demo" 2>/dev/null || true; wait "$demo" 2>/dev/null || true; fi
    rm -rf "$work"
}
trap finish EXIT

start_demo() { # a server, a partner and a register of its own; takes over what it exports
    TMPDIR=$work "$LITEBOX_BIN" demo --bare >"$work/demo.log" 2>&1 &
    demo=$!
    for _ in $(seq 600); do
        if grep -q 'Ctrl-C ends it' "$work/demo.log"; then break; fi
        if ! kill -0 "$demo" 2>/dev/null; then break; fi
        sleep 0.1
    done
    if ! grep -q 'Ctrl-C ends it' "$work/demo.log"; then tail -n 20 "$work/demo.log" >&2; exit 1; fi
    eval "$(grep '^export [A-Z_]*=[^ ]*$' "$work/demo.log")"
}

oldest() { # oldest README: the oldest Node and compilers that it names; the program compiles with these, and the tests of connections run
    local node types compiler
    node=$(sed -n 's/^Node \([0-9.]*\) or later.*/\1/p' "$1")
    types=$(sed -n 's/.*TypeScript \([0-9.]*\) or later.*/\1/p' "$1")
    compiler=$(sed -n 's/.*from \([0-9.]*\) on with `skipLibCheck`.*/\1/p' "$1")
    npm install --silent --no-audit --no-fund --prefer-offline --prefix .oldest \
        "node@$node" "typescript@npm:typescript@$types" "typescript-lax@npm:typescript@$compiler"
    [[ "$(.oldest/node_modules/.bin/node --version)" == "v$node."* ]]
    node .oldest/node_modules/typescript/bin/tsc "${strict[@]}" --noEmit quickstart.ts snippets.ts
    node .oldest/node_modules/typescript-lax/bin/tsc "${strict[@]}" --noEmit --skipLibCheck quickstart.ts snippets.ts
    .oldest/node_modules/.bin/node --test --test-timeout=60000 "$OLDPWD/sdk/typescript/build/test/retry.test.js" >"$work/retry.log" ||
        { cat "$work/retry.log" >&2; exit 1; }
    echo "ok: the README's program with Node $node and TypeScript $types, and with $compiler"
}

from_the_package() { # the README's program, by what a user has: the package, a compiler, the types of Node
    local here=$PWD/sdk/typescript compiler types
    compiler=$(node -p 'require(process.argv[1]).version' "$here/node_modules/typescript/package.json")
    types=$(node -p 'require(process.argv[1]).version' "$here/node_modules/@types/node/package.json")
    npm pack --silent --pack-destination "$work" "$here" >/dev/null
    mkdir "$work/empty"
    cd "$work/empty"
    echo '{"private": true, "type": "module"}' >package.json
    npm install --silent --no-audit --no-fund --prefer-offline "$work"/litebox-partner-*.tgz
    npm ls --omit=dev --all --parseable | tail -n +2 | sed 's|.*node_modules/|installed |'
    npm install --silent --no-audit --no-fund --prefer-offline --save-dev "typescript@$compiler" "@types/node@$types"
    awk '/^```ts$/ { inside = 1; next } /^```$/ && inside { exit } inside' "$here/README.md" >quickstart.ts
    python3 "$here/../snippets.py" "$here/README.md" ts "$here/example/snippets.ts" >snippets.ts
    npx --no-install tsc "${strict[@]}" quickstart.ts snippets.ts
    oldest "$here/README.md"
    start_demo
    node quickstart.js | tee printed
    .oldest/node_modules/.bin/node quickstart.js >again # it goes on with what is there
    cd "$OLDPWD"
    grep -q '^registered: .* card 7' "$work/empty/printed"
    grep -q '^registered: .* card 7' "$work/empty/again"
}

(
    cd sdk/typescript
    npm ci --silent --no-audit --no-fund
    npm run --silent check
    npm test --silent
)
if [ "${CASES:-yes}" != no ]; then
    python3 sdk/conformance/harness.py typescript='node sdk/typescript/build/conformance/runner.js'
fi
from_the_package
echo "ok: the README's program, from the package"
