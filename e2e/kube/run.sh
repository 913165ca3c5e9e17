#!/usr/bin/env bash
# Usage: run.sh [ARGUMENTS OF VITEST]
#
# Runs the tests against a real Kubernetes cluster: the one of cluster.sh, or the one of KUBECONFIG. With KUBECONFIG, it runs
# only tests that need no access to the nodes.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
root=$(cd "$HERE/../.." && pwd)
export PATH="$root/node_modules/.bin:$PATH"
for program in "$root"/packages/{server,cli}/dist/main.js; do
  [ -e "$program" ] || die "$program not found. Run: npm run build"
done
suite=(vitest run --root "$HERE" --config "$HERE/vitest.config.ts" --reporter=default --reporter=json
  --outputFile.json="$HERE/.results.json" "$@")

if [ -n "${KUBECONFIG:-}" ]; then exec "${suite[@]}"; fi

[ "$(id -u)" = 0 ] || die 'must run as root. To run only tests without access to nodes, set KUBECONFIG.'
[ "${KOREDUMP_E2E:-}" = 1 ] || [ "${CI:-}" = true ] || die \
  'THIS CHANGES kernel.core_pattern AND CRASHES PROGRAMS. Run it only on a disposable machine.
  To confirm, set KOREDUMP_E2E=1.'
export KOREDUMP_KUBE_STATE=$STATE KOREDUMP_E2E_STATE=$STATE/suite
trap '"$HERE/cluster.sh" down' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
"$HERE/cluster.sh" install
image=$("$HERE/koredump-image.sh")
command -v helm >/dev/null || PATH=$PATH:$(node "$root/charts/tools.mjs")
started=$SECONDS
"$HERE/cluster.sh" up
"$HERE/cluster.sh" load "$image"
say "cluster started in $((SECONDS - started)) s"
# The network of the control plane can reach the Kubernetes API, Services and pods.
KOREDUMP_KUBE_NODES=1 KOREDUMP_KUBECTL=$(cat "$STATE/binaries")/kubectl KUBECONFIG=$STATE/pki/admin.conf \
  in_control_plane "${suite[@]}"
