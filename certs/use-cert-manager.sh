#!/usr/bin/env bash
# After deploy/rbg.yaml and certs/cert-manager.yaml were applied: has cainjector put the CA of the Certificate
# rbgs-serving-cert where the API server looks for it, and the manager serve that certificate;
# checks at the end that the webhooks answer. May be run again.
set -euo pipefail
# shellcheck source=certs/lib.sh
. "$(dirname "$0")/lib.sh"

refuse_release
kubectl -n "$NAMESPACE" wait --for=condition=Ready --timeout "${TIMEOUT:-3m}" certificate/rbgs-serving-cert
# First the managers that keep a CA of their own in place have to be gone.
mount_certificate
for object in "${CRDS[@]/#/crd/}" "${CONFIGURATIONS[@]}"; do
	kubectl annotate --overwrite "$object" "cert-manager.io/inject-ca-from=$NAMESPACE/rbgs-serving-cert"
done
self_test
