# shellcheck shell=bash
# One cluster: its certificates, its components and its fake nodes. Everything it
# owns is in its directory DIR. Sourced by ../cluster.sh.
#
#   kubeconfig     the administrator's      users/    those of other identities
#   audit.log      one line per request     log/      what the programs say
#   port           the first of its ports   run/      process ids
#   pki/           its certificates         etcd/     its data

# apiserver, etcd's clients, etcd's peers, controller manager, scheduler
readonly PORTS=5
# The order of the start; the end goes backwards.
readonly COMPONENTS=(etcd kube-apiserver kube-controller-manager kube-scheduler kwok
	"${NODE_COMPONENTS[@]:1}")

# address DIR: where it serves. Pods can't reach the host's loopback.
address() {
	if is_real "$1"; then host_address "$1"; else echo 127.0.0.1; fi
}

# --- identities --------------------------------------------------------------

make_authority() {
	local pki=$1/pki
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650 \
		-subj /CN=rbg-cluster -keyout "$pki/ca.key" -out "$pki/ca.crt" 2>/dev/null
	# In SEC 1, the one form that Kubernetes also takes for the public key.
	openssl ecparam -name prime256v1 -genkey -noout -out "$pki/service-accounts.key"
}

# issue DIR FILE SUBJECT [EXTENSION]
issue() {
	local pki=$1/pki file=$2 subject=$3 extension=${4:-extendedKeyUsage=clientAuth}
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650 \
		-CA "$pki/ca.crt" -CAkey "$pki/ca.key" -subj "$subject" -addext "$extension" \
		-addext basicConstraints=critical,CA:false \
		-keyout "$pki/$file.key" -out "$pki/$file.crt" 2>/dev/null
}

# write_kubeconfig DIR FILE OUTPUT: with everything inside, so it can be copied.
write_kubeconfig() {
	local dir=$1 pki=$1/pki file=$2 output=$3
	(umask 077 && cat >"$output") <<-END
		apiVersion: v1
		kind: Config
		current-context: rbg
		contexts:
		- name: rbg
		  context: {cluster: rbg, user: user}
		clusters:
		- name: rbg
		  cluster:
		    server: https://$(address "$dir"):$(<"$dir/port")
		    certificate-authority-data: $(base64 -w0 "$pki/ca.crt")
		users:
		- name: user
		  user:
		    client-certificate-data: $(base64 -w0 "$pki/$file.crt")
		    client-key-data: $(base64 -w0 "$pki/$file.key")
	END
}

# add_user DIR NAME [GROUP]: prints the kubeconfig of that identity.
add_user() {
	local dir=$1 name=$2 group=${3:-} output=$1/users/$2.kubeconfig
	issue "$dir" "user-$name" "${group:+/O=$group}/CN=$name"
	write_kubeconfig "$dir" "user-$name" "$output"
	echo "$output"
}

make_identities() {
	local dir=$1
	make_authority "$dir"
	issue "$dir" apiserver /CN=kube-apiserver \
		"subjectAltName=IP:$(address "$dir"),IP:127.0.0.1,IP:10.96.0.1,DNS:localhost,DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc"
	issue "$dir" admin /O=system:masters/CN=admin
	write_kubeconfig "$dir" admin "$dir/kubeconfig"
	add_user "$dir" system:kube-controller-manager >/dev/null
	add_user "$dir" system:kube-scheduler >/dev/null
	add_user "$dir" kwok system:masters >/dev/null
}

# --- components ---------------------------------------------------------------

start_etcd() {
	local dir=$1 clients=http://127.0.0.1:$(($2 + 1)) peers=http://127.0.0.1:$(($2 + 2))
	# The data does not outlive the cluster, so nobody waits for the disk.
	launch "$dir" etcd --data-dir "$dir/etcd" --unsafe-no-fsync --log-level warn \
		--listen-client-urls "$clients" --advertise-client-urls "$clients" \
		--listen-peer-urls "$peers" --initial-advertise-peer-urls "$peers" \
		--initial-cluster "default=$peers"
}

