# Shared by the scripts in this directory. Source it, do not run it.
# shellcheck shell=bash

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
STATE=${KOREDUMP_E2E_STATE:-/tmp/koredump-e2e-host}
BIN=$STATE/bin
HOST_NAME=${KOREDUMP_E2E_HOSTNAME:-node-1}
COREDUMP_DIR=/var/lib/systemd/coredump
COREDUMP_MESSAGE_ID=fc2e22bc6ee647b6b90729ab34a250b1

say() { printf '%s\n' "$*" >&2; }
die() { say "${0##*/}: $*"; exit 1; }

# The mount points of the cgroup hierarchies that systemd reads: the unified one, and on hybrid machines also the v1
# hierarchy `name=systemd`.
cgroup_roots() {
  if [ "$(stat -fc %T /sys/fs/cgroup 2>/dev/null)" = cgroup2fs ]; then
    echo /sys/fs/cgroup
    return
  fi
  if [ "$(stat -fc %T /sys/fs/cgroup/unified 2>/dev/null)" = cgroup2fs ]; then
    echo /sys/fs/cgroup/unified
  fi
  if [ -e /sys/fs/cgroup/systemd/cgroup.procs ]; then
    echo /sys/fs/cgroup/systemd
  fi
}

unified_root() { cgroup_roots | head -n 1; }

# Moves process $2 to cgroup $1 in these hierarchies, and out of the memory cgroup of a surrounding sandbox, which would
# appear in COREDUMP_PROC_CGROUP.
join_cgroup() {
  local path=$1 pid=$2 root
  mkdir -p "$STATE"
  while read -r root; do
    mkdir -p "$root$path"
    echo "$pid" >"$root$path/cgroup.procs"
    echo "$root$path" >>"$STATE/cgroups"
  done < <(cgroup_roots)
  if [ -w /sys/fs/cgroup/memory/cgroup.procs ]; then
    echo "$pid" >/sys/fs/cgroup/memory/cgroup.procs 2>/dev/null || true
  fi
}

# Closes all file descriptors except stdin, stdout and stderr.
close_fds() {
  local fd
  for fd in /proc/"$BASHPID"/fd/*; do
    fd=${fd##*/}
    [ "$fd" -le 2 ] || eval "exec $fd>&-"
  done
}
