#!/usr/bin/env bash
# Leaves sherpa-onnx 1.12.15 and the ONNX Runtime 1.17.1 it brings in the folder named, out of the Go module that ships them.
# Does nothing when they are there. They are opened at run time (internal/speech), never linked.
set -euo pipefail
out=$1
module=github.com/k2-fsa/sherpa-onnx-go-linux@v1.12.15
case $(uname -m) in
  x86_64)
    arch=x86_64-unknown-linux-gnu
    sums="cb3d244eb794c698cdd5bd1ebac41c57e9b4353b998aeb287b7f53e1799acf77  libonnxruntime.so
42ea60ee40c3ffa37ae523e86e0b471427a8b2a51cd74695a525eb80fb15cf46  libsherpa-onnx-c-api.so" ;;
  aarch64)
    arch=aarch64-unknown-linux-gnu
    sums="89abc6da8d7ac84e5270349fe8a44ee7469d9a958797eed004f1a3f5c7df21d4  libonnxruntime.so
115babdd983a05bef636f7f19b89301743de024b102a50cbb24c14a3f634406e  libsherpa-onnx-c-api.so" ;;
  *) echo "sherpa: there is no sherpa-onnx for $(uname -m) here: PocketSphinx alone will hear" >&2; exit 0 ;;
esac
check() { (cd "$out" && sha256sum --quiet --check - <<<"$sums") >/dev/null 2>&1; }
check && exit 0
if ! folder=$(cd / && go mod download -json "$module" | sed -n 's/^\t"Dir": "\(.*\)",$/\1/p') || [ -z "$folder" ]; then
  echo "sherpa: $module could not be downloaded: PocketSphinx alone will hear; run make build again when the network is there" >&2
  exit 0
fi
mkdir -p "$out"
install -m 755 "$folder/lib/$arch/libonnxruntime.so" "$folder/lib/$arch/libsherpa-onnx-c-api.so" "$out/"
check || { echo "sherpa: what the module ships is not what was recorded" >&2; exit 1; }
