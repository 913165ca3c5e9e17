#!/usr/bin/env bash
# The real core dump pipeline (kernel → systemd-coredump → file + journal) on a
# machine where systemd is not PID 1. Root, and a disposable machine only: it
# changes kernel.core_pattern for all.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

usage() {
  cat <<'TXT'
pipeline.sh install            only install what `up` needs
pipeline.sh up [--persistent]  install, start; does nothing where it runs already
pipeline.sh down               end what `up` started, restore the kernel's settings
pipeline.sh status             exit 0 if it runs
pipeline.sh reset              remove ALL cores of this machine and its volatile journal
pipeline.sh compress on|off    coredump.conf Compress=
pipeline.sh storage external|journal|none
pipeline.sh journal stop|start without journald a core never gets its entry
pipeline.sh hold               the next core's journal entry waits for `release`
pipeline.sh release
TXT
}

COREDUMP_CONF=/etc/systemd/coredump.conf.d/zz-koredump-e2e.conf
JOURNALD_CONF=/etc/systemd/journald.conf.d/zz-koredump-e2e.conf
# As Debian's, but with %c (Debian passes a constant, so RLIMIT_CORE=0 would
# never reach systemd-coredump); %d is there since the fix of CVE-2025-4598.
PATTERN='|/lib/systemd/systemd-coredump %P %u %g %s %t %c %h %d'
SERVICE_CGROUP='/system.slice/system-systemd\x2dcoredump.slice/systemd-coredump@0-1-0.service'
KERNEL_SETTINGS='fs/suid_dumpable kernel/core_pipe_limit kernel/core_pattern'

start_time() { sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | cut -d' ' -f20; }

# `name.pid` holds pid and start time: a reused pid is never taken for ours.
remember() { echo "$2 $(start_time "$2")" >"$STATE/$1.pid"; }

running() {
  local pid start
  [ -s "$STATE/$1.pid" ] || return 1
  read -r pid start <"$STATE/$1.pid"
  [ -n "$start" ] && [ "$(start_time "$pid")" = "$start" ]
}

pid_of() { cut -d' ' -f1 "$STATE/$1.pid"; }

stop() {
  local pid i
  if running "$1"; then
    pid=$(pid_of "$1")
    kill -CONT "$pid" 2>/dev/null || true
    kill -TERM "$pid" 2>/dev/null || true
    for ((i = 0; i < 50; i++)); do
      running "$1" || break
      sleep 0.1
    done
    running "$1" && kill -KILL "$pid" 2>/dev/null || true
  fi
  rm -f "$STATE/$1.pid"
}

wait_for() {
  local i
  for ((i = 0; i < 100; i++)); do
    "$@" && return 0
    sleep 0.05
  done
  return 1
}

