# shellcheck shell=bash
# A real node for the control plane: containerd with runc, kubelet and kube-proxy,
# and CoreDNS on it. Sourced by ../cluster.sh.
#
# The node lives in process, mount and network namespaces of its own (node-init.sh).
# A pair of virtual devices joins it with the host, where the control plane is:
#
#   host   10.187.B.1 ---- 10.187.B.2  node ---- 10.187.B+8.1 and up  pods
#
# Each pod has a route of its own through the node, so whatever it sends to a
# Service meets kube-proxy's rules. There is no way out of the machine: the node has
# no default route, and nothing is masqueraded. On the host are the one device, its
# routes and the control groups, all named rbg-ID and gone with the node.
#
#   network     B             node/kubelet     its volumes
#   id          ID            node/images      archives made here
#   node/       the rest      node/podlogs     what containers print

readonly NODE_NAME=real-1
# The order of the start.
readonly NODE_COMPONENTS=(node containerd kubelet kube-proxy)
readonly CLUSTER_DNS=10.96.0.10
readonly PAUSE_IMAGE=localhost/pause:1

is_real() {
	[[ -f $1/network ]]
}

host_address() {
	echo "10.187.$(<"$1/network").1"
}

node_address() {
	echo "10.187.$(<"$1/network").2"
}

pod_range() {
	echo "10.187.$(($(<"$1/network") + 8)).0/21"
}

# The name of the node's device and control groups on the host.
node_id() {
	echo "rbg-$(printf %s "$1" | sha256sum | cut -c1-8)"
}

# --- what the machine must have -----------------------------------------------

# require_real DIR: says what is missing, one line each, and ends.
require_real() {
	local missing
	missing=$(missing_for_real "$1")
	[[ -n $missing ]] || return 0
	log "a real node can't run on this machine:"
	while read -r line; do log "- $line"; done <<<"$missing"
	die "with a cluster of your own, point KUBECONFIG at it instead"
}

missing_for_real() {
	local program
	[[ $(id -u) -eq 0 ]] || echo "it needs root: run as root (sudo), not as $(id -un)"
	for program in runc iptables ip nsenter unshare busybox python3 openssl; do
		type -P "$program" >/dev/null ||
			echo "the program $program is not there: hack/deps.sh cluster real"
	done
	[[ ! $1/ =~ ^/(run|var/lib|var/log)/ ]] ||
		echo "the node hides ${BASH_REMATCH[0]}, where $1 is: set RBG_CLUSTERS to another folder"
	[[ $(id -u) -ne 0 ]] || missing_in_kernel
}

missing_in_kernel() {
	local controller groups=/sys/fs/cgroup
	if ! unshare --net --mount --pid --fork --mount-proc --propagation private true 2>/dev/null; then
		echo "no process, mount and network namespaces: in a container, it has to be privileged"
		return
	fi
	if type -P ip iptables >/dev/null && ! unshare --net bash -c 'set -e
		ip link add test-a type veth peer name test-b
		iptables -t nat -N T && iptables -t nat -A T -j MASQUERADE && iptables -t nat -A T -j MARK --set-mark 1
		iptables -t nat -A T -p tcp -m comment --comment x -m statistic --mode random --probability 0.5 \
			-j DNAT --to-destination 127.0.0.1:1
		iptables -A INPUT -m conntrack --ctstate NEW -j ACCEPT' 2>/dev/null; then
		echo "no virtual network devices, or no iptables with nat, conntrack and statistic in the kernel"
	fi
	for controller in cpu memory pids cpuset; do
		grep -qw "$controller" "$groups/cgroup.controllers" 2>/dev/null || [[ -d $groups/$controller ]] ||
			echo "no control group controller '$controller' in $groups"
	done
	if mkdir "$groups"/{,memory/}rbg-test.$$ 2>/dev/null; then :; fi
	[[ -d $groups/rbg-test.$$ || -d $groups/memory/rbg-test.$$ ]] || echo "$groups can't be written"
	rmdir "$groups"/{,memory/}rbg-test.$$ 2>/dev/null || true
}

