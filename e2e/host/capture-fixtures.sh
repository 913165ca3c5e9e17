#!/usr/bin/env bash
# Usage: capture-fixtures.sh [DIRECTORY]
# Captures raw data of real crashes for the unit tests of node-source. Default: packages/node-source/test/fixtures
. "$(dirname "${BASH_SOURCE[0]}")/capture.sh"
out=${1:-$HERE/../../packages/node-source/test/fixtures}
mkdir -p "$out/messages"
out=$(cd "$out" && pwd)

capture_begin
: >"$work/cases"
one() {
  crash "$@"
  entries COREDUMP_PID="$pid" -o cat >"$out/messages/$1.txt"
  printf '%s %s\n' "$1" "$pid" >>"$work/cases"
}
one deep deep
one stripped stripped
one threads threads
one abort abort
one fpe signal FPE
one bus signal BUS
one name-space name-space
one name-utf8 name-utf8
one name-backslash name-backslash
one name-slash name-slash
one name-bytes name-bytes
one environ environ
one environ-large environ-large
one user-1000 user 1000
one rlimit0 rlimit0
one truncated rlimit-small
one big big 256
one pod pod
KOREDUMP_E2E_USER=1000 one pod-user-1000 pod --host api-0
one pod-cgroupfs pod --style containerd-cgroupfs
one pod-crio-crun pod --style crio-crun
"$HERE/pipeline.sh" compress off
one uncompressed deep
"$HERE/pipeline.sh" compress on

entries -o export >"$out/journal.export"
entries -o json --all >"$out/journal.json"
entries -o json >"$out/journal-without-all.json"
cp "$work/cases" "$out/cases.txt"
: >"$out/xattrs.dump"
: >"$out/files.txt"
for pid in $pids; do
  file=$(core_of "$pid")
  [ -e "$file" ] || continue
  (cd "$COREDUMP_DIR" && getfattr -d -m '^user\.' -- "${file##*/}") >>"$out/xattrs.dump"
  stat -c '%n %s %Y' "$file" >>"$out/files.txt"
done