start_kube-apiserver() {
	local dir=$1 port=$2 pki=$1/pki address
	local -a flags=(--authorization-mode RBAC --endpoint-reconciler-type none)
	address=$(address "$dir")
	# - No endpoints for the service "kubernetes": a loopback address is none.
	# - With a real node: webhooks are reached at their pods, as no one translates
	#   the addresses of Services on the host.
	# - Distributions enforce the owner references' permissions; what works here works there.
	# - The audit log is kept in one file, as tests count its lines; it is written
	#   before the response is, so what a test has seen is in it.
	if is_real "$dir"; then
		flags=(--authorization-mode Node,RBAC --enable-aggregator-routing
			--enable-admission-plugins OwnerReferencesPermissionEnforcement
			--kubelet-preferred-address-types InternalIP
			--kubelet-certificate-authority "$pki/ca.crt"
			--kubelet-client-certificate "$pki/admin.crt" --kubelet-client-key "$pki/admin.key")
	fi
	launch "$dir" kube-apiserver --bind-address "$address" --secure-port "$port" \
		--advertise-address "$address" "${flags[@]}" \
		--etcd-servers "http://127.0.0.1:$((port + 1))" \
		--cert-dir "$pki" --client-ca-file "$pki/ca.crt" \
		--tls-cert-file "$pki/apiserver.crt" --tls-private-key-file "$pki/apiserver.key" \
		--allow-privileged \
		--service-cluster-ip-range 10.96.0.0/16 \
		--service-account-issuer https://kubernetes.default.svc \
		--service-account-key-file "$pki/service-accounts.key" \
		--service-account-signing-key-file "$pki/service-accounts.key" \
		--audit-policy-file "$HERE/audit-policy.yaml" \
		--audit-log-path "$dir/audit.log" --audit-log-maxsize 4096
}

start_kube-controller-manager() {
	local dir=$1 port=$(($2 + 3)) config
	config=$dir/users/system:kube-controller-manager.kubeconfig
	launch "$dir" kube-controller-manager --bind-address 127.0.0.1 --secure-port "$port" \
		--kubeconfig "$config" --authentication-kubeconfig "$config" \
		--authorization-kubeconfig "$config" --leader-elect=false --cert-dir "$dir/pki" \
		--root-ca-file "$dir/pki/ca.crt" --use-service-account-credentials \
		--service-account-private-key-file "$dir/pki/service-accounts.key" \
		--kube-api-qps 500 --kube-api-burst 1000 --node-monitor-period 1s
}

start_kube-scheduler() {
	local dir=$1 port=$(($2 + 4)) config
	config=$dir/users/system:kube-scheduler.kubeconfig
	launch_command "$dir" kube-scheduler "$HERE/supervise.sh" "$BIN/kube-scheduler" --bind-address 127.0.0.1 --secure-port "$port" \
		--kubeconfig "$config" --authentication-kubeconfig "$config" \
		--authorization-kubeconfig "$config" --leader-elect=false --cert-dir "$dir/pki" \
		--kube-api-qps 500 --kube-api-burst 1000
}

start_kwok() {
	local dir=$1
	launch "$dir" kwok --kubeconfig "$dir/users/kwok.kubeconfig" --config "$HERE/stages.yaml" \
		--manage-nodes-with-annotation-selector kwok.x-k8s.io/node=fake \
		--node-lease-duration-seconds 40 --cidr 10.128.0.0/9
}

kube() {
	"$BIN/kubectl" --kubeconfig "$@"
}

answers() {
	kube "$1/kubeconfig" get --raw /readyz >/dev/null 2>&1
}

start_apiserver_and_wait() {
	start_kube-apiserver "$1" "$(<"$1/port")"
	await "$1" kube-apiserver 90 answers "$1"
}

# --- nodes ----------------------------------------------------------------------

