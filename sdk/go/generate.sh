#!/usr/bin/env bash
# What Go needs beside the stubs: a copy of the shared policy to embed, and the reasons of errors as constants.
set -euo pipefail
cd "$(dirname "$0")"
cp ../service_config.json service_config.json
go run ./internal/reasons gen/errorv1/error_reason.pb.go reasons.go
