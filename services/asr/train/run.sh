#!/usr/bin/env bash
# Trains the Mandarin model that comes with liveclip, on the processor, and writes it with its figures.
# MINUTES (80) of training, COUNT (80000) sentences, WORK (a folder that is kept: a second run takes up what is there).
set -euo pipefail
cd "$(dirname "$0")"

missing=()
for package in python3-torch python3-venv libopenblas0-pthread espeak-ng; do
  dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
done
if [ ${#missing[@]} -gt 0 ]; then
  as_root=()
  [ "$(id -u)" -eq 0 ] || as_root=(sudo)
  "${as_root[@]}" apt-get update -qq
  "${as_root[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}"
fi
if [ ! -x .venv/bin/pytest ]; then
  /usr/bin/python3 -m venv --system-site-packages .venv # Debian's Python has Debian's PyTorch; PyPI's is the CUDA build
  .venv/bin/pip install -q -r requirements.txt
fi

work=${WORK:-$PWD/.work}
model=models/mandarin-commerce
export OPENBLAS_NUM_THREADS=1
python=$PWD/.venv/bin/python
cd ..
$python -m pytest -q train/tests
[ -e "$work/noise.npy" ] || $python -m train.synth --out "$work" --count "${COUNT:-80000}" --jobs "$(nproc)"
$python -m train.train --data "$work" --out "$work/model.pt" --minutes "${MINUTES:-80}" --threads 1
$python -m train.export --checkpoint "$work/model.pt" --out "$model"
$python -m train.evaluate --model "$model" ${LIVECLIP_CORPUS:+--corpus "$LIVECLIP_CORPUS"}