# apply_nodes DIR COUNT: fake-1 to fake-COUNT exist and take pods.
apply_nodes() {
	local dir=$1 count=$2
	[[ $count -gt 0 ]] || return 0
	node_manifests "$count" | kube "$dir/kubeconfig" apply --server-side \
		--field-manager rbg-cluster -f - >/dev/null
	if alive "$dir" kwok >/dev/null; then
		await "$dir" kwok 60 nodes_ready "$dir" "$count"
	fi
}

node_manifests() {
	local i
	for ((i = 1; i <= $1; i++)); do
		cat <<-END
			---
			apiVersion: v1
			kind: Node
			metadata:
			  name: fake-$i
			  annotations: {kwok.x-k8s.io/node: fake}
			  labels:
			    kubernetes.io/hostname: fake-$i
			    kubernetes.io/os: linux
			    kubernetes.io/arch: amd64
			    topology.kubernetes.io/region: fake
			    topology.kubernetes.io/zone: fake-$((i % 3))
			status:
			  addresses:
			  - {type: InternalIP, address: 10.1.$((i / 250)).$((i % 250 + 1))}
			  - {type: Hostname, address: fake-$i}
			  allocatable: {cpu: "128", memory: 512Gi, pods: "2000", ephemeral-storage: 1Ti}
			  capacity: {cpu: "128", memory: 512Gi, pods: "2000", ephemeral-storage: 1Ti}
		END
	done
}

# A ready node takes pods only once the controller manager has also removed the
# taint that each node is born with.
nodes_ready() {
	local dir=$1 count=$2 ready
	ready=$(kube "$dir/kubeconfig" get nodes --output 'go-template={{range .items}}{{if not .spec.taints}}
		{{range .status.conditions}}{{if eq .type "Ready"}}{{.status}}{{end}}{{end}}{{end}}{{end}}' 2>/dev/null) &&
		[[ $(grep -c True <<<"$ready") -ge $count ]]
}

# The ServiceAccount admission refuses pods until their account is there.
accepts_pods() {
	kube "$1/kubeconfig" get serviceaccount default >/dev/null 2>&1
}

# --- the whole --------------------------------------------------------------------

# create DIR NODES WITH_KWOK WITH_REAL
create() {
	local dir=$1 nodes=$2 with_kwok=$3 with_real=$4 port
	mkdir -p "$dir"/{pki,log,run,users,etcd}
	chmod 700 "$dir" "$dir/etcd"
	reserve_ports "$dir"
	port=$(<"$dir/port")
	[[ $with_real == no ]] || start_network "$dir"
	make_identities "$dir"

	start_etcd "$dir" "$port"
	start_apiserver_and_wait "$dir"
	start_kube-controller-manager "$dir" "$port"
	start_kube-scheduler "$dir" "$port"
	[[ $with_kwok == no ]] || start_kwok "$dir"
	apply_nodes "$dir" "$nodes"
	await "$dir" kube-controller-manager 60 accepts_pods "$dir"
	[[ $with_real == no ]] || start_node "$dir"
	all_alive "$dir"
	touch "$dir/complete"
}

# Two clusters that start at the same time must not find the same ports free.
reserve_ports() {
	local dir=$1 lock
	exec {lock}<"$CLUSTERS"
	flock "$lock"
	free_ports "$PORTS" "$CLUSTERS"/*/ >"$dir/port"
	exec {lock}<&-
}

# lives DIR: all that was started still runs, and it answers.
lives() {
	[[ -f $1/complete ]] && all_alive "$1" && answers "$1"
}

all_alive() {
	local pidfile program
	for pidfile in "$1"/run/*.pid; do
		program=${pidfile##*/}
		program=${program%.pid}
		alive "$1" "$program" >/dev/null || { log "$program does not run" && return 1; }
	done
}

# By force, for the data goes as well.
end_all() {
	local i
	! is_real "$1" || end_node "$1"
	for ((i = ${#COMPONENTS[@]} - 1; i >= 0; i--)); do
		end "$1" "${COMPONENTS[i]}" KILL
	done
}

destroy() {
	end_all "$1"
	rm -rf "$1"
}
