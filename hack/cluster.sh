#!/usr/bin/env bash
# A Kubernetes control plane on loopback, without containers: etcd, kube-apiserver,
# kube-controller-manager, kube-scheduler, and kwok in the place of the nodes. Or, as
# root, with one real node in namespaces of its own, whose pods are containers with
# addresses, DNS names, Services, logs and exec, but no way out of this machine.
#
#   hack/cluster.sh up [--nodes N] [--no-kwok]   start (1 node); prints the kubeconfig
#   hack/cluster.sh up --real                    the same with a real node, without kwok
#   hack/cluster.sh load ARCHIVE                 give the real node an OCI image
#   hack/cluster.sh cert-manager                 install cert-manager on the real node
#   hack/cluster.sh down                         end it, remove its data
#   hack/cluster.sh kubeconfig                   print the administrator's kubeconfig
#   hack/cluster.sh nodes N                      have N fake nodes at least
#   hack/cluster.sh user USER [--group GROUP]    make a client identity; prints its kubeconfig
#   hack/cluster.sh restart-apiserver [--signal SIGNAL] [--pause SECONDS]
#                                                kill it (KILL), wait, start it again
#   hack/cluster.sh path [--real] [PROGRAM]      print the folder of the programs, or
#                                                where one of them is (also: helm);
#                                                --real: build all that a real node,
#                                                cert-manager and helm need, too
#   hack/cluster.sh missing                      print what keeps this machine from having
#                                                a real node, a line each; fail if anything
#
# All but "path" and "missing" take --name NAME (default: rbg); clusters of different names run
# side by side. Paths go to stdout, everything else to stderr.
#
# RBG_KUBERNETES a release that hack/cluster has a folder kubernetes-1.XX for; default: that
#                of hack/cluster/kubernetes/go.mod. Real nodes: the default only
# RBG_CLUSTERS   where the clusters' directories are (default: $TMPDIR/rbg-clusters)
# RBG_CACHE      where built programs are kept (default: ~/.cache/rbg)
#
# The programs are those on PATH and in KUBEBUILDER_ASSETS if all are there in the
# release that hack/cluster/kubernetes/go.mod names; else they are built, once.
# hack/cluster/stages.yaml tells what pods do, and how a test makes them misbehave.
# The cluster's directory, where the kubeconfig is, also holds audit.log, one line
# for each finished request, and the programs' logs.
set -euo pipefail
shopt -s inherit_errexit nullglob

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")/cluster" && pwd -P)
readonly HERE
readonly USAGE="${BASH_SOURCE[0]}"

log() {
	echo "cluster: $*" >&2
}

die() {
	log "$*"
	exit 1
}

# shellcheck source=hack/cluster/binaries.sh
. "$HERE/binaries.sh"
# shellcheck source=hack/cluster/processes.sh
. "$HERE/processes.sh"
# shellcheck source=hack/cluster/cert-manager.sh
. "$HERE/cert-manager.sh"
# shellcheck source=hack/cluster/node.sh
. "$HERE/node.sh"
# shellcheck source=hack/cluster/control-plane.sh
. "$HERE/control-plane.sh"

usage() {
	awk 'NR > 1 && !/^#/ { exit } NR > 1 { sub(/^# ?/, ""); print }' "$USAGE" >&2
	exit "$1"
}

# --- commands; each works on the cluster in $DIR ------------------------------

cluster_up() {
	mkdir -p "$CLUSTERS"
	if [[ $REAL == yes ]]; then
		require_real "$DIR"
		BIN=$(bin_dir "${REAL_NODE[@]}")
		NODES=0 KWOK=no
	else
		BIN=$(bin_dir)
	fi
	lock_cluster
	if lives "$DIR"; then
		[[ $REAL == no ]] || is_real "$DIR" || die "$NAME runs already, without a real node; end it first"
		log "$NAME runs already"
	else
		command -v openssl >/dev/null || die "install openssl (hack/deps.sh cluster)"
		destroy "$DIR"
		trap start_failed EXIT
		create "$DIR" "$NODES" "$KWOK" "$REAL"
		trap - EXIT
		log "$NAME is up after $SECONDS s"
	fi
	echo "$DIR/kubeconfig"
}

