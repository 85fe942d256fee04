#!/usr/bin/env bash
# Makes a CA and a serving certificate for the webhooks with openssl, for clusters that may hold neither cert-manager nor a
# manager that writes Secrets.
#
#   certs/self-made.sh print [--days N] [--ca-days N] [--namespace NS] [--directory DIR]
#       prints the Secret rbgs-webhook-server-cert as YAML, and the CA bundle as a comment; keeps the CA in DIR
#       (default ./rbg-ca, made with mode 0700): with it the next certificate needs no new bundle
#   certs/self-made.sh apply [as above]
#       applies the Secret, puts the bundle into the CRDs and the webhook configurations, mounts the pair, and checks that
#       the webhooks answer. Refused where cert-manager keeps the Secret: it would write its own pair over this one
#
# N: how long the certificate lives (default 365 days) and the CA (default 3650). Run it again before it ends: the manager
# takes a renewed Secret up without a restart.
set -euo pipefail
shopt -s inherit_errexit
# shellcheck source=certs/lib.sh
. "$(dirname "$0")/lib.sh"

usage() {
	awk 'NR > 1 && !/^#/ { exit } NR > 1 { sub(/^# ?/, ""); print }' "$0" >&2
	exit 2
}

base64_line() {
	openssl base64 -A
}

# ca DIR DAYS
make_ca() {
	(umask 077 && mkdir -p "$1" && openssl ecparam -name prime256v1 -genkey -noout -out "$1/ca.key")
	openssl req -x509 -new -key "$1/ca.key" -sha256 -days "$2" -subj /CN=rbgs-webhook-ca \
		-addext 'basicConstraints=critical,CA:TRUE' -addext 'keyUsage=critical,keyCertSign,cRLSign' -out "$1/ca.crt"
}

# leaf DIR DAYS
make_certificate() {
	local service=rbgs-webhook-service names
	names=DNS:$service.$NAMESPACE.svc,DNS:$service.$NAMESPACE.svc.cluster.local
	names+=,DNS:rbgs-metrics-service.$NAMESPACE.svc,DNS:localhost
	(umask 077 && openssl ecparam -name prime256v1 -genkey -noout -out "$1/tls.key")
	openssl req -new -key "$1/tls.key" -subj "/CN=$service.$NAMESPACE.svc" |
		openssl x509 -req -sha256 -days "$2" -CA "$1/ca.crt" -CAkey "$1/ca.key" -set_serial "0x$(openssl rand -hex 16)" \
			-extfile <(printf '%s\n' 'basicConstraints=critical,CA:FALSE' 'keyUsage=critical,digitalSignature' \
				'extendedKeyUsage=serverAuth' "subjectAltName=$names") -out "$1/tls.crt" 2>/dev/null
	openssl verify -CAfile "$1/ca.crt" "$1/tls.crt" >&2
}

secret() {
	cat <<EOF
apiVersion: v1
kind: Secret
metadata:
  name: $SECRET
  namespace: $NAMESPACE
type: kubernetes.io/tls
data:
  ca.crt: $(base64_line <"$1/ca.crt")
  tls.crt: $(base64_line <"$1/tls.crt")
  tls.key: $(base64_line <"$1/tls.key")
EOF
}

refuse_cert_manager() {
	local found
	found=$(kubectl -n "$NAMESPACE" get certificate/rbgs-serving-cert -o name --ignore-not-found 2>/dev/null) || return 0 # no such kind
	[[ -z $found ]] || {
		echo "cert-manager keeps the Secret $SECRET (Certificate rbgs-serving-cert) and would write its own pair over this one." >&2
		echo "To go over to a certificate made by hand: kubectl delete -f certs/cert-manager.yaml, then run this again." >&2
		return 1
	}
}

# The bundle comes last: until the last manager that keeps a CA of its own is gone, it would put that one back.
install() {
	local bundle object n
	bundle=$(base64_line <"$1/ca.crt")
	secret "$1" | kubectl apply --server-side --force-conflicts -f - # whoever wrote it last
	mount_certificate
	for object in "${CRDS[@]/#/crd/}" "${CONFIGURATIONS[@]}"; do
		kubectl annotate "$object" cert-manager.io/inject-ca-from- # else cainjector would put another one there
	done
	for object in "${CRDS[@]}"; do
		kubectl patch crd "$object" --type merge \
			--patch '{"spec": {"conversion": {"webhook": {"clientConfig": {"caBundle": "'"$bundle"'"}}}}}'
	done
	for object in "${CONFIGURATIONS[@]}"; do
		n=$(kubectl get "$object" -o jsonpath='{.webhooks[*].name}' | wc -w)
		kubectl patch "$object" --type json --patch "[$(for ((i = 0; i < n; i++)); do
			printf '%s{"op": "add", "path": "/webhooks/%d/clientConfig/caBundle", "value": "%s"}' "${sep:-}" "$i" "$bundle"
			sep=', '
		done)]"
	done
}

main() {
	local command=${1:-} directory=rbg-ca days=365 ca_days=3650
	[[ $command == print || $command == apply ]] || usage
	shift
	while [[ $# -gt 0 ]]; do
		[[ $# -ge 2 ]] || usage
		case $1 in
		--days) days=$2 ;;
		--ca-days) ca_days=$2 ;;
		--namespace) NAMESPACE=$2 ;;
		--directory) directory=$2 ;;
		*) usage ;;
		esac
		shift 2
	done
	[[ $days =~ ^[1-9][0-9]*$ && $ca_days =~ ^[1-9][0-9]*$ ]] || { echo "days must be a whole number" >&2; exit 2; }
	if [[ $command == apply ]]; then
		refuse_release
		refuse_cert_manager
	fi
	[[ -f $directory/ca.key && -f $directory/ca.crt ]] || make_ca "$directory" "$ca_days"
	make_certificate "$directory" "$days"
	if [[ $command == apply ]]; then
		install "$directory"
		self_test
	else
		secret "$directory"
		echo "# caBundle: $(base64_line <"$directory/ca.crt")"
	fi
}

main "$@"
