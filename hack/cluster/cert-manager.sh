# shellcheck shell=bash
# cert-manager on the real node, by its own chart and from images made here. Sourced
# by ../cluster.sh.

readonly CERT_MANAGER=github.com/cert-manager/cert-manager
readonly CERT_MANAGER_PROGRAMS=(controller cainjector webhook)

# install_cert_manager DIR: returns once it issues.
install_cert_manager() {
	local dir=$1 version program
	local -a values=(--set startupapicheck.enabled=false --set global.leaderElection.namespace=cert-manager)
	version=$(pinned cert-manager "$CERT_MANAGER")
	for program in "${CERT_MANAGER_PROGRAMS[@]}"; do
		make_image "$dir" "cert-manager-$program" "localhost/cert-manager-$program:$version" \
			--file "$(part_dir cert-manager)/$program=/$program" --arg "/$program" --user 65532
	done
	values+=(--set image.repository=localhost/cert-manager-controller
		--set cainjector.image.repository=localhost/cert-manager-cainjector
		--set webhook.image.repository=localhost/cert-manager-webhook)
	"$(program_path helm)" --kubeconfig "$dir/kubeconfig" upgrade --install \
		cert-manager "$(part_dir cert-manager)/chart" \
		--namespace cert-manager --create-namespace --wait --timeout 5m "${values[@]}" >&2
	# Available pods are not enough: the webhook also has to be trusted by now.
	within 120 accepts_issuers "$dir" || die "cert-manager runs, but refuses an Issuer: $(try_issuer "$dir" 2>&1)"
}

# write_cert_manager_chart FOLDER: as it is released; the module keeps the CRDs apart
# from the chart, and no version in it.
write_cert_manager_chart() {
	local source version
	version=$(pinned cert-manager "$CERT_MANAGER")
	source=$(cd "$HERE/cert-manager" && GOWORK=off go list -m -f '{{.Dir}}' "$CERT_MANAGER")/deploy
	cp -r "$source/charts/cert-manager" "$1"
	chmod -R u+w "$1"
	cp "$source"/crds/crd-*.yaml "$1/templates/"
	sed -E "s/^(version|appVersion): .*/\1: $version/" "$1/Chart.template.yaml" >"$1/Chart.yaml"
}

accepts_issuers() {
	try_issuer "$1" >/dev/null 2>&1
}

try_issuer() {
	kube "$1/kubeconfig" create --dry-run=server -f - <<-END
		apiVersion: cert-manager.io/v1
		kind: Issuer
		metadata: {name: try, namespace: default}
		spec: {selfSigned: {}}
	END
}