# The logs stay, the next start removes them.
start_failed() {
	end_all "$DIR"
	log "$NAME did not start; its logs are in $DIR/log"
}

cluster_down() {
	[[ -d $CLUSTERS ]] || return 0
	lock_cluster
	destroy "$DIR"
	rm -f "$LOCK"
}

cluster_kubeconfig() {
	need_cluster
	echo "$DIR/kubeconfig"
}

cluster_nodes() {
	[[ ${1:-} =~ ^[0-9]+$ ]] || usage 2
	need_cluster
	BIN=$(bin_dir)
	apply_nodes "$DIR" "$1"
}

cluster_user() {
	[[ ${1:-} =~ ^[A-Za-z0-9:._@-]+$ && $GROUP =~ ^[A-Za-z0-9:._@-]*$ ]] || usage 2
	need_cluster
	add_user "$DIR" "$1" "$GROUP"
}

cluster_restart-apiserver() {
	need_cluster
	BIN=$(bin_dir)
	lock_cluster
	end "$DIR" kube-apiserver "$SIGNAL"
	sleep "$PAUSE"
	start_apiserver_and_wait "$DIR"
}

cluster_load() {
	[[ -n ${1:-} ]] || usage 2
	need_real
	[[ -r $1 ]] || die "can't read $1"
	load_image "$DIR" "$1"
}

cluster_cert-manager() {
	need_real
	install_cert_manager "$DIR"
}

cluster_path() {
	local part
	if [[ $# -gt 0 ]]; then
		program_path "$1"
	elif [[ $REAL == yes ]]; then
		bin_dir "${REAL_NODE[@]}"
		for part in "${BESIDE_REAL_NODE[@]}"; do part_dir "$part" >/dev/null; done
	else
		bin_dir
	fi
}

cluster_missing() {
	local missing
	missing=$(missing_for_real "$CLUSTERS")
	[[ -z $missing ]] || { echo "$missing" && return 1; }
}

# --- the command line ------------------------------------------------------------

need_cluster() {
	[[ -f $DIR/complete ]] || die "no cluster '$NAME'; start it: hack/cluster.sh up --name $NAME"
}

need_real() {
	need_cluster
	is_real "$DIR" || die "'$NAME' has no real node; start one: hack/cluster.sh up --real --name $NAME"
	BIN=$(bin_dir "${REAL_NODE[@]}")
}

# Held until this process ends. Who got it may find that the file was removed
# while it waited, and that others lock a new one: then it tries again.
lock_cluster() {
	local fd
	while exec {fd}>"$LOCK" && flock "$fd"; do
		[[ ! $LOCK -ef /proc/self/fd/$fd ]] || return 0
		exec {fd}>&-
	done
}

# take VARIABLE PATTERN VALUE
take() {
	[[ ${3:-} =~ ^$2$ ]] || usage 2
	printf -v "$1" %s "$3"
}

main() {
	local command=${1:-}
	local -a operands=()
	[[ $command != -h && $command != --help ]] || usage 0
	declare -F "cluster_$command" >/dev/null || usage 2
	shift

	NAME=rbg NODES=1 KWOK=yes REAL=no GROUP='' SIGNAL=KILL PAUSE=0
	while [[ $# -gt 0 ]]; do
		case $1 in
		--name) take NAME '[A-Za-z0-9][A-Za-z0-9._-]*' "${2:-}" && shift ;;
		--nodes) take NODES '[0-9]+' "${2:-}" && shift ;;
		--no-kwok) KWOK=no ;;
		--real) REAL=yes ;;
		--group) take GROUP '.+' "${2:-}" && shift ;;
		--signal) take SIGNAL '[A-Z0-9]+' "${2:-}" && shift ;;
		--pause) take PAUSE '[0-9.]+' "${2:-}" && shift ;;
		-*) usage 2 ;;
		*) operands+=("$1") ;;
		esac
		shift
	done

	CLUSTERS=${RBG_CLUSTERS:-${TMPDIR:-/tmp}/rbg-clusters}
	DIR=$(realpath -m "$CLUSTERS/$NAME")
	LOCK=$CLUSTERS/.$NAME.lock
	"cluster_$command" ${operands[@]+"${operands[@]}"}
}

main "$@"
