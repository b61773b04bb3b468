#!/usr/bin/env bash
# Prints what liveclip reaches on this machine and writes bench.json. Arguments go to test/bench.
set -euo pipefail
cd "$(dirname "$0")/.."
exec go run ./test/bench --bin bin "$@"
