#!/usr/bin/env bash
# Makes the virtual environment of the generation engine: services/t2v/engine/.venv. Does nothing when it is there and fresh.
# Beside an NVIDIA GPU it holds PyTorch's CUDA build (several GB); else PyTorch is Debian's, for the CPU.
set -euo pipefail
cd "$(dirname "$0")/../services/t2v/engine"

kind=cpu
if command -v nvidia-smi >/dev/null && nvidia-smi -L 2>/dev/null | grep -q GPU; then kind=cuda; fi
kind=${LIVECLIP_ENGINE_TORCH:-$kind}
fresh=$(cat requirements.txt requirements-dev.txt requirements-cuda.txt | sha256sum | cut -c1-16)-$kind
[ "$(cat .venv/fresh 2>/dev/null)" = "$fresh" ] && exit 0

python=${PYTHON:-/usr/bin/python3}
if [ "$kind" = cpu ] && ! { "$python" -c 'import torch, ensurepip' && ldconfig -p | grep -q libopenblas; } 2>/dev/null; then
  if ! command -v apt-get >/dev/null; then
    echo "engine: needs Python 3.11 with PyTorch 1.13 or later, and OpenBLAS; this system has no apt to install them with" >&2
    exit 1
  fi
  as_root=()
  [ "$(id -u)" -eq 0 ] || as_root=(sudo)
  echo "engine: installing python3-torch, python3-venv and libopenblas0-pthread"
  "${as_root[@]}" apt-get update -qq
  # Debian's PyTorch multiplies matrices fifteen times as fast with this OpenBLAS as without
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends python3-torch python3-venv libopenblas0-pthread
fi

echo "engine: making services/t2v/engine/.venv for $kind"
rm -rf .venv
wheels=(-r requirements.txt -r requirements-dev.txt)
if [ "$kind" = cuda ]; then
  "$python" -m venv .venv
  wheels+=(-r requirements-cuda.txt)
else
  "$python" -m venv --system-site-packages .venv
fi
.venv/bin/python -m pip install -q --disable-pip-version-check "${wheels[@]}"
site=$(.venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
realpath .. >"$site/liveclip-engine.pth" # so that `python -m engine` finds the package
echo "$fresh" >.venv/fresh
