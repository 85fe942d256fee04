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
