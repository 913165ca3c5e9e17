#!/usr/bin/env bash
# Usage: crash.sh [--no-wait] CASE [ARGUMENT…]
#
# Runs a program that crashes and prints its PID on the host, as in the name of the core. Returns when the kernel has
# passed on the complete core. The file and the journal entry can follow shortly after. With --no-wait, returns at once.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

wait=1
[ "${1:-}" = --no-wait ] && { wait=0; shift; }
case=${1:-}
shift || true
BIN=${KOREDUMP_E2E_BIN:-$BIN}

# The core dump shows only known values: an empty environment, /dev/null as stdio, a neutral host name and cgroup.
limit=unlimited
cgroup=/system.slice/demo.service
vars=(PATH=/usr/bin:/bin LANG=C.UTF-8)
user=() pod=() command=()
case $case in
deep) command=("$BIN/deep" "$@") ;;
stripped) command=("$BIN/stripped") ;;
threads) command=("$BIN/threads") ;;
abort) command=("$BIN/aborts") ;;
signal) command=("$BIN/signals" "${1:-FPE}") ;;
big) command=("$BIN/big" "${1:-2048}") ;;
name-space) command=("$BIN/web server.v1" 0 'a b') ;;
name-utf8) command=("$BIN/kwörker") ;;
name-backslash) command=("$BIN/über\\x20prog") ;;
name-slash) command=("$BIN/deep") vars+=('DEEP_COMM=a/b c') ;;
name-bytes) command=("$BIN/deep") vars+=($'DEEP_COMM=\x01\xff"%#?&+') ;;
environ) command=("$BIN/deep") vars+=($'BINARY=\x01\x02\xfe\xff\xc3(' $'LINES=one\ntwo' 'EMPTY=') ;;
environ-large) command=("$BIN/deep") vars+=("LARGE=$(printf '%06000d' 0)") ;;
user) command=("$BIN/deep") KOREDUMP_E2E_USER=${1:-1000} ;;
rlimit0) command=("$BIN/deep") limit=0 ;;
rlimit-small) command=("$BIN/deep") limit=64 ;;
pod) command=("$BIN/deep") pod=("$HERE/pod-exec.sh" "$@" --) ;;
exec) command=("$@") ;;
exec-none) command=("$@") limit=0 ;;
exec-small) command=("$@") limit=64 ;;
exec-pod)
  pod=("$HERE/pod-exec.sh")
  while [ $# -gt 0 ] && [ "$1" != -- ]; do pod+=("$1") && shift; done
  shift
  pod+=(--) command=("$@")
  ;;
*)
  say "usage: crash.sh [--no-wait] CASE [ARGUMENT…]
cases: deep [MS], stripped, threads, abort, signal FPE|ILL|BUS|QUIT|TRAP|SYS, big [MIB],
  name-space, name-utf8, name-backslash, name-slash, name-bytes, environ, environ-large, user [UID],
  rlimit0, rlimit-small, pod [OPTIONS OF pod-exec.sh], exec|exec-none|exec-small COMMAND…,
  exec-pod [OPTIONS OF pod-exec.sh] -- COMMAND…"
  exit 2
  ;;
esac

if [ -n "${KOREDUMP_E2E_USER:-}" ]; then
  user=(setpriv --reuid "$KOREDUMP_E2E_USER" --regid "$KOREDUMP_E2E_USER" --clear-groups)
fi

(
  ulimit -c "$limit"
  if [ ${#pod[@]} -eq 0 ]; then
    join_cgroup "$cgroup" "$BASHPID"
    pod=(unshare --uts sh -c 'hostname "$0" && exec "$@"' "$HOST_NAME")
  fi
  cd /
  close_fds
  # Without the mounts of a sandbox, which would appear in COREDUMP_PROC_MOUNTINFO.
  exec unshare --mount sh -c 'while read -r _ _ _ _ dir _; do case $dir in /mnt/*) umount -l "$dir";; esac; done </proc/self/mountinfo; exec "$@"' sh \
    "${pod[@]}" "${user[@]}" env -i "${vars[@]}" "${command[@]}"
) </dev/null >/dev/null 2>&1 &
pid=$!
[ $wait = 0 ] || { wait $pid || true; } 2>/dev/null
echo $pid
