#!/usr/bin/env bash
# Usage: image.sh NAME DIRECTORY COMMAND FILE
# Makes a container image with one layer, as an archive for `ctr images import`.
set -euo pipefail
name=$1 directory=$2 command=$3 file=$4
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

architecture=$(uname -m)
case $architecture in x86_64) architecture=amd64 ;; aarch64) architecture=arm64 ;; esac
tar -C "$directory" --owner=0 --group=0 --numeric-owner --sort=name -cf "$work/layer.tar" .
printf '{"architecture":"%s","os":"linux","config":{"Env":["PATH=/usr/bin"],"Cmd":["%s"]},"rootfs":{"type":"layers","diff_ids":["sha256:%s"]}}' \
  "$architecture" "$command" "$(sha256sum "$work/layer.tar" | cut -c1-64)" >"$work/config.json"
printf '[{"Config":"config.json","RepoTags":["%s"],"Layers":["layer.tar"]}]' "$name" >"$work/manifest.json"
tar -C "$work" -cf "$file" manifest.json config.json layer.tar
