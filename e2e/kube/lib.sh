# Shared by the scripts of this directory; sourced, never run.
# shellcheck shell=bash

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
STATE=${KOREDUMP_KUBE_STATE:-/tmp/koredump-e2e-kube}
NODES=(1 2)
# Addresses of 198.18.0.0/15, kept for such tests, in network namespaces: nothing leaves the machine.
API=198.18.0.1
SERVICES=198.19.0.0/24
# All that the cluster runs is below this cgroup; the name of a slice, so that journald knows units in it.
CGROUP=/koredump-kube.slice

say() { printf '%s\n' "$*" >&2; }
die() { say "${0##*/}: $*"; exit 1; }

node_cgroup() { echo "$CGROUP/node-$1.slice"; }
pid_of() { cat "$STATE/run/$1.pid"; }

# join_cgroup PATH [PID]: in the hierarchies that systemd and journald read.
join_cgroup() {
  local hierarchy
  for hierarchy in unified systemd; do
    mkdir -p "/sys/fs/cgroup/$hierarchy$1"
    echo "${2:-$BASHPID}" >"/sys/fs/cgroup/$hierarchy$1/cgroup.procs"
  done
}

# start NAME CGROUP COMMAND…: a process that lives on, with its pid in run/NAME.pid and its output in log/NAME.log.
start() {
  local name=$1 cgroup=$2 fd
  shift 2
  (
    join_cgroup "$CGROUP/$cgroup"
    # Of whoever calls this script it inherits nothing: a lock would be held for as long as it runs.
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
  die "$what did not come up: see $STATE/log"
}

# The namespaces of a node. nsenter changes the directory: paths after it must be absolute.
in_node() { nsenter -t "$(pid_of "node-$1")" --mount --uts --net="/run/netns/kn-$1" -- "${@:2}"; }
# Not `ip netns exec`: that mounts a /sys of its own, in which the kubelet finds no cgroups.
in_control_plane() { nsenter --net=/run/netns/kn -- "$@"; }
kubectl() { KUBECONFIG=$STATE/pki/admin.conf in_control_plane "$(cat "$STATE/binaries")/kubectl" "$@"; }
