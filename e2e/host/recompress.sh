#!/usr/bin/env bash
# Usage: recompress.sh FILE lz4|xz|none|zstd [DIR]
#
# Writes FILE with another compression next to it, or to DIR, with the same extended attributes, ACL, mode, owner and mtime,
# as systemd-coredump would have written it. Prints the new path. FILE stays. The new file gets its name when it is complete.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

[ $# -ge 2 ] || die 'usage: recompress.sh FILE lz4|xz|none|zstd [DIR]'
src=$1 format=$2 dir=${3:-$(dirname "$1")}
[ -f "$src" ] || die "file not found: $src"

name=${src##*/}
case $name in
*.zst) plain=(zstd -dcq -- "$src") base=${name%.zst} ;;
*.lz4) plain=(lz4 -dcq -- "$src") base=${name%.lz4} ;;
*.xz) plain=(xz -dcq -- "$src") base=${name%.xz} ;;
*) plain=(cat -- "$src") base=$name ;;
esac
case $format in
zstd) pack=(zstd -cq) ext=.zst ;;
lz4) pack=(lz4 -cq) ext=.lz4 ;;
xz) pack=(xz -cq -T1) ext=.xz ;;
none) pack=(cat) ext= ;;
*) die "unknown format: $format" ;;
esac

out=$dir/$base$ext
[ "$out" != "$src" ] || die "$src already has the format $format"
tmp=$dir/.#$base.$(od -An -N8 -tx8 /dev/urandom | tr -d ' ')
trap 'rm -f -- "$tmp"' EXIT
"${plain[@]}" | "${pack[@]}" >"$tmp"
chown --reference="$src" -- "$tmp"
chmod --reference="$src" -- "$tmp"
# All attributes: user.coredump.* and the ACL (system.posix_acl_access). A loop applies them, so no path is parsed.
(cd "$(dirname "$src")" && getfattr -d -m - --absolute-names -e hex -- "$name") |
  sed '/^# file: /d' >"$tmp.attrs"
while IFS== read -r key value; do
  [ -n "$key" ] && setfattr -n "$key" -v "$value" -- "$tmp"
done <"$tmp.attrs"
rm -f -- "$tmp.attrs"
touch --reference="$src" -- "$tmp"
mv -n -- "$tmp" "$out"
trap - EXIT
printf '%s\n' "$out"
