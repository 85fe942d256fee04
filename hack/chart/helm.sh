# shellcheck shell=bash
# Sourced. Finds helm, and says for which Kubernetes the chart is rendered without a cluster.
# shellcheck disable=SC2034 # used by who sources this
readonly KUBE_VERSION=1.36.3

find_helm() {
	if [[ -n ${HELM:-} ]]; then
		echo "$HELM"
	elif command -v helm >/dev/null; then
		command -v helm
	else
		hack/cluster.sh path helm
	fi
}
