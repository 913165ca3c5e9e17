# A node: namespaces with journald, systemd-coredump, containerd, kubelet and kube-proxy. Sourced by cluster.sh. The mount
# namespace of a node has its own /run and other directories, so the paths are the same as on a real node.
# shellcheck shell=bash disable=SC2154

NODE_DIRS=(/run /var/log /var/lib/systemd/coredump /var/lib/containerd /var/lib/kubelet /var/lib/cni /var/lib/koredump
  /usr/local/bin)

# Creates missing mount points. `down` removes them.
make_mount_points() {
  local dir
  for dir in "${NODE_DIRS[@]}"; do
    [ -d "$dir" ] || { mkdir -p "$dir" && echo "$dir" >>"$STATE/made"; }
  done
}

# Starts the process that keeps the namespaces of the node. All others enter them.
start_namespaces() {
  local i=$1 root=$STATE/node-$1 dir
  for dir in "${NODE_DIRS[@]}"; do mkdir -p "$root$dir"; done
  mkdir -p "$root"/run/{systemd/journal,systemd/journald.conf.d,systemd/coredump.conf.d,log/journal,netns} \
    "$root"/var/log/{journal,pods,containers} "$root"/{cni,manifests,plugins}
  chmod 755 "$root"
  printf '%s' "$i$i" | sha256sum | cut -c1-32 >"$root/machine-id"
  # Node 1 has a volatile journal, node 2 a persistent one.
  local storage=volatile
  if [ "$i" = 2 ]; then storage=persistent && touch "$root/run/systemd/journal/flushed"; fi
  printf '[Journal]\nStorage=%s\nRateLimitIntervalSec=0\nReadKMsg=no\nAudit=no\n' $storage \
    >"$root/run/systemd/journald.conf.d/e2e.conf"
  # Disable the deletion of old core dumps, because tests count them.
  printf '[Coredump]\nMaxUse=0\nKeepFree=0\n' >"$root/run/systemd/coredump.conf.d/e2e.conf"
  rm -f "$root/up"
  # shellcheck disable=SC2016
  start "node-$i" "node-$i.slice" unshare --mount --uts --propagation slave bash -ec '
    mount --make-rshared /
    for dir in "${@:3}"; do mount --rbind "$2$dir" "$dir"; done
    mount --bind "$2/machine-id" /etc/machine-id
    hostname "$1"
    touch "$2/up"
    exec sleep infinity' bash "node-$i" "$root" "${NODE_DIRS[@]}"
  wait_for "node-$i" test -e "$root/up"
}

write_node_configuration() {
  local i=$1 root=$STATE/node-$1
  cat >"$root/cni/10-e2e.conflist" <<CONF
{"cniVersion": "1.0.0", "name": "e2e", "plugins": [
  {"type": "bridge", "bridge": "cni0", "isGateway": true, "hairpinMode": true, "ipam": {
    "type": "host-local", "ranges": [[{"subnet": "198.18.$i.0/24"}]], "routes": [{"dst": "0.0.0.0/0"}]}},
  {"type": "portmap", "capabilities": {"portMappings": true}}]}
CONF
  # Without restrict_oom_score_adj, sandboxes do not start on machines without CAP_SYS_RESOURCE.
  cat >"$root/containerd.toml" <<CONF
version = 2
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "koredump.test/pause:1"
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "$root/cni"
CONF
  # Restart crashed containers within one second, without a growing backoff.
  cat >"$root/kubelet.yaml" <<CONF
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
address: 198.18.0.1$i
authentication: {anonymous: {enabled: false}, webhook: {enabled: true}, x509: {clientCAFile: $STATE/pki/ca.crt}}
authorization: {mode: Webhook}
cgroupDriver: cgroupfs
cgroupRoot: $(node_cgroup "$i")
containerRuntimeEndpoint: unix:///run/containerd/containerd.sock
crashLoopBackOff: {maxContainerRestartPeriod: 1s}
enforceNodeAllocatable: []
evictionHard: {nodefs.available: "1%", imagefs.available: "1%", memory.available: "100Mi"}
failSwapOn: false
featureGates: {KubeletCrashLoopBackOffMax: true}
localStorageCapacityIsolation: false
resolvConf: ""
staticPodPath: $root/manifests
tlsCertFile: $STATE/pki/node-$i.crt
tlsPrivateKeyFile: $STATE/pki/node-$i.key
volumePluginDir: $root/plugins
CONF
}

# The kubelet needs its root cgroup in every hierarchy. A new cpuset has no processors and no memory.
make_node_cgroup() {
  local hierarchy path file cpuset=/sys/fs/cgroup/cpuset
  for hierarchy in /sys/fs/cgroup/*/; do mkdir -p "$hierarchy$(node_cgroup "$1")"; done
  for path in "$CGROUP" "$(node_cgroup "$1")"; do
    for file in cpuset.cpus cpuset.mems; do
      [ ! -e "$cpuset/$file" ] || cat "$cpuset/$file" >"$cpuset$path/$file"
    done
  done
}

start_node() {
  local i=$1 root=$STATE/node-$1
  local slice=node-$1.slice enter
  start_namespaces "$i"
  write_node_configuration "$i"
  make_node_cgroup "$i"
  enter=(nsenter -t "$(pid_of "node-$i")" --mount --uts --net="/run/netns/kn-$i" --)
  start "journald-$i" "$slice/system.slice/systemd-journald.service" "${enter[@]}" /lib/systemd/systemd-journald
  # In the cgroup that systemd would use. `linger` keeps the process until journald has read its cgroup.
  start "coredump-$i" "$slice/system.slice/system-systemd\x2dcoredump.slice/systemd-coredump@0-1-0.service" \
    "${enter[@]}" systemd-socket-activate --seqpacket -a --listen=/run/systemd/coredump \
    "$STATE/bin/linger" /lib/systemd/systemd-coredump 2000
  start "containerd-$i" "$slice/system.slice/containerd.service" "${enter[@]}" containerd -c "$root/containerd.toml"
  wait_for "containerd of node-$i" in_node "$i" ctr version
  load_images "$i" "$STATE"/images/*.tar
  start "kubelet-$i" "$slice/system.slice/kubelet.service" "${enter[@]}" "$binaries/kubelet" \
    --config="$root/kubelet.yaml" --kubeconfig="$STATE/pki/node-$i.conf" --cert-dir="$root" \
    --hostname-override="node-$i" --node-ip="198.18.0.1$i"
  # --masquerade-all makes Services reachable from the namespace of the control plane.
  start "proxy-$i" "$slice/system.slice/kube-proxy.service" "${enter[@]}" "$binaries/kube-proxy" \
    --kubeconfig="$STATE/pki/proxy.conf" --proxy-mode=iptables --masquerade-all --hostname-override="node-$i" \
    --conntrack-max-per-core=0 --bind-address="198.18.0.1$i"
}

load_images() {
  local i=$1 image
  for image in "${@:2}"; do in_node "$i" ctr -n k8s.io images import "$image" >/dev/null; done
}
