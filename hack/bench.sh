#!/usr/bin/env bash
# Benchmarks; each prints JSON lines on standard output, what it is doing on standard error.
#   hack/bench.sh scale    100 groups of 2 roles with 5 replicas (1,000 pods) on a control plane with five fake nodes: seconds until
#                          all pods exist, are Ready, all groups are Ready; the manager's requests (its own identity in the audit
#                          log), CPU seconds and peak memory; and a raw writer of 1,000 such pods in the same run, to compare with.
#                          GROUPS_N, ROLES_N, REPLICAS_N change the size.
#   hack/bench.sh admission  the webhook server alone over kept-alive TLS connections, with a group of 8 KB (tests/bench/group.yaml):
#                          validate, mutate, convert of one and of fifty objects, by 1 and by 8 connections: requests per second and
#                          per CPU second of the server, latencies, peak memory; then its memory before and after a million
#                          requests. SECONDS_EACH (5) and REQUESTS_N (1000000) make it shorter, WHAT leaves one kind.
#   hack/bench.sh yardstick  the same load on ours and, in turn, on a Go server that only decodes and encodes (tests/bench/yardstick,
#                          needs Go): requests per CPU second of both, the middle of ROUNDS (3) rounds, and their ratio. Machines are
#                          shared and noisy; this ratio is not.
#   hack/bench.sh review   the same reviews without TLS and HTTP: microseconds of CPU for each.
# All measure programs as they are shipped, trained (hack/train.sh).
set -euo pipefail
cd "$(dirname "$0")/.."

say() { echo "bench: $*" >&2; }

# build DEPENDENCIES TARGETS: the programs as they are shipped, and what measures them.
build() {
    local profile
    # shellcheck disable=SC2086 # words
    ./hack/deps.sh $1 >&2
    profile=$(./hack/train.sh)
    cmake --preset bench -DRBG_PROFILE="$profile" >/dev/null
    # shellcheck disable=SC2086 # words
    cmake --build --preset bench --target $2 >&2
}

cluster_name=bench-$$
manager=
finish() {
    [ -z "$manager" ] || kill "$manager" 2>/dev/null || true
    [ -z "$manager" ] || wait "$manager" 2>/dev/null || true
    ./hack/cluster.sh down --name "$cluster_name" >&2 || true
    rm -rf "$work"
}

# Puts in what an installation has: kinds, webhooks, and the rights that the chart gives, for the manager at port $1.
install_manager() {
    local url=https://127.0.0.1:$1 bin=build/bench/rbg-manager
    "$bin" --print-crds --webhook-url "$url" | kubectl apply --server-side -f - >&2
    kubectl create namespace rbgs-system >&2
    "$bin" --print-rbac | kubectl apply -f - >&2
    "$bin" --print-webhooks --webhook-url "$url" | kubectl apply -f - >&2
    kubectl -n rbgs-system create serviceaccount rbg-manager >&2
    kubectl create clusterrolebinding rbg-bench --clusterrole=rbgs-controller-role --serviceaccount=rbgs-system:rbg-manager >&2
    kubectl -n rbgs-system create rolebinding rbg-secret --role=rbgs-controller-secret-role \
        --serviceaccount=rbgs-system:rbg-manager >&2
}

# Prints a kubeconfig of the manager, with a token as pods have it.
manager_config() {
    kubectl config view --raw -o json | jq --arg token "$(kubectl -n rbgs-system create token rbg-manager --duration 2h)" \
        '.users = [{name: .users[0].name, user: {token: $token}}]' >"$work/kubeconfig"
    echo "$work/kubeconfig"
}

# The garbage collector looks for new kinds every 30 s. Until it watches ours it asks the API server for the owner of each object, one
# by one: 2.4 requests for each pod, which no cluster sees where the CRDs are older than that. It watches when it takes an orphan away.
wait_for_collector() {
    for _ in $(seq 150); do
        ! kubectl -n default get roleinstances >/dev/null 2>&1 || break # the API server takes a moment to serve a new kind
        sleep 0.2
    done
    jq -n '{apiVersion: "workloads.x-k8s.io/v1alpha2", kind: "RoleInstance", spec: {components: [{name: "c", size: 1, template:
        {spec: {containers: [{name: "c", image: "e/i:1"}]}}}]}, metadata: {name: "orphan", namespace: "default", ownerReferences:
        [{apiVersion: "v1", kind: "ConfigMap", name: "none", uid: "00000000-0000-0000-0000-000000000000"}]}}' | kubectl create -f - >&2
    kubectl -n default wait --for=delete roleinstance/orphan --timeout=90s >&2
}

# Starts the manager under its own identity: webhooks at port $1, probes at $2.
start_manager() {
    local bin=build/bench/rbg-manager
    POD_NAMESPACE=rbgs-system "$bin" --kubeconfig "$(manager_config)" \
        --webhook-bind-address "127.0.0.1:$1" --health-probe-bind-address "127.0.0.1:$2" 2>"$work/manager.log" &
    manager=$!
    for _ in $(seq 200); do
        curl -sf "http://127.0.0.1:$2/readyz" >/dev/null && return
        kill -0 "$manager" 2>/dev/null || break
        sleep 0.1
    done
    cat "$work/manager.log" >&2
    return 1
}

account=system:serviceaccount:rbgs-system:rbg-manager

