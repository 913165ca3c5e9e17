#!/bin/sh
# Usage: runtime.sh DIRECTORY
# Copies the parts of Debian that the programs need at run time, without a shell and a package manager. Part of the
# Dockerfile.
set -eu
image=$1
apt-get update -qq
DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends \
  systemd ca-certificates libstdc++6 libzstd1 liblz4-1 liblzma5 >/dev/null

for name in bin lib lib64 sbin; do
  mkdir -p "$image/usr/$name"
  ln -s "usr/$name" "$image/$name"
done
mkdir -p "$image/etc/ssl/certs" "$image/var/lib/dpkg/status.d" "$image/usr/share/doc"
mkdir -m 1777 "$image/tmp"

# copy_files FILE…: copies to the real path of each file, and records its Debian package.
copy_files() {
  for file in "$@"; do
    to=$(realpath "$(dirname "$file")")
    mkdir -p "$image$to"
    [ -e "$image$to/${file##*/}" ] && continue
    cp -L "$file" "$image$to/${file##*/}"
    dpkg -S "$(realpath "$file")" | sed 's/: .*//' >>/tmp/packages
  done
}
libraries() { ldd "$@" 2>/dev/null | sed -n 's|^[^/]*\(/[^ ]*\) (.*|\1|p' | sort -u; }

lib=$(dirname "$(ldconfig -p | sed -n 's|.* => \(/.*/libzstd\.so\.1\)$|\1|p')")
# The chart uses `sleep`. journalctl loads the libraries for compressed journals on demand, so ldd does not list them.
copy_files /usr/bin/journalctl /usr/bin/sleep "$lib"/libzstd.so.1 "$lib"/liblz4.so.1 "$lib"/liblzma.so.5
# shellcheck disable=SC2046 # a list
copy_files $(libraries /usr/bin/journalctl /usr/bin/sleep "$lib"/libzstd.so.1 "$lib"/liblz4.so.1 "$lib"/liblzma.so.5 \
  "$image/usr/bin/node" "$image"/usr/local/lib/koredump/node_modules/@napi-rs/*/*.node)

cp /etc/ssl/certs/ca-certificates.crt "$image/etc/ssl/certs/"
cp -L /etc/os-release "$image/etc/"
echo 'hosts: files dns' >"$image/etc/nsswitch.conf"
printf '%s\n' 'root:x:0:0:root:/:/sbin/nologin' 'koredump:x:65532:65532:koredump:/:/sbin/nologin' >"$image/etc/passwd"
printf '%s\n' 'root:x:0:' 'koredump:x:65532:' >"$image/etc/group"

# For vulnerability scanners, and the licenses.
echo ca-certificates base-files | tr ' ' '\n' >>/tmp/packages
sort -u /tmp/packages | while read -r package; do
  name=${package%%:*}
  dpkg-query -s "$package" >"$image/var/lib/dpkg/status.d/$name"
  mkdir -p "$image/usr/share/doc/$name"
  cp -L "/usr/share/doc/$name/copyright" "$image/usr/share/doc/$name/"
done