install_packages() {
  local missing=() pair
  for pair in \
    /lib/systemd/systemd-coredump=systemd-coredump coredumpctl=systemd-coredump \
    gdb=gdb zstd=zstd lz4=lz4 xz=xz-utils getfattr=attr gcc=gcc \
    unshare=util-linux setpriv=util-linux hostname=hostname; do
    command -v "${pair%%=*}" >/dev/null 2>&1 || missing+=("${pair#*=}")
  done
  [ -e /usr/include/stdio.h ] || missing+=(libc6-dev)
  # Stack traces need these; systemd-coredump only recommends them.
  ldconfig -p | grep libdw.so.1 >/dev/null || missing+=(libdw1)
  ldconfig -p | grep libelf.so.1 >/dev/null || missing+=(libelf1)
  [ ${#missing[@]} -eq 0 ] && return
  mapfile -t missing < <(printf '%s\n' "${missing[@]}" | sort -u)
  say "installing ${missing[*]}"
  export DEBIAN_FRONTEND=noninteractive
  if ! apt-get install -qq -y --no-install-recommends "${missing[@]}" >"$STATE/apt.log" 2>&1; then
    apt-get update -qq >>"$STATE/apt.log" 2>&1
    apt-get install -qq -y --no-install-recommends "${missing[@]}" >>"$STATE/apt.log" 2>&1 ||
      die "apt-get failed: $STATE/apt.log"
  fi
}

# Saved once, before the package's postinst sets its own core_pattern.
save_kernel() {
  local f
  for f in $KERNEL_SETTINGS; do
    [ -e "$STATE/saved/$f" ] || { mkdir -p "$STATE/saved/${f%/*}" && cat "/proc/sys/$f" >"$STATE/saved/$f"; }
  done
}

set_kernel() {
  echo "$PATTERN" >/proc/sys/kernel/core_pattern
  echo 16 >/proc/sys/kernel/core_pipe_limit
  echo 2 >/proc/sys/fs/suid_dumpable
}

restore_kernel() {
  local f
  for f in $KERNEL_SETTINGS; do
    [ -e "$STATE/saved/$f" ] && cat "$STATE/saved/$f" >"/proc/sys/$f"
  done
  rm -rf "$STATE/saved"
}

write_coredump_conf() {
  local compress=${1:-yes} storage=${2:-external}
  mkdir -p "${COREDUMP_CONF%/*}"
  # MaxUse=0 and KeepFree=0 turn the vacuum off.
  cat >"$COREDUMP_CONF" <<CONF
[Coredump]
Storage=$storage
Compress=$compress
ProcessSizeMax=8G
ExternalSizeMax=8G
MaxUse=0
KeepFree=0
CONF
}

conf_value() { sed -n "s/^$1=//p" "$COREDUMP_CONF"; }

write_journald_conf() {
  mkdir -p "${JOURNALD_CONF%/*}"
  cat >"$JOURNALD_CONF" <<CONF
[Journal]
Storage=$1
RateLimitIntervalSec=0
RuntimeMaxUse=1G
ReadKMsg=no
Audit=no
CONF
}

# KOREDUMP_E2E_JOURNAL_DIR and KOREDUMP_E2E_MACHINE_ID (for captures): in a mount
# namespace of its own, journald sees DIR as /var/log/journal and another machine id.
start_journald() {
  running journald && return
  [ -s /etc/machine-id ] || systemd-machine-id-setup >/dev/null
  (
    join_cgroup /system.slice/systemd-journald.service "$BASHPID"
    close_fds
    exec setsid unshare --uts --mount bash -ec '
      hostname "$1"
      if [ -n "$2" ]; then mount --bind "$2" /var/log/journal; fi
      if [ -n "$3" ]; then
        echo "$3" >"$4/machine-id" && mount --bind "$4/machine-id" /etc/machine-id
      fi
      exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin /lib/systemd/systemd-journald
    ' sh "$HOST_NAME" "${KOREDUMP_E2E_JOURNAL_DIR:-}" "${KOREDUMP_E2E_MACHINE_ID:-}" "$STATE"
  ) </dev/null >>"$STATE/journald.log" 2>&1 &
  sleep 0.05
  remember journald $!
  journald_ready() { running journald && [ -S /run/systemd/journal/socket ] && journalctl --sync >/dev/null 2>&1; }
  wait_for journald_ready || die "systemd-journald did not start: $STATE/journald.log"
}

# In the cgroup that systemd would use, so that journald writes _SYSTEMD_UNIT=systemd-coredump@….
# KOREDUMP_E2E_LINGER=0 leaves it to chance (see crashers/linger.c).
start_coredump() {
  running coredump && return
  local run=("$BIN/linger" /lib/systemd/systemd-coredump)
  [ "${KOREDUMP_E2E_LINGER:-1}" = 1 ] || run=(/lib/systemd/systemd-coredump)
  (
    join_cgroup "$SERVICE_CGROUP" "$BASHPID"
    close_fds
    exec setsid env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin \
      systemd-socket-activate --seqpacket -a --listen=/run/systemd/coredump "${run[@]}"
  ) </dev/null >>"$STATE/coredump.log" 2>&1 &
  sleep 0.05
  remember coredump $!
  coredump_ready() { running coredump && [ -S /run/systemd/coredump ]; }
  wait_for coredump_ready || die "systemd-socket-activate did not start: $STATE/coredump.log"
}

service_freeze() { echo "$(unified_root)$SERVICE_CGROUP/cgroup.freeze"; }

release() {
  stop hold
  [ -e "$(service_freeze)" ] && echo 0 >"$(service_freeze)" || true
}

case ${1:-} in
install)
  [ "$(id -u)" = 0 ] || die 'needs root'
  mkdir -p "$STATE"
  save_kernel
  install_packages
  ;;
up)
  [ "$(id -u)" = 0 ] || die 'needs root'
  [ ! -d /run/systemd/system ] || die 'systemd is PID 1 here; this script is for machines where it is not'
  mkdir -p "$STATE"
  exec 9>"$STATE/lock"
  flock 9
  storage=volatile
  [ "${2:-}" = --persistent ] && storage=persistent
  save_kernel
  install_packages
  write_coredump_conf
  if ! running journald; then
    write_journald_conf "$storage"
    # Without the flag journald writes to /run until it is told to flush, and flushing
    # fails where /run is no tmpfs ("Attempted to remove disk file system").
    mkdir -p /run/systemd/journal /run/log/journal /var/log/journal
    if [ "$storage" = persistent ]; then touch /run/systemd/journal/flushed; else rm -f /run/systemd/journal/flushed; fi
    start_journald 9>&-
  fi
  "$HERE/crashers/build.sh" 9>&-
  start_coredump 9>&-
  release
  set_kernel
  say "pipeline up: journald $(pid_of journald), systemd-coredump socket $(pid_of coredump), state $STATE"
  ;;
