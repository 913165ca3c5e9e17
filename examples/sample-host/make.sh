#!/usr/bin/env bash
# Creates sample-host.tar.gz next to this script: the files of a small host with real core dumps and a real journal, made
# with the pipeline of e2e/host. Needs root on a disposable machine. README.md lists the contents.
. "$(dirname "${BASH_SOURCE[0]}")/../../e2e/host/capture.sh"
archive=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)/sample-host.tar.gz

capture_begin
# Without the programs that the demo does not need, to keep the archive small.
mv "$DEMO/bin/deep" "$DEMO/bin/checkout"
mv "$DEMO/bin/threads" "$DEMO/bin/queue-worker"
mv "$DEMO/bin/aborts" "$DEMO/bin/billing"
mv "$DEMO/bin/signals" "$DEMO/bin/report"
for name in stripped big kwörker 'über\x20prog'; do rm -f "$DEMO/bin/$name"; done

declare -A made
capture() {
  crash "$@"
  made[$1]=$pid
  sleep 1.1
}
export KOREDUMP_E2E_USER=1000
capture pod exec-pod --host checkout-7d4b9c6f5d-x2k8p -- "$DEMO/bin/checkout"
capture threads exec "$DEMO/bin/queue-worker"
capture gone exec "$DEMO/bin/report" FPE
unset KOREDUMP_E2E_USER
capture abort exec "$DEMO/bin/billing"
capture lz4 exec "$DEMO/bin/report" FPE
capture name-space name-space
capture truncated exec-small "$DEMO/bin/checkout"
capture rlimit0 exec-none "$DEMO/bin/checkout"
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
