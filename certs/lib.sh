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

# The manager serves the Secret's pair, and no longer makes one.
mount_certificate() {
	kubectl -n "$NAMESPACE" patch deployment rbgs-controller-manager --type strategic --patch '
spec:
  template:
    spec:
      containers:
      - name: manager
        volumeMounts:
        - {name: certs, mountPath: /etc/rbg/certs, readOnly: true}
      volumes:
      - name: certs
        secret: {secretName: '"$SECRET"', defaultMode: 288, items: [{key: tls.crt, path: tls.crt}, {key: tls.key, path: tls.key}]}'
	if ! kubectl -n "$NAMESPACE" get deployment rbgs-controller-manager \
		-o jsonpath='{.spec.template.spec.containers[0].args}' | grep -q -- --webhook-cert-dir; then
		kubectl -n "$NAMESPACE" patch deployment rbgs-controller-manager --type json --patch \
			'[{"op": "add", "path": "/spec/template/spec/containers/0/args/-", "value": "--webhook-cert-dir=/etc/rbg/certs"}]'
	fi
	kubectl -n "$NAMESPACE" rollout status deployment/rbgs-controller-manager --timeout "${TIMEOUT:-3m}"
}
