#!/usr/bin/env bash
# Tests the chart without a cluster: lint, golden files, refusals. The last line is "N passed, N failed".
#
#   hack/chart-test.sh             run
#   hack/chart-test.sh --update    rewrite the golden files; look at the difference
#
# tests/golden/chart/NAME.values.yaml is rendered into NAME.golden.yaml (without the CRDs, which are the program's own
# output; what the chart adds to them is in crds.NAME.golden.txt for two of the cases).
#
# RBG_BUILD   a directory with rbg-manager; default: build/release, built first
# HELM        helm; default: the one on PATH, else it is built
set -euo pipefail
shopt -s inherit_errexit nullglob
cd "$(dirname "$0")/.."
# shellcheck source=hack/chart/helm.sh
. hack/chart/helm.sh
readonly GOLDEN=tests/golden/chart

passed=0 failed=0
update=
[[ ${1:-} != --update ]] || update=yes
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

# it NAME COMMAND...: passes when the command succeeds; else its output is shown.
it() {
	local name=$1
	shift
	if "$@" >"$work/log" 2>&1; then
		echo "ok   $name"
		passed=$((passed + 1))
	else
		echo "FAIL $name"
		cat "$work/log"
		failed=$((failed + 1))
	fi
}

render() {
	"$helm" template rbgs charts/rbg --namespace rbgs-system --kube-version "$KUBE_VERSION" "$@"
}

without_crds() {
	awk '/^# Source: / { crd = /templates\/crds\// } !crd'
}

# What the chart makes of the CRDs: names, annotations, conversion.
crd_heads() {
	awk '/^kind: / { crd = /CustomResourceDefinition/ }
		/^metadata:/ { head = 1 } /^spec:/ { head = 0 } /^  conversion:/ { head = 1 } /^  versions:/ { head = 0 }
		crd && head && !/helm.sh.chart|app.kubernetes.io/'
}

same() {
	if [[ -n $update ]]; then cp "$2" "$1"; fi
	diff -u "$1" "$2"
}

golden() {
	render --values "$GOLDEN/$1.values.yaml" | without_crds >"$work/out" || return 1
	same "$GOLDEN/$1.golden.yaml" "$work/out"
}

golden_crds() {
	render --values "$GOLDEN/$1.values.yaml" | crd_heads >"$work/out" || return 1
	[[ $(grep -c 'resource-policy: keep' "$work/out") -eq 10 ]] || { echo "not all CRDs are kept"; return 1; }
	same "$GOLDEN/crds.$1.golden.txt" "$work/out"
}

# refused TEXT ARGUMENT...: rendering fails and says TEXT.
refused() {
	local text=$1
	shift
	if render "$@" >/dev/null 2>"$work/err"; then
		echo "it was accepted"
		return 1
	fi
	grep -F -- "$text" "$work/err" || { cat "$work/err"; return 1; }
}

# The program takes every flag that the chart gives it.
flags_are_known() {
	local -a flags
	mapfile -t flags < <(render --values "$GOLDEN/$1.values.yaml" --show-only templates/deployment.yaml |
		awk '/^        args:/ { on = 1; next } on && !/^        - / { exit } on { print $2 }' | tr -d '"')
	[[ ${#flags[@]} -ge 5 ]] || { echo "only ${#flags[@]} flags"; return 1; }
	"$build/rbg-manager" "${flags[@]}" --version
}

# deprecated workloads: of all objects the Deployment differs, and at most the ClusterRole, which then has no right on them.
deprecated_workloads_off() {
	local name
	for name in default modern; do
		render --values "$GOLDEN/$name.values.yaml" | without_crds |
			awk -v to="$work/$name." '/^# Source/ { next } /^---/ { file = to (n += 1); next } { print > file }'
	done
	local -a changed=()
	for name in "$work"/default.*; do
		cmp -s "$name" "$work/modern.${name##*.}" || changed+=("$(awk '/^kind:/ { print $2; exit }' "$name")")
	done
	mapfile -t changed < <(printf '%s\n' "${changed[@]}" | sort)
	echo "differ: ${changed[*]}"
	[[ ${changed[*]} == Deployment || ${changed[*]} == "ClusterRole Deployment" ]] || return 1
	! grep -hE '^ +- (statefulsets|deployments|leaderworkersets)' "$work"/modern.*
}

# A Secret holds 1 MiB at most; Helm keeps the chart and the manifest in one, compressed.
release_fits() {
	local size
	size=$({ tar -c charts/rbg | base64 -w0; render; } | gzip -9 | base64 -w0 | wc -c)
	echo "$size of 1048576 bytes"
	[[ $size -lt 900000 ]]
}

# Helm renders notes only when it talks to a cluster: here they are a template like the others.
notes_say() {
	rm -rf "$work/notes"
	cp -r charts/rbg "$work/notes"
	{ printf 'kind: Notes\nnotes: |\n' && sed 's/^/  /' charts/rbg/templates/NOTES.txt; } >"$work/notes/templates/notes.yaml"
	"$helm" template rbgs "$work/notes" --namespace rbgs-system --kube-version "$KUBE_VERSION" --show-only templates/notes.yaml \
		--values "$GOLDEN/$1.values.yaml" | grep -F -- "$2"
}

it "helm lint" "$helm" lint --strict charts/rbg --kube-version "$KUBE_VERSION"
for values in "$GOLDEN"/*.values.yaml; do
	name=$(basename "$values" .values.yaml)
	it "golden $name" golden "$name"
	it "lint $name" "$helm" lint --strict charts/rbg --kube-version "$KUBE_VERSION" --values "$values"
	it "flags of $name" flags_are_known "$name"
done
it "CRDs with cert-manager" golden_crds default
it "CRDs without" golden_crds self-managed
it "deprecated workloads switched off: no right on them" deprecated_workloads_off
it "a release fits into a Secret" release_fits
it "a misspelt key is refused" refused "additional properties 'replicacount' not allowed" --set controller.replicacount=3
it "a misspelt top-level key is refused" refused "additional properties 'certmanager' not allowed" --set certmanager.enabled=true
it "an old flat key is refused" refused "additional properties 'replicaCount' not allowed" --set replicaCount=3
it "a misspelt nested key is refused" refused "additional properties 'qps' not allowed" --set controller.tuning.qps=3
it "a wrong type is refused" refused "got string, want integer" --set-string controller.replicaCount=two
it "an unknown scheduler is refused" refused "value must be one of" --set controller.features.gangScheduling.schedulerName=x
it "a wrong duration is refused" refused "does not match pattern" --set certManager.duration=90d
it "a digest that is none is refused" refused "does not match pattern" --set controller.image.digest=latest
it "no token for whoever answers" refused "needs metrics.serviceMonitor.caConfigMap" --set certManager.enabled=false \
	--set metrics.serviceMonitor.enabled=true
it "keys of other charts in global are none of ours" render --set global.other=1
it "notes: crdUpgrade" notes_say go-values "crdUpgrade.* has no effect"
it "notes: pprof" notes_say go-values "controller.pprof.* has no effect"
it "notes: self-managed" notes_say self-managed "renews itself"
it "notes: cert-manager" notes_say default "describe certificate rbgs-serving-cert"
echo "$passed passed, $failed failed"
[[ $failed -eq 0 ]]
