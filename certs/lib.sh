# shellcheck shell=bash
# shellcheck disable=SC2034 # used by the scripts that source this
# Sourced by the scripts beside it: what both do to an installation from deploy/rbg.yaml.

NAMESPACE=rbgs-system
readonly SECRET=rbgs-webhook-server-cert
readonly CRDS=(rolebasedgroups.workloads.x-k8s.io rolebasedgroupsets.workloads.x-k8s.io)
readonly CONFIGURATIONS=(
	validatingwebhookconfiguration/rbgs-validating-webhook-configuration
	mutatingwebhookconfiguration/rbgs-mutating-webhook-configuration
)

deployment() {
	kubectl -n "$NAMESPACE" "$@" deployment/rbgs-controller-manager
}

# Changes of the certificate by hand would be undone by whoever made the installation: by Helm's next upgrade.
refuse_release() {
	local owner
	owner=$(deployment get -o jsonpath='{.metadata.labels.app\.kubernetes\.io/managed-by}')
	[[ $owner != Helm ]] || {
		echo "this installation is a Helm release: change its certificate by helm upgrade, with the value certManager.enabled" >&2
		return 1
	}
}

# Does the API server reach the webhooks and trust them? Asked by dry runs, which store nothing: a group of each version.
self_test() {
	local version role said deadline=$((SECONDS + 120))
	local -A roles=(
		[v1alpha2]='{"name":"a","standalonePattern":{"template":{"spec":{"containers":[{"name":"c","image":"self-test"}]}}}}'
		[v1alpha1]='{"name":"a","workload":{"apiVersion":"workloads.x-k8s.io/v1alpha2","kind":"RoleInstanceSet"},"template":{"spec":{"containers":[{"name":"c","image":"self-test"}]}}}'
	)
	for version in v1alpha2 v1alpha1; do
		role=${roles[$version]}
		until said=$(kubectl create --dry-run=server -o name -f - 2>&1 <<<'{"apiVersion":"workloads.x-k8s.io/'$version'",
			"kind":"RoleBasedGroup","metadata":{"name":"rbgs-self-test","namespace":"default"},"spec":{"roles":['"$role"']}}'); do
			((SECONDS < deadline)) || { echo "the webhooks do not answer for $version: $said" >&2; return 1; }
			sleep 1
		done
	done
	echo "the webhooks answer, and the API server trusts them"
}

# Managers that are being replaced and still run: a rollout counts as done as soon as they are told to end.
ending() {
	kubectl -n "$NAMESPACE" get pods -l control-plane=rbgs-controller \
		-o go-template='{{range .items}}{{if .metadata.deletionTimestamp}}{{.metadata.name}} {{end}}{{end}}'
}

# The manager serves the Secret's pair, and no longer makes one. All of that by one patch: a rollout in between would start
# managers that have the pair and keep a CA all the same. Returns when no manager of before is left, which would put its CA back.
mount_certificate() {
	local args left deadline=$((SECONDS + 180))
	args=$(deployment get -o jsonpath='{.spec.template.spec.containers[0].args}')
	[[ $args == *--webhook-cert-dir* ]] || args="${args%]}, \"--webhook-cert-dir=/etc/rbg/certs\"]"
	deployment patch --type strategic --patch '
spec:
  template:
    spec:
      containers:
      - name: manager
        args: '"$args"'
        volumeMounts:
        - {name: certs, mountPath: /etc/rbg/certs, readOnly: true}
      volumes:
      - name: certs
        secret: {secretName: '"$SECRET"', defaultMode: 288, items: [{key: tls.crt, path: tls.crt}, {key: tls.key, path: tls.key}]}'
	deployment rollout status --timeout "${TIMEOUT:-3m}"
	until left=$(ending) && [[ -z $left ]]; do
		((SECONDS < deadline)) || { echo "after three minutes these have not ended: $left" >&2; return 1; }
		sleep 0.5
	done
}
