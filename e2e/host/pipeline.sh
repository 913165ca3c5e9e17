#!/usr/bin/env bash
# The real core dump pipeline (kernel → systemd-coredump → file and journal) on a machine where systemd is not PID 1.
# Needs root on a disposable machine, because it changes kernel.core_pattern for the whole machine.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

usage() {
  cat <<'TXT'
pipeline.sh install            install the Debian packages that `up` needs
pipeline.sh up [--persistent]  install and start; does nothing if it is already running
pipeline.sh down               stop everything that `up` started, restore the kernel settings
pipeline.sh status             exit 0 if it is running
pipeline.sh reset              delete ALL core dumps of this machine and its volatile journal
pipeline.sh compress on|off    set Compress= in coredump.conf
pipeline.sh storage external|journal|none
                               set Storage= in coredump.conf
pipeline.sh journal stop|start stop or start journald; without it, core dumps get no journal entry
pipeline.sh hold               delay the journal entry of the next core dump until `release`
pipeline.sh release            end `hold`
TXT
}

COREDUMP_CONF=/etc/systemd/coredump.conf.d/zz-koredump-e2e.conf
JOURNALD_CONF=/etc/systemd/journald.conf.d/zz-koredump-e2e.conf
# Like Debian's pattern, but with %c: Debian passes a constant, so systemd-coredump would not see RLIMIT_CORE=0. The fix
# for CVE-2025-4598 added %d.
PATTERN='|/lib/systemd/systemd-coredump %P %u %g %s %t %c %h %d'
SERVICE_CGROUP='/system.slice/system-systemd\x2dcoredump.slice/systemd-coredump@0-1-0.service'
KERNEL_SETTINGS='fs/suid_dumpable kernel/core_pipe_limit kernel/core_pattern'

start_time() { sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | cut -d' ' -f20; }

# `name.pid` contains the PID and the start time, so that a reused PID is not mistaken for our process.
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
    /lib/systemd/systemd-journal-remote=systemd-journal-remote \
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
      die "apt-get failed, see $STATE/apt.log"
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

# For captures, KOREDUMP_E2E_JOURNAL_DIR replaces /var/log/journal and KOREDUMP_E2E_MACHINE_ID replaces the machine ID,
# both in a separate mount namespace for journald.
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
  wait_for journald_ready || die "systemd-journald did not start, see $STATE/journald.log"
}

# Runs in the cgroup that systemd would use, so that journald writes _SYSTEMD_UNIT=systemd-coredump@…. With
# KOREDUMP_E2E_LINGER=0, the field is sometimes missing (see crashers/linger.c).
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
  wait_for coredump_ready || die "systemd-socket-activate did not start, see $STATE/coredump.log"
}

service_freeze() { echo "$(unified_root)$SERVICE_CGROUP/cgroup.freeze"; }

release() {
  stop hold
  [ -e "$(service_freeze)" ] && echo 0 >"$(service_freeze)" || true
}

case ${1:-} in
install)
  [ "$(id -u)" = 0 ] || die 'must run as root'
  mkdir -p "$STATE"
  save_kernel
  install_packages
  ;;
up)
  [ "$(id -u)" = 0 ] || die 'must run as root'
  [ ! -d /run/systemd/system ] || die 'systemd is PID 1 on this machine, which is not supported'
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
    # Without this file, journald writes to /run until it is asked to flush. Flushing fails if /run is not a tmpfs
    # ("Attempted to remove disk file system").
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
  [ "$(id -u)" = 0 ] || die 'must run as root'
  mkdir -p "$STATE"
  exec 9>"$STATE/lock"
  flock 9
  release
  restore_kernel
  stop coredump
  stop journald
  rm -f "$COREDUMP_CONF" "$JOURNALD_CONF" /run/systemd/coredump /run/systemd/journal/flushed
  rmdir --ignore-fail-on-non-empty "${COREDUMP_CONF%/*}" "${JOURNALD_CONF%/*}" 2>/dev/null || true
  # Only empty cgroups that these scripts created.
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
  [ "$(id -u)" = 0 ] || die 'must run as root'
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
  running hold && die '`hold` is already active'
  [ -e "$(service_freeze)" ] || die 'cgroup freezer not available'
  rm -f "$STATE/hold.ready"
  setsid "$BIN/hold" "$COREDUMP_DIR" "$(service_freeze)" "$STATE/hold.ready" </dev/null >>"$STATE/hold.log" 2>&1 &
  remember hold $!
  wait_for test -e "$STATE/hold.ready" || die "hold did not start, see $STATE/hold.log"
  ;;
release) release ;;
*) usage >&2; exit 2 ;;
esac
