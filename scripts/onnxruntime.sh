#!/usr/bin/env bash
# Leaves an ONNX Runtime (1.17, for this machine's processor) at the path named, out of a Go module that ships one.
set -euo pipefail
out=$1
module=github.com/k2-fsa/sherpa-onnx-go-linux@v1.12.15
case $(uname -m) in
  x86_64) arch=x86_64-unknown-linux-gnu ;;
  aarch64) arch=aarch64-unknown-linux-gnu ;;
  *) echo "no ONNX Runtime for $(uname -m) here; name one in review.faces.runtime" >&2; exit 1 ;;
esac
folder=$(cd / && go mod download -json "$module" | sed -n 's/^\t"Dir": "\(.*\)",$/\1/p')
mkdir -p "$(dirname "$out")"
install -m 755 "$folder/lib/$arch/libonnxruntime.so" "$out"
