#!/usr/bin/env bash
# Shows what the project does, on this machine and without a cluster:
#
#   1. the admission webhook, asked over HTTPS as an API server would: defaults added, a bad manifest refused,
#      a v1alpha1 manifest converted;
#   2. a group coming up role by role until it is Ready, on the embedded cluster.
#
#   hack/demo.sh [FILE]     the group to run; default examples/two-roles.yaml
#
# Exit code 0 only when the webhook answered as it should and the group got Ready.
set -euo pipefail
cd "$(dirname "$0")/.."

manifest=${1:-examples/two-roles.yaml}
old=examples/two-roles-v1alpha1.yaml
group=workloads.x-k8s.io
dir=$(mktemp -d)
server=

stop() {
	[[ -z $server ]] || { kill "$server" && wait "$server"; } 2>/dev/null || true
	rm -rf "$dir"
}
trap stop EXIT

title() { printf '\n\033[1m== %s\033[0m\n' "$*"; }
fail() { printf 'demo: %s\n' "$*" >&2 && exit 1; }

build() {
	./hack/deps.sh build demo
	cmake --preset release >"$dir/build.log" 2>&1 &&
		cmake --build --preset release --target kubectl-rbg >>"$dir/build.log" 2>&1 ||
		{ tail -n 40 "$dir/build.log" >&2 && fail "the build failed"; }
	rbg=build/release/kubectl-rbg
}

start_webhook() {
	"$rbg" webhook --ca-file "$dir/ca.crt" >"$dir/url" &
	server=$!
	for _ in $(seq 100); do
		[[ -s $dir/url ]] && break
		kill -0 "$server" 2>/dev/null || fail "the webhook server did not start"
		sleep 0.1
	done
	url=$(<"$dir/url")
	[[ -n $url ]] || fail "the webhook server did not start"
}

# post PATH: sends standard input, prints the answer.
post() {
	curl --silent --show-error --fail --cacert "$dir/ca.crt" --header 'Content-Type: application/json' --data-binary @- "$url$1"
}

# review FILE: the AdmissionReview of its creation.
review() {
	"$rbg" convert --to v1alpha2 --output json -f "$1" | jq -c --arg group "$group" '{
		apiVersion: "admission.k8s.io/v1", kind: "AdmissionReview",
		request: {uid: "demo", operation: "CREATE", name: .metadata.name, namespace: "default",
			kind: {group: $group, version: "v1alpha2", kind: .kind},
			resource: {group: $group, version: "v1alpha2", resource: "rolebasedgroups"}, object: .}}'
}

# conversion VERSION: the ConversionReview of the object on standard input.
conversion() {
	jq -c --arg to "$group/$1" '{apiVersion: "apiextensions.k8s.io/v1", kind: "ConversionReview",
		request: {uid: "demo", desiredAPIVersion: $to, objects: [.]}}'
}

show_defaults() {
	title "The mutating webhook at $url adds defaults to $manifest"
	review "$manifest" | post "/mutate-workloads-x-k8s-io-v1alpha2-rolebasedgroup" >"$dir/mutate"
	jq -e '.response.allowed and .response.patchType == "JSONPatch"' "$dir/mutate" >/dev/null || fail "no defaults: $(<"$dir/mutate")"
	jq -r '.response.patch | @base64d | fromjson | .[] | "  \(.op) \(.path)  \(.value | tojson)"' "$dir/mutate"
}

show_refusal() {
	cat >"$dir/bad.yaml" <<-'YAML'
		apiVersion: workloads.x-k8s.io/v1alpha2
		kind: RoleBasedGroup
		metadata: {name: bad}
		spec:
		  roles:
		  - name: router
		    dependencies: [worker]
		    standalonePattern: {templateRef: {name: engin}}
		  - name: worker
		    dependencies: [router]
		    standalonePattern:
		      template: {spec: {containers: [{name: main, image: "engine:1"}]}}
		    leaderWorkerPattern:
		      size: 2
		      template: {spec: {containers: [{name: main, image: "engine:1"}]}}
		  roleTemplates:
		  - name: engine
		    template: {spec: {containers: [{name: main, image: "engine:1"}]}}
	YAML
	title "The validating webhook refuses a bad manifest, with every reason at once"
	sed 's/^/  | /' "$dir/bad.yaml"
	echo
	review "$dir/bad.yaml" | post "/validate-workloads-x-k8s-io-v1alpha2-rolebasedgroup" >"$dir/validate"
	jq -e '.response.allowed == false' "$dir/validate" >/dev/null || fail "the bad manifest was let in: $(<"$dir/validate")"
	jq -r '"  \(.response.status.code) \(.response.status.reason): \(.response.status.message)"' "$dir/validate" |
		sed -e 's/: \[/:\n    - /; s/\]$//; s/, \(spec\.[a-zA-Z.]*\(\[[0-9]*\]\)\{0,1\}[a-zA-Z.]*:\)/\n    - \1/g'
	review "$manifest" | post "/validate-workloads-x-k8s-io-v1alpha2-rolebasedgroup" |
		jq -e '.response.allowed' >/dev/null || fail "$manifest was refused"
	echo "  (and lets $manifest in)"
}

show_conversion() {
	title "The conversion webhook turns $old into v1alpha2, and back"
	"$rbg" convert --to v1alpha1 --output json -f "$old" >"$dir/old"
	conversion v1alpha2 <"$dir/old" | post /convert | jq '.response.convertedObjects[0]' >"$dir/new"
	for version in old new; do
		jq -r '"  \(.apiVersion)", (.spec.roles[] | "    role \(.name): \(keys - ["name"] | join(", "))")' "$dir/$version"
	done
	conversion v1alpha1 <"$dir/new" | post /convert | jq '.response.convertedObjects[0]' >"$dir/back"
	diff <(jq -S . "$dir/old") <(jq -S . "$dir/back") >"$dir/diff" || fail "the way back lost something: $(<"$dir/diff")"
	echo "  and back to v1alpha1: identical"
}

show_group() {
	title "$manifest on the embedded cluster (virtual time), until Ready"
	"$rbg" simulate --timeline --events=false -f "$manifest"
}

title "Building (build/release)"
build
start_webhook
show_defaults
show_refusal
show_conversion
show_group
