# Networks, certificates, etcd, and the control plane. Sourced by cluster.sh.
# shellcheck shell=bash disable=SC2154

# The network namespace kn has the control plane and a bridge. kn-1 and kn-2 have the nodes 198.18.0.11 and 198.18.0.12, with
# pods in 198.18.1.0/24 and 198.18.2.0/24.
make_networks() {
  local i
  ip netns add kn
  ip -n kn link set lo up
  ip -n kn link add br0 type bridge
  ip -n kn addr add "$API/24" dev br0
  ip -n kn link set br0 up
  in_control_plane sysctl -qw net.ipv4.ip_forward=1
  for i in "${NODES[@]}"; do
    ip netns add "kn-$i"
    ip -n "kn-$i" link set lo up
    ip -n kn link add "port$i" type veth peer name eth0 netns "kn-$i"
    ip -n kn link set "port$i" master br0 up
    ip -n "kn-$i" addr add "198.18.0.1$i/24" dev eth0
    ip -n "kn-$i" link set eth0 up
    ip -n "kn-$i" route add default via "$API"
    nsenter --net="/run/netns/kn-$i" -- sysctl -qw net.ipv4.ip_forward=1
    ip -n kn route add "198.18.$i.0/24" via "198.18.0.1$i"
  done
  # Makes Services reachable from kn, through the kube-proxy of node 1.
  ip -n kn route add "$SERVICES" via 198.18.0.11
}

# certificate NAME SUBJECT [ALTERNATIVE_NAMES]
certificate() {
  local pki=$STATE/pki
  openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout "$pki/$1.key" -out "$pki/$1.csr" -subj "$2"
  openssl x509 -req -in "$pki/$1.csr" -CA "$pki/ca.crt" -CAkey "$pki/ca.key" -CAcreateserial -days 30 \
    -extfile <(echo "subjectAltName=${3:-DNS:$1}") -out "$pki/$1.crt"
}

# identity NAME SUBJECT [ALTERNATIVE_NAMES]: makes a certificate and a kubeconfig with it.
identity() {
  certificate "$@"
  cat >"$STATE/pki/$1.conf" <<CONF
apiVersion: v1
kind: Config
clusters: [{name: kn, cluster: {server: "https://$API:6443", certificate-authority: $STATE/pki/ca.crt}}]
users: [{name: $1, user: {client-certificate: $STATE/pki/$1.crt, client-key: $STATE/pki/$1.key}}]
contexts: [{name: kn, context: {cluster: kn, user: $1}}]
current-context: kn
CONF
}

make_certificates() {
  local i
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout "$STATE/pki/ca.key" \
    -out "$STATE/pki/ca.crt" -days 30 -subj /CN=koredump-e2e
  openssl genrsa -out "$STATE/pki/sa.key" 2048
  openssl rsa -in "$STATE/pki/sa.key" -pubout -out "$STATE/pki/sa.pub"
  certificate apiserver /CN=kube-apiserver "IP:$API,IP:198.19.0.1,IP:127.0.0.1,DNS:kubernetes.default.svc"
  certificate kubelet-client /O=system:masters/CN=kube-apiserver-kubelet-client
  identity admin /O=system:masters/CN=admin
  identity controllers /CN=system:kube-controller-manager
  identity scheduler /CN=system:kube-scheduler
  identity proxy /CN=system:kube-proxy
  for i in "${NODES[@]}"; do
    identity "node-$i" "/O=system:nodes/CN=system:node:node-$i" "IP:198.18.0.1$i,DNS:node-$i"
  done
}

in_kn=(nsenter --net=/run/netns/kn --)

start_apiserver() {
  local pki=$STATE/pki
  # There is no DNS, so the Kubernetes API server connects to the addresses of the nodes.
  start apiserver control-plane.slice "${in_kn[@]}" "$binaries/kube-apiserver" \
    --etcd-servers=http://127.0.0.1:2379 --bind-address=0.0.0.0 --advertise-address="$API" --secure-port=6443 \
    --tls-cert-file="$pki/apiserver.crt" --tls-private-key-file="$pki/apiserver.key" --client-ca-file="$pki/ca.crt" \
    --authorization-mode=Node,RBAC --allow-privileged=true --service-cluster-ip-range="$SERVICES" \
    --service-account-issuer=https://kubernetes.default.svc --service-account-key-file="$pki/sa.pub" \
    --service-account-signing-key-file="$pki/sa.key" --kubelet-client-certificate="$pki/kubelet-client.crt" \
    --kubelet-client-key="$pki/kubelet-client.key" --kubelet-preferred-address-types=InternalIP
}

apiserver_ready() {
  in_control_plane curl -sf --cacert "$STATE/pki/ca.crt" --cert "$STATE/pki/admin.crt" --key "$STATE/pki/admin.key" \
    "https://$API:6443/readyz"
}

start_control_plane() {
  start etcd control-plane.slice "${in_kn[@]}" etcd --data-dir "$STATE/etcd" \
    --listen-client-urls http://127.0.0.1:2379 --advertise-client-urls http://127.0.0.1:2379 \
    --listen-peer-urls http://127.0.0.1:2380
  start_apiserver
  wait_for kube-apiserver apiserver_ready
  # Without the pod garbage collector, which would delete the pods of simulated nodes because they have no Node object.
  start controllers control-plane.slice "${in_kn[@]}" "$binaries/kube-controller-manager" \
    --kubeconfig="$STATE/pki/controllers.conf" --service-account-private-key-file="$STATE/pki/sa.key" \
    --root-ca-file="$STATE/pki/ca.crt" --use-service-account-credentials --leader-elect=false \
    --controllers='*,-pod-garbage-collector-controller'
  start scheduler control-plane.slice "${in_kn[@]}" "$binaries/kube-scheduler" \
    --kubeconfig="$STATE/pki/scheduler.conf" --leader-elect=false
}
