#!/usr/bin/env bash
# Usage: run.sh [--short] [ARGUMENTS OF VITEST]
#
# Attacks the built servers under the memory limits of the chart. SOAK_SEED repeats the random choices of a run.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
export PATH="$root/node_modules/.bin:$PATH"

export SOAK_FORM=long
if [ "${1:-}" = --short ]; then
  SOAK_FORM=short
  shift
fi
export SOAK_SEED=${SOAK_SEED:-$RANDOM}

# Memory limits need root and a memory controller: that of v1 on hybrid machines, else v2.
cgroup=/sys/fs/cgroup/memory
[ -d "$cgroup" ] || cgroup=/sys/fs/cgroup
prepare_cgroups() {
  [ "$(id -u)" = 0 ] || return 1
  if [ -e "$cgroup/cgroup.subtree_control" ] && ! grep -qw memory "$cgroup/cgroup.subtree_control"; then
    # In a container: a cgroup that contains processes cannot limit its children, so the processes move into one of them.
    mkdir -p "$cgroup/init"
    while read -r pid; do echo "$pid" >"$cgroup/init/cgroup.procs" || true; done <"$cgroup/cgroup.procs"
    echo +memory >"$cgroup/cgroup.subtree_control" || return 1
  fi
  mkdir "$cgroup/koredump-soak-$$" && rmdir "$cgroup/koredump-soak-$$"
}
if ! prepare_cgroups; then
  echo "run.sh: CANNOT LIMIT MEMORY WITH CGROUPS IN $cgroup. THE SOAK TESTS DID NOT RUN. Run them as root." >&2
  [ "${CI:-}" = true ] && exit 1 || exit 0
fi

echo "soak: $SOAK_FORM form, SOAK_SEED=$SOAK_SEED"
# A test has up to 3,000 connections, more than the usual limit of open files.
ulimit -n 8192

SOAK_TLS=$(mktemp -d)
trap 'rm -rf "$SOAK_TLS"' EXIT
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost \
  -addext subjectAltName=IP:127.0.0.1 -keyout "$SOAK_TLS/tls.key" -out "$SOAK_TLS/tls.crt" 2>/dev/null
export SOAK_TLS NODE_EXTRA_CA_CERTS="$SOAK_TLS/tls.crt"
cd "$here"
vitest run --config vitest.config.ts --reporter=default --reporter=json --outputFile.json="$here/.results.json" "$@"