# --- its place on the host ------------------------------------------------------

# reserve_network DIR: writes the first block of addresses that no route leads to.
reserve_network() {
	local block
	for block in {0..240..16}; do
		[[ -z $(ip -4 route show table all root "10.187.$block.0/20") ]] || continue
		! grep -qsx "$block" "$CLUSTERS"/*/network || continue
		echo "$block" >"$1/network"
		return
	done
	die "all of 10.187.0.0/16 is in use on this machine; end other real clusters: hack/cluster.sh down --name NAME"
}

# Prints the process id of the node's first process, as the host sees it.
node_pid() {
	local pid children
	pid=$(alive "$1" node) || return 1
	read -r children <"/proc/$pid/task/$pid/children" || true
	[[ -n $children ]] && echo "${children%% *}"
}

in_node() {
	local pid
	pid=$(node_pid "$1") || die "the node of $1 does not run"
	shift
	nsenter --target "$pid" --net --mount --pid -- "$@"
}

# Starts the namespaces; the host's end of the link is up when this returns, so that
# the API server can serve there.
start_network() {
	local dir=$1 id host node pid lock
	mkdir -p "$dir"/node/{containerd,kubelet,cni,images,podlogs}
	# For all on the machine, whatever folder their clusters are in.
	exec {lock}</proc
	flock "$lock"
	reserve_network "$dir"
	id=$(node_id "$dir") host=$(host_address "$dir") node=$(node_address "$dir")
	make_groups "$id"
	launch_command "$dir" node unshare --net --mount --pid --fork --kill-child --mount-proc \
		--propagation private "$HERE/node-init.sh" "$dir/node"
	await "$dir" node 20 test -f "$dir/node/ready"
	pid=$(node_pid "$dir")
	ip link add "$id" type veth peer name eth0 netns "$pid"
	ip address add "$host/30" dev "$id"
	ip link set "$id" up
	in_node "$dir" ip address add "$node/30" dev eth0
	in_node "$dir" ip link set eth0 up
	ip route add "$(pod_range "$dir")" via "$node" dev "$id"
	exec {lock}<&-
}

# Version 1 of control groups has one tree for each controller, version 2 one for all.
make_groups() {
	local tree name
	if [[ -f /sys/fs/cgroup/cgroup.controllers ]]; then
		mkdir -p "/sys/fs/cgroup/$1"
		for name in cpu cpuset memory pids; do
			echo "+$name" >/sys/fs/cgroup/cgroup.subtree_control 2>/dev/null || true
		done
		return
	fi
	for tree in /sys/fs/cgroup/*/; do
		mkdir -p "$tree$1" 2>/dev/null || continue
		# A group without these takes no process.
		for name in cpuset.cpus cpuset.mems; do
			[[ ! -f $tree$name ]] || cat "$tree$name" >"$tree$1/$name"
		done
	done
}

groups_gone() {
	local tree
	for tree in /sys/fs/cgroup/ /sys/fs/cgroup/*/; do
		[[ -d $tree$1 ]] || continue
		find "$tree$1" -depth -type d -exec rmdir {} + 2>/dev/null || true
	done
	! compgen -G "/sys/fs/cgroup/$1" >/dev/null && ! compgen -G "/sys/fs/cgroup/*/$1" >/dev/null
}

# end_node DIR: everything in the node ends at once. Also after a crash, whatever of
# it is left.
end_node() {
	local dir=$1 id pid
	id=$(node_id "$dir")
	if pid=$(node_pid "$dir"); then kill -s KILL "$pid" 2>/dev/null || true; fi
	# It collects the first process, which is gone when all the others are.
	within 20 gone "$dir" node || true
	end "$dir" node KILL
	ip link delete "$id" 2>/dev/null || true
	within 20 groups_gone "$id" || log "some control groups named $id under /sys/fs/cgroup stay"
}

