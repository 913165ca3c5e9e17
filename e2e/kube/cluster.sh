#!/usr/bin/env bash
# A real Kubernetes cluster of two nodes on one machine where systemd is not PID 1. Needs root on a disposable machine,
# because it changes kernel.core_pattern for the whole machine.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
. "$HERE/control-plane.sh"
. "$HERE/node.sh"

usage() {
  cat <<'TXT'
cluster.sh install           install the Debian packages that `up` needs
cluster.sh up                clean up after an interrupted run, build what is missing, and start
cluster.sh down              stop everything that `up` started, and restore the machine
cluster.sh status            exit 0 if it is running
cluster.sh kubectl …         run kubectl as administrator
cluster.sh on 1|2 COMMAND…   run a command in the namespaces of a node
cluster.sh crash 1|2 PATH    crash a program on a node, in the cgroup PATH below the cgroup of the node
cluster.sh load FILE         load an image archive on both nodes
cluster.sh apiserver stop|start
                             stop or start the Kubernetes API server
TXT
}

# The kubelet changes the last five.
KERNEL_SETTINGS=(kernel/core_pattern kernel/core_pipe_limit vm/overcommit_memory vm/panic_on_oom kernel/panic
  kernel/panic_on_oops kernel/keys/root_maxkeys kernel/keys/root_maxbytes)

