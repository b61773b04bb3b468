#!/usr/bin/env bash
# Installs what liveclip needs beside Go, from Debian's packages. Does nothing when everything is there.
set -euo pipefail

packages=(
  gcc libc6-dev pkg-config
  ffmpeg libavcodec-dev libavdevice-dev libavfilter-dev libavformat-dev libavutil-dev libpostproc-dev libswresample-dev libswscale-dev
  libpocketsphinx-dev libsphinxbase-dev pocketsphinx-en-us
  redis-server fonts-wqy-microhei espeak-ng
)

if ! command -v go >/dev/null; then
  echo "setup: Go is not installed; liveclip needs Go 1.26 or later (https://go.dev/dl)" >&2
  exit 1
fi
if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
  echo "setup: this system has no apt. Install these by other means, FFmpeg in version 5.1, then run make again:" >&2
  printf '  %s\n' "${packages[@]}" >&2
  for tool in ffmpeg redis-server pkg-config; do command -v "$tool" >/dev/null || exit 1; done
  pkg-config --exists 'libavcodec >= 59 libavcodec < 60' pocketsphinx sphinxbase || exit 1
  exit 0
fi

missing=()
for package in "${packages[@]}"; do
  dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
done
[ ${#missing[@]} -eq 0 ] && exit 0

as_root=()
if [ "$(id -u)" -ne 0 ]; then
  command -v sudo >/dev/null || { echo "setup: not root and no sudo; install: ${missing[*]}" >&2; exit 1; }
  as_root=(sudo)
fi
echo "setup: installing ${missing[*]}"
"${as_root[@]}" apt-get update -qq
# The server must not start by itself: liveclip starts its own. policy-rc.d is not touched; a running one does no harm.
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}"
if ! pkg-config --exists 'libavcodec >= 59 libavcodec < 60'; then
  echo "setup: FFmpeg $(pkg-config --modversion libavcodec) is here, liveclip needs FFmpeg 5.1 (libavcodec 59, Debian 12)" >&2
  exit 1
fi
