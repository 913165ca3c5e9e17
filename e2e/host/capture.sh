#!/usr/bin/env bash
# Source this to capture real data for tests and the demo. It runs a separate pipeline with a neutral machine ID, the host
# name node-1 and a persistent journal in $work/journal. A running pipeline is stopped; `capture_end` starts it again.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

MACHINE_ID=7f0c6d3e5b1a4928a6d4c2b0e8f19375
DEMO=/opt/demo
export KOREDUMP_E2E_BIN=$DEMO/bin

capture_begin() {
  [ ! -e "$DEMO" ] || die "$DEMO already exists"
  work=$(mktemp -d)
  trap capture_end EXIT
  mkdir -p "$work/journal" "$DEMO/bin"
  chmod 755 "$work" "$DEMO"
  "$HERE/pipeline.sh" down
  KOREDUMP_E2E_JOURNAL_DIR=$work/journal KOREDUMP_E2E_MACHINE_ID=$MACHINE_ID "$HERE/pipeline.sh" up --persistent
  "$HERE/crashers/build.sh" "$DEMO/bin"
  rm -f "$DEMO/bin/hold" "$DEMO/bin/linger" "$DEMO/bin/forge"
  export KOREDUMP_E2E_JOURNAL_DIR=$work/journal KOREDUMP_E2E_MACHINE_ID=$MACHINE_ID
}

capture_end() {
  local pid
  unset KOREDUMP_E2E_JOURNAL_DIR KOREDUMP_E2E_MACHINE_ID KOREDUMP_E2E_BIN
  "$HERE/pipeline.sh" down
  for pid in ${pids:-}; do rm -f -- "$COREDUMP_DIR"/core.*."$pid".*; done
  rm -rf -- "$work" "$DEMO" "/run/log/journal/$MACHINE_ID"
  "$HERE/pipeline.sh" up
}

entries() { journalctl -q --no-pager --directory="$work/journal" MESSAGE_ID=$COREDUMP_MESSAGE_ID "$@"; }

# crash NAME CASE…: sets $pid, adds it to $pids, and waits for the journal entry.
crash() {
  local name=$1 i
  shift
  pid=$("$HERE/crash.sh" "$@")
  pids="${pids:-} $pid"
  say "$name: pid $pid"
  for ((i = 0; i < 100; i++)); do
    [ -z "$(entries COREDUMP_PID="$pid" -o cat)" ] || return 0
    sleep 0.1
  done
  die "$name: no journal entry"
}

core_of() { printf '%s\n' "$COREDUMP_DIR"/core.*."$1".*; }
