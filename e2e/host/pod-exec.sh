#!/usr/bin/env bash
# Usage: pod-exec.sh [--style STYLE] [--uid POD_UID] [--id CONTAINER_ID] [--host NAME] -- COMMAND…
# Runs COMMAND in a cgroup and a UTS namespace like those of a Kubernetes pod.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

style=containerd
uid=3f1c2d4e-5a6b-4c7d-8e9f-0a1b2c3d4e5f
id=acb62391578595ec849d87d8556369cee7f935f0425097fd5f870df0e8aabd3c
host=web-7d4b9c6f5d-x2k8p
while [ $# -gt 0 ]; do
  case $1 in
  --style) style=$2; shift 2 ;;
  --uid) uid=$2; shift 2 ;;
  --id) id=$2; shift 2 ;;
  --host) host=$2; shift 2 ;;
  --) shift; break ;;
  *) die "unknown option: $1" ;;
  esac
done
[ $# -gt 0 ] || die 'COMMAND is missing'

slice=${uid//-/_}
burstable=/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod$slice.slice
case $style in
containerd) path=$burstable/cri-containerd-$id.scope ;;
guaranteed) path=/kubepods.slice/kubepods-pod$slice.slice/cri-containerd-$id.scope ;;
containerd-cgroupfs) path=/kubepods/burstable/pod$uid/$id ;;
crio) path=$burstable/crio-$id.scope ;;
crio-crun) path=$burstable/crio-$id.scope/container ;;
crio-conmon) path=$burstable/crio-conmon-$id.scope ;;
crio-cgroupfs) path=/kubepods/burstable/pod$uid/crio-$id ;;
docker) path=$burstable/docker-$id.scope ;;
*) die "unknown style: $style (containerd, guaranteed, containerd-cgroupfs, crio, crio-crun, crio-conmon, crio-cgroupfs, docker)" ;;
esac
join_cgroup "$path" $$
exec unshare --uts sh -c 'hostname "$0" && exec "$@"' "$host" "$@"
