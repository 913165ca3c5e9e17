#!/usr/bin/env bash
# image.sh FILE [NAME:TAG]
# Builds the Dockerfile where there is no registry of images: its base is made by debootstrap, and buildah builds on it.
# FILE is an archive for `ctr images import`, `docker load` and `podman load`. As root, on Debian; the base is cached.
# BASE=debian:trixie-slim builds on another release.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
version=$(sed -n 's/^  "version": "\(.*\)",$/\1/p' packages/server/package.json)
file=$(realpath "${1:?usage: image.sh FILE [NAME:TAG]}") name=${2:-koredump/koredump:$version}

base=${BASE:-$(sed -n 's/^ARG BASE=//p' Dockerfile)}
suite=${base#debian:} suite=${suite%-slim}
cache=${KOREDUMP_KUBE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/koredump}
storage=$cache/images
mkdir -p "$storage"
exec 9>"$storage/lock"
flock 9
buildah() {
  BUILDAH_ISOLATION=chroot command buildah --root "$storage" --runroot "$storage/run" \
    --storage-driver "${STORAGE_DRIVER:-vfs}" "$@"
}

for program in buildah debootstrap; do
  type -P "$program" >/dev/null || { echo "image.sh needs $program: apt-get install buildah debootstrap" >&2; exit 1; }
done
if ! buildah inspect --type image "$base" >/dev/null 2>&1; then
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  # A debootstrap that is older than the release does not know its name; all new ones are made alike.
  debootstrap --variant=minbase "$suite" "$work" "${DEBIAN_MIRROR:-http://deb.debian.org/debian}" sid >&2
  # Mirrors may lag behind, and a release in the making says for how long its lists hold.
  echo 'Acquire::Check-Valid-Until "false";' >"$work/etc/apt/apt.conf.d/mirror"
  container=$(buildah from scratch)
  buildah add -q "$container" "$work" / >&2
  buildah commit -q --rm "$container" "$base" >&2
fi

# The machine's authorities and npm's cache are the build's as well: it needs what `npm ci` needed here.
authorities=${NODE_EXTRA_CA_CERTS:-/etc/ssl/certs/ca-certificates.crt}
npm_cache=$(npm config get cache)
mkdir -p "$npm_cache"
buildah bud --pull=never --format docker --platform "linux/$(dpkg --print-architecture)" --tag "$name" \
  --volume "$authorities:/run/authorities.crt:ro" --build-arg NODE_EXTRA_CA_CERTS=/run/authorities.crt \
  --volume "$npm_cache:/root/.npm" \
  --build-arg BASE="$base" --build-arg VERSION="$version" --build-arg REVISION="$(git rev-parse HEAD 2>/dev/null || true)" . >&2
# What is in it must run, as a user with no rights.
container=$(buildah from --pull=never "$name")
buildah run "$container" -- koredump-server --version >&2
buildah run "$container" -- koredumpctl version >&2
buildah run "$container" -- journalctl --version >&2
buildah rm "$container" >/dev/null
rm -f "$file"
buildah push -q "$name" "docker-archive:$file:$name" >&2
buildah rmi "$name" >/dev/null
megabytes=$(($(stat -c %s "$file") / 1000000))
echo "$name: $megabytes MB unpacked, in $file" >&2
[ "$megabytes" -lt 300 ] || { echo 'image.sh: that is more than the 300 MB that the documentation promises' >&2; exit 1; }
