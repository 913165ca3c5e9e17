#!/usr/bin/env bash
# Usage: image.sh FILE [NAME:TAG]
#
# Builds the image of the Dockerfile without an image registry: debootstrap makes the base image, and buildah builds on it.
# FILE is an archive for `ctr images import`, `docker load` and `podman load`. Needs root on Debian. The base is cached.
# To use another Debian release, set BASE=debian:trixie-slim.
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
  type -P "$program" >/dev/null || { echo "image.sh: $program not found. Run: apt-get install buildah debootstrap" >&2; exit 1; }
done
if ! buildah inspect --type image "$base" >/dev/null 2>&1; then
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  # Without --force-check-gpg, debootstrap only warns if Debian's keys are not installed.
  # An old debootstrap does not know the name of a new release. The script `sid` works for all of them.
  debootstrap --force-check-gpg --variant=minbase "$suite" "$work" "${DEBIAN_MIRROR:-http://deb.debian.org/debian}" sid >&2
  # The package lists of a mirror that is not up to date have expired.
  echo 'Acquire::Check-Valid-Until "false";' >"$work/etc/apt/apt.conf.d/mirror"
  container=$(buildah from scratch)
  buildah add -q "$container" "$work" / >&2
  buildah commit -q --rm "$container" "$base" >&2
fi

# The build uses the CAs and the npm cache of this machine.
authorities=${NODE_EXTRA_CA_CERTS:-/etc/ssl/certs/ca-certificates.crt}
npm_cache=$(npm config get cache)
mkdir -p "$npm_cache"
buildah bud --pull=never --format docker --platform "linux/$(dpkg --print-architecture)" --tag "$name" \
  --volume "$authorities:/run/authorities.crt:ro" --build-arg NODE_EXTRA_CA_CERTS=/run/authorities.crt \
  --volume "$npm_cache:/root/.npm" \
  --build-arg BASE="$base" --build-arg VERSION="$version" --build-arg REVISION="$(git rev-parse HEAD 2>/dev/null || true)" . >&2
# Check that the programs in the image run as an unprivileged user.
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
[ "$megabytes" -lt 300 ] || { echo 'image.sh: the image is larger than 300 MB, the limit in the documentation' >&2; exit 1; }
