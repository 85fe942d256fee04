#!/usr/bin/env bash
# The end-to-end tests against control planes of several releases of Kubernetes, one after the other.
#   hack/matrix.sh                all that hack/cluster has a folder for, oldest first, today's last
#   hack/matrix.sh RELEASE...     these: 1.28 1.37; "default" is the one that hack/e2e.sh uses
#
# Prints a line for each release, as a row of the table in docs/compatibility.md; what the tests said is in build/matrix/RELEASE.log.
# Fails when a test failed anywhere. Each control plane is built when it is first needed (7 minutes or so on 2 cores), and kept
# in the cache; hack/cluster/pin.sh adds a release.
#
# RBG_PATTERN     which tests; default: all
# RBG_BUILD       as for hack/e2e.sh
set -euo pipefail
cd "$(dirname "$0")/.."

releases=("$@")
if [[ ${#releases[@]} -eq 0 ]]; then
	for folder in hack/cluster/kubernetes-*/; do
		folder=${folder%/}
		releases+=("${folder##*-}")
	done
	releases+=(default)
fi

version_of() {
	local folder=hack/cluster/kubernetes
	[[ $1 == default ]] || folder+=-$1
	awk '$1 == "require" && $2 == "k8s.io/kubernetes" { print $3; exit }' "$folder/go.mod"
}

mkdir -p build/matrix
failed=0
for release in "${releases[@]}"; do
	version=$(version_of "$release")
	log=build/matrix/$release.log
	if [[ $release == default ]]; then unset RBG_KUBERNETES; else export RBG_KUBERNETES=$release; fi
	echo "matrix: Kubernetes $version, see $log" >&2
	./hack/e2e.sh "${RBG_PATTERN:-.}" >"$log" 2>&1 || failed=1
	result=$(tail -n 1 "$log")
	[[ $result == *" passed, "*" failed" ]] || result="did not start"
	names=$(sed -n 's/^[0-9]* s; failed: //p' "$log" | tail -n 1)
	echo "| $version | $result | ${names:-} |"
done
exit "$failed"