# --- components -------------------------------------------------------------------

# launch_in_node DIR PROGRAM ARGUMENT...
launch_in_node() {
	local dir=$1 program=$2 pid
	shift 2
	pid=$(node_pid "$dir")
	launch_command "$dir" "$program" nsenter --target "$pid" --net --mount --pid -- \
		env PATH="$BIN:$PATH" "$BIN/$program" "$@"
}

ctr() {
	local dir=$1
	shift
	# That this machine still has cgroup v1 is no news.
	CONTAINERD_SUPPRESS_DEPRECATION_WARNINGS=1 in_node "$dir" "$BIN/ctr" --namespace k8s.io "$@"
}

write_containerd_files() {
	local dir=$1 snapshotter=overlayfs
	# One overlay can't hold the changes of another.
	[[ $(stat -f -c %T "$dir") != overlay* ]] || snapshotter=native
	cat >"$dir/node/containerd.toml" <<-END
		version = 3
		root = "$dir/node/containerd"
		state = "/run/containerd"
		disabled_plugins = ["io.containerd.nri.v1.nri"]
		[plugins.'io.containerd.cri.v1.images']
		  snapshotter = "$snapshotter"
		[plugins.'io.containerd.cri.v1.images'.pinned_images]
		  sandbox = "$PAUSE_IMAGE"
		[plugins.'io.containerd.cri.v1.runtime']
		  # Who may not lower the score could not start any pod otherwise.
		  restrict_oom_score_adj = true
		[plugins.'io.containerd.cri.v1.runtime'.cni]
		  bin_dirs = ["$(part_dir cni)"]
		  conf_dir = "$dir/node/cni"
		[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc]
		  runtime_type = "io.containerd.runc.v2"
		  [plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc.options]
		    SystemdCgroup = false
	END
	cat >"$dir/node/cni/10-pods.conflist" <<-END
		{"cniVersion": "1.0.0", "name": "pods", "plugins": [{
		  "type": "ptp", "ipMasq": false,
		  "ipam": {"type": "host-local", "dataDir": "$dir/node/ipam",
		           "ranges": [[{"subnet": "$(pod_range "$dir")"}]],
		           "routes": [{"dst": "0.0.0.0/0"}]}}]}
	END
}

start_containerd() {
	local dir=$1
	write_containerd_files "$dir"
	launch_in_node "$dir" containerd --config "$dir/node/containerd.toml"
	await "$dir" containerd 60 containerd_answers "$dir"
}

containerd_answers() {
	ctr "$1" version >/dev/null 2>&1
}

start_kubelet() {
	local dir=$1 node
	node=$(node_address "$dir")
	issue "$dir" kubelet "/CN=$NODE_NAME" "subjectAltName=IP:$node,DNS:$NODE_NAME"
	# - cgroup v1 is still what some machines have.
	# - All that pods mount and print is found again within seconds, for tests wait.
	cat >"$dir/node/kubelet.yaml" <<-END
		apiVersion: kubelet.config.k8s.io/v1beta1
		kind: KubeletConfiguration
		containerRuntimeEndpoint: unix:///run/containerd/containerd.sock
		cgroupDriver: cgroupfs
		cgroupRoot: /$(node_id "$dir")
		failCgroupV1: false
		failSwapOn: false
		oomScoreAdj: 0
		address: $node
		readOnlyPort: 0
		tlsCertFile: $dir/pki/kubelet.crt
		tlsPrivateKeyFile: $dir/pki/kubelet.key
		authentication:
		  anonymous: {enabled: false}
		  x509: {clientCAFile: $dir/pki/ca.crt}
		  webhook: {enabled: true}
		authorization: {mode: Webhook}
		clusterDomain: cluster.local
		clusterDNS: [$CLUSTER_DNS]
		resolvConf: ""
		podLogsDir: $dir/node/podlogs
		volumePluginDir: $dir/node/volume-plugins
		maxPods: 500
		syncFrequency: 10s
		imageGCHighThresholdPercent: 100
		evictionHard: {memory.available: 100Mi, nodefs.available: 1%, imagefs.available: 1%}
	END
	launch_in_node "$dir" kubelet --config "$dir/node/kubelet.yaml" \
		--kubeconfig "$(add_user "$dir" "system:node:$NODE_NAME" system:nodes)" \
		--root-dir "$dir/node/kubelet" --cert-dir "$dir/node/kubelet/pki" \
		--hostname-override "$NODE_NAME" --node-ip "$node"
}