down)
  [ "$(id -u)" = 0 ] || die 'needs root'
  mkdir -p "$STATE"
  exec 9>"$STATE/lock"
  flock 9
  release
  restore_kernel
  stop coredump
  stop journald
  rm -f "$COREDUMP_CONF" "$JOURNALD_CONF" /run/systemd/coredump /run/systemd/journal/flushed
  rmdir --ignore-fail-on-non-empty "${COREDUMP_CONF%/*}" "${JOURNALD_CONF%/*}" 2>/dev/null || true
  # Only cgroups that these scripts made, and only empty ones.
  if [ -s "$STATE/cgroups" ]; then
    sort -ru "$STATE/cgroups" | while read -r dir; do
      while [ "$dir" != /sys/fs/cgroup ] && rmdir "$dir" 2>/dev/null; do dir=${dir%/*}; done
    done
    rm -f "$STATE/cgroups"
  fi
  say 'pipeline down'
  ;;
status)
  for name in journald coredump; do
    running $name && say "$name: $(pid_of $name)" || { say "$name: not running"; bad=1; }
  done
  [ "$(cat /proc/sys/kernel/core_pattern)" = "$PATTERN" ] || { say "core_pattern: $(cat /proc/sys/kernel/core_pattern)"; bad=1; }
  say "compress: $(conf_value Compress 2>/dev/null), storage: $(conf_value Storage 2>/dev/null)"
  exit ${bad:-0}
  ;;
reset)
  [ "$(id -u)" = 0 ] || die 'needs root'
  release
  stop journald
  find "$COREDUMP_DIR" -mindepth 1 -delete
  rm -rf /run/log/journal/*/
  start_journald
  ;;
compress)
  case ${2:-} in
  on) write_coredump_conf yes "$(conf_value Storage)" ;;
  off) write_coredump_conf no "$(conf_value Storage)" ;;
  *) usage >&2; exit 2 ;;
  esac
  ;;
storage)
  case ${2:-} in
  external | journal | none) write_coredump_conf "$(conf_value Compress)" "$2" ;;
  *) usage >&2; exit 2 ;;
  esac
  ;;
journal)
  case ${2:-} in
  stop) stop journald ;;
  start) start_journald ;;
  *) usage >&2; exit 2 ;;
  esac
  ;;
hold)
  running hold && die 'already holding'
  [ -e "$(service_freeze)" ] || die 'no cgroup freezer'
  rm -f "$STATE/hold.ready"
  setsid "$BIN/hold" "$COREDUMP_DIR" "$(service_freeze)" "$STATE/hold.ready" </dev/null >>"$STATE/hold.log" 2>&1 &
  remember hold $!
  wait_for test -e "$STATE/hold.ready" || die "hold did not start: $STATE/hold.log"
  ;;
release) release ;;
*) usage >&2; exit 2 ;;
esac
