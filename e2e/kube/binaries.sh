#!/usr/bin/env bash
# The programs of Kubernetes, built from its Go module into a cache: there is no registry of images or packages to
# take them from. Prints the directory that holds them. With KUBEBUILDER_ASSETS nothing is built, and Go is not needed.
set -euo pipefail

version=1.34.4 # 1.34 is the last that runs on cgroup v1 without being asked to
programs=(kube-apiserver kube-controller-manager kube-scheduler kubelet kube-proxy kubectl)

complete() {
  local program
  for program in "${programs[@]}"; do [ -x "$1/$program" ] || return 1; done
}

if [ -n "${KUBEBUILDER_ASSETS:-}" ]; then
  complete "$KUBEBUILDER_ASSETS" || {
    echo "KUBEBUILDER_ASSETS=$KUBEBUILDER_ASSETS lacks one of: ${programs[*]}" >&2
    exit 1
  }
  echo "$KUBEBUILDER_ASSETS"
  exit
fi

cache=${KOREDUMP_KUBE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/koredump/kube-$version}
# Where the archive of go.dev puts it, if the PATH does not say so.
PATH=$PATH:/usr/local/go/bin

build() {
  local source label=k8s.io/component-base/version
  export GOFLAGS=-mod=mod GOTOOLCHAIN=auto
  # Its own go.mod replaces the libraries by directories that the module does not contain: their releases of the same
  # number stand in, and the module can be required like any other.
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
# A second caller waits for the first instead of building the same beside it.
exec 9>"$cache/lock"
flock 9
if ! complete "$cache"; then
  command -v go >/dev/null || {
    echo 'Go is needed to build Kubernetes, or KUBEBUILDER_ASSETS with its programs' >&2
    exit 1
  }
  mkdir -p "$cache/module" "$cache/new"
  cd "$cache/module"
  # Not in a condition, where bash would go on after a failure.
  build 9>&- >"$cache/build.log" 2>&1 &
  wait $! || { tail -n 20 "$cache/build.log" >&2; exit 1; }
  # Never half a program under its own name, whenever this is killed.
  mv "$cache"/new/* "$cache"
fi
echo "$cache"
