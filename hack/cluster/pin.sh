#!/usr/bin/env bash
# Pins a control plane of another release of Kubernetes: writes kubernetes-MINOR/ next to this file, which
# RBG_KUBERNETES=MINOR then builds (see binaries.sh). Once for a release; what it writes is checked in.
#
#   hack/cluster/pin.sh 1.28.15
set -euo pipefail
cd "$(dirname "$0")"

version=${1:-}
[[ $version =~ ^1\.[0-9]+\.[0-9]+$ ]] || { echo "usage: $0 1.MINOR.PATCH" >&2 && exit 2; }
folder=kubernetes-${version%.*}
mkdir -p "$folder"
cd "$folder"
export GOWORK=off GOFLAGS=-mod=mod

# Kubernetes names its libraries at v0.0.0 and replaces them with folders of its own tree; seen from outside, those are
# the published modules. Only these are replaced: of all others its own requirements hold.
kubernetes=$(GOFLAGS='' go mod download -json "k8s.io/kubernetes@v$version" | sed -n 's/^\t"GoMod": "\(.*\)",$/\1/p')
{
	printf 'module rbg.invalid/hack/cluster/%s\n\ngo 1.26.0\n\nrequire k8s.io/kubernetes v%s\n\nreplace (\n' "$folder" "$version"
	sed -n "s|^\t*\(replace \)\?\(k8s.io/[a-z-]*\) => ./staging.*|\t\2 => \2 v0.${version#1.}|p" "$kubernetes"
	echo ')'
} >go.mod
cat >tools.go <<'END'
//go:build tools

// Package tools pins the control plane of an older or newer release, and its client; written by ../pin.sh.
package tools

import (
	_ "k8s.io/kubernetes/cmd/kube-apiserver"
	_ "k8s.io/kubernetes/cmd/kube-controller-manager"
	_ "k8s.io/kubernetes/cmd/kube-scheduler"
	_ "k8s.io/kubernetes/cmd/kubectl"
)
END
rm -f go.sum
go mod tidy
echo "$folder"
