#!/usr/bin/env bash
# Usage: run.sh [ARGUMENTS OF VITEST]
#
# Starts the pipeline, runs test/*.test.ts against the built programs, and restores the machine.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
root=$(cd "$HERE/../.." && pwd)

[ "$(id -u)" = 0 ] || die 'must run as root'
[ "${KOREDUMP_E2E:-}" = 1 ] || [ "${CI:-}" = true ] || die \
  'THIS CHANGES kernel.core_pattern AND CRASHES PROGRAMS. Run it only on a disposable machine.
  To confirm, set KOREDUMP_E2E=1.'
export PATH="$root/node_modules/.bin:$PATH"
for program in "$root"/packages/{server,cli}/dist/main.js; do
  [ -e "$program" ] || die "$program not found. Run: npm run build"
done

# This script cleans up after the suite, even if vitest is killed.
export KOREDUMP_E2E_STATE=$STATE
mkdir -p "$STATE"
touch "$STATE/suite-pids"
was_up=0
"$HERE/pipeline.sh" status >/dev/null 2>&1 && was_up=1

finish() {
  local status=$? pid
  trap - EXIT INT TERM
  "$HERE/pipeline.sh" release || true
  while read -r pid; do rm -f -- "$COREDUMP_DIR"/core.*."$pid".*; done <"$STATE/suite-pids"
  rm -rf -- "$STATE/suite-pids" "$STATE"/suite-*/
  if [ $was_up = 1 ]; then
    "$HERE/pipeline.sh" compress on || true
    "$HERE/pipeline.sh" storage external || true
  else
    "$HERE/pipeline.sh" down || status=1
  fi
  exit $status
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

"$HERE/pipeline.sh" up
# Remove journal entries of earlier runs. The suite identifies crashes by PID, and PIDs are reused.
if [ $was_up = 0 ] && [ "${CI:-}" = true ]; then "$HERE/pipeline.sh" reset; fi
command -v gdb zstd lz4 xz getfattr setfattr setpriv gcc node vitest >/dev/null || die 'a required tool is missing. Needed: gdb zstd lz4 xz getfattr setfattr setpriv gcc node vitest'
cd "$HERE"
vitest run --config vitest.config.ts --reporter=default --reporter=json --outputFile.json="$HERE/.results.json" "$@"
