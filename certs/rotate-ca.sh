#!/usr/bin/env bash
# Replaces the CA of an installation with cert-manager (by Helm with its own issuer, or by certs/cert-manager.yaml) by one
# with a new key, while groups are being applied. May be run again after it was interrupted.
#
#   certs/rotate-ca.sh [--namespace NS]
#
# A renewed CA needs none of this: it keeps its key (rotationPolicy: Never), so either certificate vouches for what the
# other one has signed. With a new key, what the API server trusts and what the pods serve can't change in the same
# moment, and cainjector puts in place only the newest CA. So for a while it takes its bundle from a Secret that holds both:
#
#   1. trust the old CA by the Secret rbgs-ca-bundle, and have cert-manager make a new CA
#   2. trust both
#   3. have the new CA sign the certificate, and the pods take it up, one after the other
#   4. trust what cert-manager says again: the new CA
set -euo pipefail
shopt -s inherit_errexit
# shellcheck source=certs/lib.sh
. "$(dirname "$0")/lib.sh"
readonly BUNDLE=rbgs-ca-bundle CA_SECRET=rbgs-ca-cert

say() {
	echo "rotate-ca: $*" >&2
}

# secret_file NAME KEY: prints it; nothing when there is none.
secret_file() {
	kubectl -n "$NAMESPACE" get secret "$1" --ignore-not-found -o "go-template={{with index .data \"$2\"}}{{. | base64decode}}{{end}}"
}

# trust FILE: what cainjector is to put in place, while it follows the bundle.
trust() {
	kubectl -n "$NAMESPACE" create secret generic "$BUNDLE" --from-file=ca.crt="$1" --dry-run=client -o yaml |
		kubectl annotate --local -f - cert-manager.io/allow-direct-injection=true -o yaml |
		kubectl apply --server-side --force-conflicts --field-manager rotate-ca -f - >&2
}

# inject ANNOTATION...: for all that cainjector fills.
inject() {
	local object
	for object in "${CRDS[@]/#/crd/}" "${CONFIGURATIONS[@]}"; do
		kubectl annotate --overwrite "$object" "$@" >&2
	done
}

# bundles: those in place, in base64, one a line.
bundles() {
	kubectl get crd "${CRDS[@]}" -o jsonpath='{range .items[*]}{.spec.conversion.webhook.clientConfig.caBundle}{"\n"}{end}'
	kubectl get "${CONFIGURATIONS[@]}" -o jsonpath='{range .items[*].webhooks[*]}{.clientConfig.caBundle}{"\n"}{end}'
}

# in_place FILE: this is the bundle everywhere.
in_place() {
	[[ $(bundles | sort -u) == "$(openssl base64 -A <"$1")" ]]
}

# within SECONDS WHAT COMMAND...: until it succeeds.
within() {
	local end=$((SECONDS + $1)) what=$2
	shift 2
	until "$@"; do
		if ((SECONDS >= end)); then
			say "not in time: $what"
			exit 1
		fi
		sleep 1
	done
}

has_new_ca() {
	secret_file "$CA_SECRET" tls.crt >"$work/new" && [[ -s $work/new ]] && ! grep -qxFf <(sed -n 3p "$work/new") "$work/old"
}

# has_signed FILE: the certificate that the pods mount comes from this CA.
has_signed() {
	secret_file "$SECRET" ca.crt | cmp -s - "$1"
}

# As "cmctl renew" does.
renew() {
	kubectl -n "$NAMESPACE" patch certificate "$1" --subresource status --type json --patch '[{"op": "add", "path":
		"/status/conditions/-", "value": {"type": "Issuing", "status": "True", "reason": "ManuallyTriggered",
		"message": "the CA is replaced", "lastTransitionTime": "'"$(date -u +%FT%TZ)"'"}}]' >&2
}

main() {
	while [[ $# -gt 0 ]]; do
		[[ $1 == --namespace && -n ${2:-} ]] || { awk 'NR > 1 && !/^#/ { exit } NR > 1 { sub(/^# ?/, ""); print }' "$0" >&2; exit 2; }
		NAMESPACE=$2
		shift 2
	done
	work=$(mktemp -d)
	trap 'rm -rf "$work"' EXIT

	# A bundle that is left from an interrupted run holds what must stay trusted.
	secret_file "$BUNDLE" ca.crt >"$work/old"
	[[ -s $work/old ]] || secret_file "$SECRET" ca.crt >"$work/old"
	[[ -s $work/old ]] || { say "Secret $NAMESPACE/$SECRET has no ca.crt: is cert-manager its issuer?"; exit 1; }
	kubectl -n "$NAMESPACE" get certificate rbgs-ca >/dev/null # else the CA is another issuer's

	say "1. a new CA"
	trust "$work/old"
	inject cert-manager.io/inject-ca-from- "cert-manager.io/inject-ca-from-secret=$NAMESPACE/$BUNDLE"
	kubectl -n "$NAMESPACE" delete secret "$CA_SECRET" --ignore-not-found >&2
	within 120 "cert-manager makes a CA" has_new_ca

	say "2. trust both"
	cat "$work/old" "$work/new" >"$work/both"
	trust "$work/both"
	within 120 "cainjector puts both CAs in place" in_place "$work/both"

	say "3. serve what the new CA has signed"
	renew rbgs-serving-cert
	within 120 "cert-manager issues the certificate" has_signed "$work/new"
	kubectl -n "$NAMESPACE" rollout restart deployment/rbgs-controller-manager >&2
	kubectl -n "$NAMESPACE" rollout status deployment/rbgs-controller-manager --timeout "${TIMEOUT:-3m}" >&2

	say "4. trust the new CA only"
	inject cert-manager.io/inject-ca-from-secret- "cert-manager.io/inject-ca-from=$NAMESPACE/rbgs-serving-cert"
	within 120 "cainjector puts the new CA in place" in_place "$work/new"
	kubectl -n "$NAMESPACE" delete secret "$BUNDLE" >&2
	say "done"
}

main "$@"
