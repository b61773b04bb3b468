#!/usr/bin/env bash
# What `make test-kafka` runs: the bus conformance suite and the whole pipeline against a real Apache Kafka and Redis.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

if [ -z "${LIVECLIP_TEST_KAFKA:-}" ]; then
  exec deploy/kafka-test/kafka.sh "${BASH_SOURCE[0]}"
fi
go test -count=1 ./internal/bus/... ./internal/story/...
if [ -d test ]; then
  go test -count=1 -timeout 30m -v -run 'Kafka' ./test/...
fi
