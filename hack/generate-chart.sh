#!/usr/bin/env bash
# Writes into charts/rbg what comes out of the program's tables (CRDs, rights, webhook configurations, values and their
# schema), and into deploy the chart rendered for kubectl apply.
#
#   hack/generate-chart.sh           write them
#   hack/generate-chart.sh --check   change nothing; fail where they differ
#
# RBG_BUILD   a directory with rbg-manager; default: build/release, built first
# HELM        helm; default: the one on PATH, else the one that hack/cluster.sh builds
set -euo pipefail
shopt -s inherit_errexit
cd "$(dirname "$0")/.."
# shellcheck source=hack/chart/helm.sh
. hack/chart/helm.sh

check=
case ${1:-} in
'') ;;
--check) check=yes ;;
*) awk 'NR > 1 && !/^#/ { exit } NR > 1 { sub(/^# ?/, ""); print }' "$0" >&2; exit 2 ;;
esac

build=${RBG_BUILD:-}
if [[ -z $build ]]; then
	./hack/deps.sh build
	build=build/release
	cmake --preset release >/dev/null
	cmake --build --preset release --target rbg-manager >&2
fi
helm=$(find_helm)

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp -r charts/rbg "$work/chart"
rm -rf "$work/chart/templates/crds"
python3 -B hack/chart/generate.py "$build/rbg-manager" "$work/chart"
"$helm" template rbgs "$work/chart" --namespace rbgs-system --kube-version "$KUBE_VERSION" --no-hooks \
	--set certManager.enabled=false >"$work/rendered.yaml"
POD_NAMESPACE=rbgs-system "$build/rbg-manager" --print-crds >"$work/crds.json"
mkdir -p "$work/deploy"
python3 -B hack/chart/manifest.py "$work/crds.json" "$work/deploy" <"$work/rendered.yaml"

if [[ -n $check ]]; then
	if diff -r charts/rbg "$work/chart" >&2 && diff -r deploy "$work/deploy" >&2; then exit; fi
	echo "the chart is not what the program prints: run hack/generate-chart.sh" >&2
	exit 1
fi
rm -rf charts/rbg/templates/crds
cp -r "$work/chart/." charts/rbg
mkdir -p deploy
cp "$work/deploy"/* deploy