# Requests of the manager in the audit log from line $1 on: {requests, by_verb: {"verb resource": n}}.
count_requests() {
    tail -n "+$1" "$dir/audit.log" | jq -nc --arg account "$account" '
        [inputs | select(.user.username == $account and .verb != "watch")
         | .verb + " " + (.objectRef.resource // .requestURI) + (if .objectRef.subresource then "/" + .objectRef.subresource else "" end)]
        | {requests: length, by_verb: (group_by(.) | map({key: .[0], value: length}) | sort_by(-.value) | from_entries)}'
}

# Events of the last pods are collected for a second, and what only records was left for later: until it has all been written.
wait_for_silence() {
    local writes=-1 before=-2
    while [ "$writes" != "$before" ]; do
        sleep 3
        before=$writes
        writes=$(grep "\"username\":\"$account\"" "$dir/audit.log" | grep -cE '"verb":"(create|patch)"')
    done
}

cpu_seconds() { awk -v hz="$(getconf CLK_TCK)" '{ sub(/^.*\) /, ""); printf "%.2f", ($12 + $13) / hz }' "/proc/$manager/stat"; }
peak_mib() { awk '/^VmHWM/ { printf "%.1f", $2 / 1024 }' "/proc/$manager/status"; }
free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

scale() {
    local groups=${GROUPS_N:-100} roles=${ROLES_N:-2} replicas=${REPLICAS_N:-5}
    build 'build test cluster' 'rbg-manager bench-scale'
    work=$(mktemp -d)
    trap finish EXIT
    KUBECONFIG=$(./hack/cluster.sh up --name "$cluster_name" --nodes 5)
    export KUBECONFIG
    PATH=$(./hack/cluster.sh path):$PATH
    dir=$(dirname "$KUBECONFIG")
    local webhooks probes
    webhooks=$(free_port) probes=$(free_port)
    install_manager "$webhooks"
    kubectl create namespace raw >&2
    kubectl create namespace scale >&2
    wait_for_collector
    say "raw writer"
    build/bench/bench-scale raw "$KUBECONFIG" raw $((groups * roles * replicas)) >"$work/raw"
    kubectl delete namespace raw >&2
    say "manager"
    start_manager "$webhooks" "$probes"
    local line cpu0
    line=$(($(wc -l <"$dir/audit.log") + 1)) cpu0=$(cpu_seconds)
    build/bench/bench-scale groups "$KUBECONFIG" scale "$groups" "$roles" "$replicas" >"$work/groups" &
    local load=$!
    while kill -0 "$load" 2>/dev/null; do
        kill -0 "$manager" 2>/dev/null || { kill "$load"; tail -n 20 "$work/manager.log" >&2; say "the manager has ended"; return 1; }
        sleep 0.2
    done
    wait "$load"
    wait_for_silence
    count_requests "$line" >"$work/requests"
    jq -sc --argjson cpu "$(cpu_seconds)" --argjson cpu0 "$cpu0" --argjson peak "$(peak_mib)" '
        add | .requests_per_pod = (.requests / .pods * 100 | round / 100) | .cpu_s = (($cpu - $cpu0) * 100 | round / 100) | .peak_mib = $peak
        | {pods, created_s, ready_s, groups_ready_s, requests, requests_per_pod, cpu_s, peak_mib, raw_created_s, raw_ready_s, by_verb}' \
        "$work/groups" "$work/raw" "$work/requests"
}

# Ends the server that is measured.
finish_admission() {
    [ -z "$manager" ] || kill "$manager" 2>/dev/null || true
    [ -z "$manager" ] || wait "$manager" 2>/dev/null || true
    rm -rf "$work"
}

# Starts a server that prints its URL, and waits for that; $work/ca.pem verifies it.
serve() {
    rm -f "$work/url"
    "$@" >"$work/url" &
    manager=$!
    for _ in $(seq 100); do
        [ ! -s "$work/url" ] || break
        kill -0 "$manager" || return 1
        sleep 0.05
    done
}

serve_ours() { serve build/bench/kubectl-rbg webhook --ca-file "$work/ca.pem"; }

load_server() {
    local url
    url=$(cat "$work/url")
    build/bench/bench-admission "${url##*:}" "$work/ca.pem" "$manager" tests/bench/group.yaml
}

admission() {
    build 'build test' 'kubectl-rbg bench-admission'
    work=$(mktemp -d)
    trap finish_admission EXIT
    serve_ours
    load_server
}

yardstick() {
    build 'build test' 'kubectl-rbg bench-admission'
    work=$(mktemp -d)
    trap finish_admission EXIT
    (cd tests/bench/yardstick && go build -o "$work/yardstick" .)
    local server
    for WHAT in ${WHAT:-validate convert convert50}; do
        for _ in $(seq "${ROUNDS:-3}"); do
            for server in ours bare_go; do
                if [ "$server" = ours ]; then serve_ours; else serve "$work/yardstick" "$work/ca.pem"; fi
                WHAT=$WHAT SECONDS_EACH=${SECONDS_EACH:-3} REQUESTS_N=0 load_server | jq -c --arg s "$server" '. + {server: $s}'
                kill "$manager"
                wait "$manager" 2>/dev/null || true
            done
        done | tee -a "$work/rounds" >&2
    done
    manager=
    jq -sc 'def middle: sort | .[length / 2 | floor]; def of($s): map(select(.server == $s).per_cpu_s) | middle;
        group_by([.what, .par])[] | {what: .[0].what, par: .[0].par, per_cpu_s: of("ours"), bare_go_per_cpu_s: of("bare_go")}
        | .ratio = (.per_cpu_s / .bare_go_per_cpu_s * 10 | round / 10)' "$work/rounds"
}

review() {
    build 'build test' bench-review
    build/bench/bench-review tests/bench/group.yaml
}

case ${1:-} in
scale) scale ;;
admission) admission ;;
yardstick) yardstick ;;
review) review ;;
*)
    sed -n '2,/^set /p' "$0" | sed '$d; s/^# \{0,1\}//' >&2
    exit 2
    ;;
esac
