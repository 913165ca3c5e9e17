#!/usr/bin/env bash
# Builds koredump's image from this working tree into a cache, unless it is up to date, and prints the path of the archive.
# To use an existing archive, set KOREDUMP_IMAGE=FILE.
set -euo pipefail
if [ -n "${KOREDUMP_IMAGE:-}" ]; then
  realpath -e "$KOREDUMP_IMAGE"
  exit
fi
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
cache=${KOREDUMP_KUBE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/koredump}
mkdir -p "$cache"
# A second caller waits for the first one.
exec 9>"$cache/image.lock"
flock 9
# Hash all files of the build context. Directories in .dockerignore do not change the image.
mapfile -t ignored < <(sed -n 's|^[a-z].*|:!&|p' .dockerignore)
contents() {
  git ls-files -z -co --exclude-standard -- . "${ignored[@]}" | sort -z | xargs -0 sha256sum -- 2>/dev/null || true
}
file=$cache/image-$(contents | sha256sum | cut -c1-16).tar
if [ ! -e "$file" ]; then
  scripts/image.sh "$cache/image.new" >"$cache/image.log" 2>&1 9>&- || { tail -n 20 "$cache/image.log" >&2; exit 1; }
  rm -f "$cache"/image-*.tar
  mv "$cache/image.new" "$file"
fi
echo "$file"