# The limits of connection tracking belong to the whole machine: left as they are.
start_kube-proxy() {
	local dir=$1
	launch_in_node "$dir" kube-proxy --kubeconfig "$(add_user "$dir" system:kube-proxy)" \
		--hostname-override "$NODE_NAME" --proxy-mode iptables --cluster-cidr "$(pod_range "$dir")" \
		--healthz-bind-address 127.0.0.1:10256 --metrics-bind-address 127.0.0.1:10249 \
		--iptables-min-sync-period 100ms --oom-score-adj 0 \
		--conntrack-max-per-core 0 --conntrack-tcp-timeout-established 0 \
		--conntrack-tcp-timeout-close-wait 0
}

# --- images -------------------------------------------------------------------------

# make_image DIR FILE NAME:TAG OPTION...: and gives it to the node.
make_image() {
	local dir=$1 file=$1/node/images/$2.tar
	shift 2
	"$HERE/image.py" "$file" "$@"
	load_image "$dir" "$file"
}

load_image() {
	ctr "$1" images import - <"$2" >/dev/null
}

# Under the names that a cluster with a registry would pull, so that the examples run here as they do there. Two of them, so that a
# test can change the image of a container.
make_base_images() {
	local dir=$1 busybox applet tag
	local -a links=()
	make_image "$dir" pause "$PAUSE_IMAGE" --file "$(part_dir pause)/pause=/pause" --arg /pause --user 65535
	busybox=$(type -P busybox)
	while read -r applet; do
		[[ $applet == busybox ]] || links+=(--link "busybox=/bin/$applet")
	done < <("$busybox" --list)
	for tag in 1.36 1.37; do
		make_image "$dir" "busybox-$tag" "docker.io/library/busybox:$tag" --file "$busybox=/bin/busybox" "${links[@]}" \
			--env PATH=/bin --env "BUSYBOX_IMAGE=$tag" --dir /tmp=1777 --dir /etc=755 --arg /bin/sh \
			--text $'root:x:0:0::/:/bin/sh\n=/etc/passwd' --text $'root:x:0:\n=/etc/group'
	done
}

# --- the whole ------------------------------------------------------------------------

start_dns() {
	local dir=$1
	make_image "$dir" coredns "localhost/coredns:$(pinned coredns github.com/coredns/coredns)" \
		--file "$(part_dir coredns)/coredns=/coredns" --arg /coredns
	sed -e "s|COREDNS_IMAGE|localhost/coredns:$(pinned coredns github.com/coredns/coredns)|" \
		-e "s|CLUSTER_DNS|$CLUSTER_DNS|" "$HERE/coredns.yaml" |
		kube "$dir/kubeconfig" apply --server-side --field-manager rbg-cluster -f - >/dev/null
}

# Once the control plane runs.
start_node() {
	local dir=$1
	start_containerd "$dir"
	make_base_images "$dir"
	start_kubelet "$dir"
	start_kube-proxy "$dir"
	await "$dir" kubelet 90 nodes_ready "$dir" 1
	start_dns "$dir"
	await "$dir" kubelet 90 dns_ready "$dir"
}

dns_ready() {
	kube "$1/kubeconfig" -n kube-system wait --for=condition=Available --timeout=1s deployment coredns >/dev/null 2>&1
}
