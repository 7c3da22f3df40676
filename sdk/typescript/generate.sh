#!/usr/bin/env bash
# What the TypeScript library needs beside the contract: the details of errors, and the shared service config as a module,
# since a bundled program has no JSON file beside it.
set -euo pipefail
cd "$(dirname "$0")/../.."

node_modules/.bin/buf generate --template sdk/typescript/buf.gen.yaml
{
    echo '// Written by `make generate` from sdk/service_config.json; do not edit.'
    printf 'export const serviceConfig = '
    sed '$ s/}$/} as const;/' sdk/service_config.json
} >sdk/typescript/src/service_config.ts