install_packages() {
  local missing=() pair policy=/usr/sbin/policy-rc.d
  for pair in etcd=etcd-server containerd=containerd runc=runc iptables=iptables conntrack=conntrack curl=curl jq=jq \
    /usr/lib/cni/bridge=containernetworking-plugins /lib/systemd/systemd-coredump=systemd-coredump openssl=openssl \
    ip=iproute2 gcc=gcc nsenter=util-linux setpriv=util-linux buildah=buildah debootstrap=debootstrap; do
    command -v "${pair%%=*}" >/dev/null 2>&1 || missing+=("${pair#*=}")
  done
  [ -e /usr/include/stdio.h ] || missing+=(libc6-dev)
  if [ ${#missing[@]} -eq 0 ]; then return; fi
  say "installing ${missing[*]}"
  save_kernel_settings
  export DEBIAN_FRONTEND=noninteractive
  # Do not start etcd and containerd when they are installed.
  if [ ! -e $policy ]; then
    printf '#!/bin/sh\nexit 101\n' >$policy
    chmod +x $policy
    trap 'rm -f /usr/sbin/policy-rc.d' EXIT
  fi
  { apt-get update -qq && apt-get install -qq -y --no-install-recommends "${missing[@]}"; } >"$STATE/log/apt.log" 2>&1 ||
    die "apt-get failed, see $STATE/log/apt.log"
}

# Saved once, before anything changes them.
save_kernel_settings() {
  local setting
  for setting in "${KERNEL_SETTINGS[@]}"; do
    [ -e "$STATE/saved/$setting" ] || {
      mkdir -p "$STATE/saved/${setting%/*}"
      cat "/proc/sys/$setting" >"$STATE/saved/$setting"
    }
  done
}

restore_kernel_settings() {
  local setting
  for setting in "${KERNEL_SETTINGS[@]}"; do
    [ ! -e "$STATE/saved/$setting" ] || cat "$STATE/saved/$setting" >"/proc/sys/$setting"
  done
}

# The kernel runs this for every crash on the machine. It runs systemd-coredump of the node that the process belongs to.
route_crashes() {
  cat >"$STATE/route" <<ROUTE
#!/bin/sh
node=\$(sed -n 's|^0::$CGROUP/\(node-[0-9]*\)\.slice.*|\1|p' "/proc/\$1/cgroup")
[ -z "\$node" ] || exec nsenter -t "\$(cat "$STATE/run/\$node.pid")" --mount --uts -- /lib/systemd/systemd-coredump "\$@"
ROUTE
  chmod +x "$STATE/route"
  echo 16 >/proc/sys/kernel/core_pipe_limit
  echo "|$STATE/route %P %u %g %s %t 9223372036854775808 %h %d" >/proc/sys/kernel/core_pattern
}

build_programs() {
  local bin=$STATE/bin rootfs=$STATE/rootfs name
  mkdir -p "$bin" "$STATE/images"
  gcc -O2 -o "$bin/linger" "$HERE/../host/crashers/linger.c"
  for name in pause crash; do
    mkdir -p "$rootfs/$name"
    gcc -std=gnu11 -Wall -O0 -g -static -o "$bin/$name" "$HERE/programs/$name.c"
    cp "$bin/$name" "$rootfs/$name/$name"
    "$HERE/image.sh" "koredump.test/$name:1" "$rootfs/$name" "/$name" "$STATE/images/$name.tar"
  done
}

processes() {
  find /sys/fs/cgroup/{unified,systemd}"$CGROUP" -name cgroup.procs -exec cat {} + 2>/dev/null | sort -u
}

# All processes of the cluster are in its cgroup, including containers and processes of an interrupted run.
kill_all() {
  local i pids
  for ((i = 0; i < 100; i++)); do
    mapfile -t pids < <(processes)
    [ ${#pids[@]} -gt 0 ] || return 0
    kill -KILL "${pids[@]}" 2>/dev/null || true
    sleep 0.1
  done
  die "cannot stop processes: ${pids[*]}"
}

down() {
  local hierarchy netns log name
  restore_kernel_settings
  for log in "$STATE"/node-*/var/log/pods/koredump_*/*/*.log; do
    # Keep the logs of koredump.
    if [ -e "$log" ]; then name=${log#*/pods/koredump_} && cp "$log" "$STATE/log/${name//\//-}"; fi
  done
  kill_all
  for netns in kn "${NODES[@]/#/kn-}"; do
    [ ! -e "/run/netns/$netns" ] || ip netns del "$netns"
  done
  for hierarchy in /sys/fs/cgroup/*"$CGROUP"; do
    [ ! -d "$hierarchy" ] || find "$hierarchy" -depth -type d -exec rmdir {} +
  done
  if [ -e "$STATE/made" ]; then tac "$STATE/made" | xargs -r rmdir --ignore-fail-on-non-empty; fi
  rm -rf --one-file-system "$STATE"/{run,pki,etcd,images,rootfs,bin,saved,made,binaries,route} "$STATE"/node-*
}

up() {
  local i
  binaries=$("$HERE/binaries.sh")
  echo "$binaries" >"$STATE/binaries"
  save_kernel_settings
  build_programs
  make_mount_points
  make_networks
  make_certificates >"$STATE/log/openssl.log" 2>&1 || die "openssl failed, see $STATE/log/openssl.log"
  start_control_plane
  route_crashes
  for i in "${NODES[@]}"; do start_node "$i"; done
  for i in "${NODES[@]}"; do
    wait_for "node-$i" kubectl wait --for=condition=Ready --timeout=1s "node/node-$i"
  done
  # Pods cannot be created without it.
  wait_for 'the service account "default"' kubectl get serviceaccount default
}

[ "$(id -u)" = 0 ] || die 'must run as root'
case ${1:-} in
install)
  mkdir -p "$STATE/log"
  install_packages
  ;;
up)
  [ ! -d /run/systemd/system ] || die 'systemd is PID 1 on this machine, which is not supported'
  [ -d /sys/fs/cgroup/unified ] || die 'this machine is not supported: it needs cgroup v1 and a unified hierarchy'
  mkdir -p "$STATE"
  exec 9>"$STATE/lock"
  flock 9
  down
  rm -rf "$STATE/log"
  mkdir -p "$STATE"/{log,run,pki,etcd}
  install_packages
  up
  ;;
down)
  mkdir -p "$STATE"
  exec 9>"$STATE/lock"
  flock 9
  down
  ;;
status)
  [ -e "$STATE/run/apiserver.pid" ] || { say 'not running'; exit 1; }
  kubectl get nodes
  ;;
kubectl) kubectl "${@:2}" ;;
on) in_node "${@:2}" ;;
load) for i in "${NODES[@]}"; do load_images "$i" "${@:2}"; done ;;
crash)
  join_cgroup "$(node_cgroup "$2")$3"
  in_node "$2" "$STATE/bin/crash" now
  ;;
apiserver)
  binaries=$(cat "$STATE/binaries")
  case ${2:-} in
  stop)
    kill -KILL "$(pid_of apiserver)"
    wait_for 'the end of kube-apiserver' test ! -d "/proc/$(pid_of apiserver)"
    ;;
  start) start_apiserver && wait_for kube-apiserver apiserver_ready ;;
  *) usage >&2; exit 2 ;;
  esac
  ;;
*) usage >&2; exit 2 ;;
esac
