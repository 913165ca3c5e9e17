#!/usr/bin/env bash
# Captures sample-host.tar.gz beside this script: the files of a small host with
# real cores and a real journal, made by the pipeline of e2e/host (root, disposable
# machine). See README.md for what is in it.
. "$(dirname "${BASH_SOURCE[0]}")/../../e2e/host/capture.sh"
archive=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)/sample-host.tar.gz

capture_begin
# Stripped of what the demo does not need, so that the archive stays small.
mv "$DEMO/bin/deep" "$DEMO/bin/checkout"
mv "$DEMO/bin/threads" "$DEMO/bin/queue-worker"
mv "$DEMO/bin/aborts" "$DEMO/bin/billing"
mv "$DEMO/bin/signals" "$DEMO/bin/report"
for name in stripped big kwörker 'über\x20prog'; do rm -f "$DEMO/bin/$name"; done

declare -A made
keep() {
  crash "$@"
  made[$1]=$pid
  sleep 1.1
}
export KOREDUMP_E2E_USER=1000
keep pod exec-pod --host checkout-7d4b9c6f5d-x2k8p -- "$DEMO/bin/checkout"
keep threads exec "$DEMO/bin/queue-worker"
keep gone exec "$DEMO/bin/report" FPE
unset KOREDUMP_E2E_USER
keep abort exec "$DEMO/bin/billing"
keep lz4 exec "$DEMO/bin/report" FPE
keep name-space name-space
keep truncated exec-small "$DEMO/bin/checkout"
keep rlimit0 exec-none "$DEMO/bin/checkout"
"$HERE/pipeline.sh" journal stop
made[pending]=$("$HERE/crash.sh" exec "$DEMO/bin/queue-worker")
pids="$pids ${made[pending]}"
sleep 1

root=$work/sample-host
mkdir -p "$root$COREDUMP_DIR" "$root/var/log/journal" "$root/etc" "$root$DEMO"
for name in "${!made[@]}"; do
  [ "$name" != rlimit0 ] || continue
  file=$(core_of "${made[$name]}")
  case $name in
  gone) rm "$file" ;;
  lz4) "$HERE/recompress.sh" "$file" lz4 "$root$COREDUMP_DIR" ;;
  *) cp --preserve=mode,timestamps,xattr "$file" "$root$COREDUMP_DIR/" ;;
  esac
done
cp --sparse=always -r "$work/journal/$MACHINE_ID" "$root/var/log/journal/"
cp -r "$DEMO/bin" "$root$DEMO/"
echo "$MACHINE_ID" >"$root/etc/machine-id"
echo node-1 >"$root/etc/hostname"
cp -L /etc/os-release "$root/etc/os-release"
chmod -R u=rwX,go=rX "$root"
tar --create --directory="$work" --sort=name --format=posix --sparse --owner=0 --group=0 --numeric-owner \
  --xattrs --xattrs-include='user.*' sample-host | gzip -9n >"$archive"
ls -l "$archive" >&2
