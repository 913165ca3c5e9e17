# Shared by the scripts in this directory. Source it, do not run it.
# shellcheck shell=bash

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
STATE=${KOREDUMP_KUBE_STATE:-/tmp/koredump-e2e-kube}
NODES=(1 2)
# Addresses from 198.18.0.0/15, which is reserved for tests. They exist only in network namespaces of this machine.
API=198.18.0.1
SERVICES=198.19.0.0/24
# The cgroup of all processes of the cluster. It is named like a slice, so that journald recognizes units in it.
CGROUP=/koredump-kube.slice

say() { printf '%s\n' "$*" >&2; }
die() { say "${0##*/}: $*"; exit 1; }

node_cgroup() { echo "$CGROUP/node-$1.slice"; }
pid_of() { cat "$STATE/run/$1.pid"; }

# join_cgroup PATH [PID]: moves a process in the hierarchies that systemd and journald read.
join_cgroup() {
  local hierarchy
  for hierarchy in unified systemd; do
    mkdir -p "/sys/fs/cgroup/$hierarchy$1"
    echo "${2:-$BASHPID}" >"/sys/fs/cgroup/$hierarchy$1/cgroup.procs"
  done
}

# start NAME CGROUP COMMAND…: starts a background process with its PID in run/NAME.pid and its output in log/NAME.log.
start() {
  local name=$1 cgroup=$2 fd
  shift 2
  (
    join_cgroup "$CGROUP/$cgroup"
    # Close inherited file descriptors. Otherwise the process would hold the lock of this script.
    for fd in /proc/"$BASHPID"/fd/*; do
      fd=${fd##*/}
      [ "$fd" -le 2 ] || eval "exec $fd>&-"
    done
    exec setsid env -i PATH="/usr/sbin:/usr/bin:/sbin:/bin" HOME=/root "$@"
  ) </dev/null >>"$STATE/log/$name.log" 2>&1 &
  echo $! >"$STATE/run/$name.pid"
}

wait_for() {
  local what=$1 i
  shift
  for ((i = 0; i < 600; i++)); do
    "$@" >/dev/null 2>&1 && return
    sleep 0.1
  done
  die "$what did not start, see $STATE/log"
}

# Runs a command in the namespaces of a node. Paths must be absolute, because nsenter changes the directory.
in_node() { nsenter -t "$(pid_of "node-$1")" --mount --uts --net="/run/netns/kn-$1" -- "${@:2}"; }
# Not `ip netns exec`, because it mounts a new /sys without the cgroups that the kubelet needs.
in_control_plane() { nsenter --net=/run/netns/kn -- "$@"; }
kubectl() { KUBECONFIG=$STATE/pki/admin.conf in_control_plane "$(cat "$STATE/binaries")/kubectl" "$@"; }
