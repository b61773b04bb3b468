#!/usr/bin/env bash
# What `make test-s3` runs: the store's promises and the VOD path against a real S3 server, versitygw over a folder. It checks
# signatures and conditions as S3 does. It is built from the Go module at a version, and is no part of liveclip's own go.mod.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

version=v1.8.0
server=.tools/versitygw-$version
if [ ! -x "$server" ]; then
  echo "s3: building versitygw $version (a minute or two the first time)"
  mkdir -p .tools
  built=$(mktemp -d)
  GOFLAGS= GOBIN=$built CGO_ENABLED=0 go install "github.com/versity/versitygw/cmd/versitygw@$version"
  mv "$built/versitygw" "$server"
  rmdir "$built"
fi

folder=$(mktemp -d)
cleanup() {
  [ -z "${pid:-}" ] || { kill "$pid" 2>/dev/null && wait "$pid" || true; }
  rm -rf "$folder"
}
trap cleanup EXIT
mkdir -p "$folder/store/clips"
export AWS_ACCESS_KEY_ID=tester AWS_SECRET_ACCESS_KEY=the-secret-of-the-test

for try in 1 2 3; do # another process may take a port between its being free and its being ours
  port=$((20000 + RANDOM % 20000))
  ROOT_ACCESS_KEY=$AWS_ACCESS_KEY_ID ROOT_SECRET_KEY=$AWS_SECRET_ACCESS_KEY "$server" --quiet --port "127.0.0.1:$port" posix "$folder/store" >"$folder/log" 2>&1 &
  pid=$!
  for _ in $(seq 300); do
    kill -0 "$pid" 2>/dev/null || break
    (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null && break 2
    sleep 0.1
  done
  wait "$pid" || true
done
kill -0 "$pid" 2>/dev/null || { cat "$folder/log" >&2; echo "s3: the server did not start" >&2; exit 1; }

export LIVECLIP_TEST_S3="s3://clips/test?region=us-east-1&endpoint=http://127.0.0.1:$port"
go test -count=1 ./internal/blob
go test -count=1 -run 'S3|AnObject|WhateverIsAsked|EveryKindOfRead' ./services/publish/vod
