#!/usr/bin/env bash
# Usage: build.sh [DIRECTORY]
# Builds the programs that crash, if they are older than their sources. Default: $KOREDUMP_E2E_STATE/bin
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
src=$HERE/crashers
out=${1:-$BIN}
mkdir -p "$out"
chmod 755 "$STATE" "$out" 2>/dev/null || true

build() {
  local name=$1 source=$2
  shift 2
  [ "$out/$name" -nt "$src/$source" ] && return
  (cd "$src" && gcc -std=gnu11 -Wall -O0 -g -fno-omit-frame-pointer -ffile-prefix-map="$src"=/usr/src/crashers "$source" -o "$out/$name" "$@")
}

build deep deep.c
build stripped deep.c -s
build threads threads.c -pthread
build aborts aborts.c
build signals signals.c
build big big.c -O2
build forge forge.c
build hold hold.c
build linger linger.c
for name in 'web server.v1' kwörker 'über\x20prog'; do
  [ "$out/$name" -nt "$out/deep" ] || cp "$out/deep" "$out/$name"
done
