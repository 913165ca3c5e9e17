#!/usr/bin/env bash
# run.sh [vitest's arguments]
# The suite against a real Kubernetes: brings up the cluster of cluster.sh, or, where KUBECONFIG names one, runs the cases
# that need none of its nodes.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
root=$(cd "$HERE/../.." && pwd)
export PATH="$root/node_modules/.bin:$PATH"
for program in "$root"/packages/{server,cli}/dist/main.js; do
  [ -e "$program" ] || die "$program is not built: npm run build"
done
suite=(vitest run --root "$HERE" --config "$HERE/vitest.config.ts" --reporter=default --reporter=json
  --outputFile.json="$HERE/.results.json" "$@")

if [ -n "${KUBECONFIG:-}" ]; then exec "${suite[@]}"; fi

[ "$(id -u)" = 0 ] || die 'needs root, or KUBECONFIG for the cases that need no node'
[ "${KOREDUMP_E2E:-}" = 1 ] || [ "${CI:-}" = true ] || die \
  'THIS CHANGES kernel.core_pattern AND MAKES PROGRAMS CRASH: for a disposable machine only.
  If this is one, say so with KOREDUMP_E2E=1.'
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
say "cluster up after $((SECONDS - started)) s"
# From the control plane's network the API server, Services and pods can be reached as they are.
KOREDUMP_KUBE_NODES=1 KOREDUMP_KUBECTL=$(cat "$STATE/binaries")/kubectl KUBECONFIG=$STATE/pki/admin.conf \
  in_control_plane "${suite[@]}"
