#!/usr/bin/env bash
# Builds the programs of Kubernetes from its Go module into a cache and prints their directory. A machine may have no access
# to other download sites. To use existing programs, without Go, set KUBEBUILDER_ASSETS to their directory.
set -euo pipefail

version=1.34.4 # 1.34 is the last release that runs on cgroup v1 by default.
programs=(kube-apiserver kube-controller-manager kube-scheduler kubelet kube-proxy kubectl)

complete() {
  local program
  for program in "${programs[@]}"; do [ -x "$1/$program" ] || return 1; done
}

if [ -n "${KUBEBUILDER_ASSETS:-}" ]; then
  complete "$KUBEBUILDER_ASSETS" || {
    echo "KUBEBUILDER_ASSETS=$KUBEBUILDER_ASSETS must contain: ${programs[*]}" >&2
    exit 1
  }
  echo "$KUBEBUILDER_ASSETS"
  exit
fi

cache=${KOREDUMP_KUBE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/koredump/kube-$version}
# The default path of an installation from go.dev.
PATH=$PATH:/usr/local/go/bin

build() {
  local source label=k8s.io/component-base/version
  export GOFLAGS=-mod=mod GOTOOLCHAIN=auto
  # The go.mod of Kubernetes replaces its libraries with directories that the module does not contain. Use the releases of
  # the libraries with the same version instead.
  source=$(go mod download -json "k8s.io/kubernetes@v$version" | sed -n 's/^\t"GoMod": "\(.*\)",$/\1/p')
  {
    printf 'module koredump.dev/kube\n'
    sed -n 's/^go /\ngo /p' "$source"
    printf '\nrequire k8s.io/kubernetes v%s\n\nreplace (\n' "$version"
    sed -n "s|^\t\(k8s.io/[a-z0-9-]*\) => \./staging/.*|\t\1 => \1 v0.${version#1.}|p" "$source"
    printf ')\n'
  } >go.mod
  go build -trimpath -o "$cache/new/" \
    -ldflags "-s -w -X $label.gitVersion=v$version -X $label.gitMajor=1 -X $label.gitMinor=${version:2:2}" \
    "${programs[@]/#/k8s.io/kubernetes/cmd/}"
}

mkdir -p "$cache"
# A second caller waits for the first one.
exec 9>"$cache/lock"
flock 9
if ! complete "$cache"; then
  command -v go >/dev/null || {
    echo 'Go not found. Install Go to build Kubernetes, or set KUBEBUILDER_ASSETS to a directory with its programs.' >&2
    exit 1
  }
  mkdir -p "$cache/module" "$cache/new"
  cd "$cache/module"
  # In the background, because bash ignores failures inside a condition.
  build 9>&- >"$cache/build.log" 2>&1 &
  wait $! || { tail -n 20 "$cache/build.log" >&2; exit 1; }
  # Rename at the end, so that an interrupted build leaves no incomplete programs.
  mv "$cache"/new/* "$cache"
fi
echo "$cache"
