#!/usr/bin/env bash
# Runs what README.md and docs/ show, word for word, on a cluster with a real node (hack/cluster.sh up --real; as root): the commands
# that are marked for it, in order, and compares what they print. The last line is "N passed, N failed".
#   hack/docs-test.sh [--update] [PAGE...]    --update: writes what is printed now into the pages
set -euo pipefail
cd "$(dirname "$0")/.."

update=()
[[ ${1:-} != --update ]] || { update=(--update) && shift; }
pages=("$@")
[[ $# -gt 0 ]] || pages=(README.md docs/operating.md)

./hack/deps.sh build test cluster real
cmake --preset release >/dev/null
cmake --build --preset release --target rbg-manager kubectl-rbg >/dev/null
name=docs-$$
trap './hack/cluster.sh down --name "$name"' EXIT
kubeconfig=$(./hack/cluster.sh up --real --name "$name")
./hack/cluster.sh cert-manager --name "$name"
./hack/image.sh >&2
./hack/cluster.sh load "build/image/rbg-manager-$(dpkg --print-architecture).tar" --name "$name"
path=$(./hack/cluster.sh path --real):$(dirname "$(./hack/cluster.sh path helm)"):$PWD/build/release
PATH=$path:$PATH python3 -B tests/docs/run.py ${update[@]+"${update[@]}"} "$kubeconfig" "${pages[@]}"
