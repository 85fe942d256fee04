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
		built_helm
	fi
}

# Built once from the pinned module, kept with the other programs.
built_helm() {
	local module=hack/cluster/helm key bin
	key=$(cat "$module/go.mod" "$module/go.sum" | sha256sum)
	bin=${RBG_CACHE:-${HOME:-/root}/.cache/rbg}/helm-${key:0:16}
	if [[ ! -x $bin ]]; then
		echo "building helm, once" >&2
		mkdir -p "$(dirname "$bin")"
		(cd "$module" && CGO_ENABLED=0 go build -mod=readonly -buildvcs=false -trimpath -ldflags='-s -w' \
			-o "$bin.$$" helm.sh/helm/v3/cmd/helm) >&2
		mv "$bin.$$" "$bin"
	fi
	echo "$bin"
}
