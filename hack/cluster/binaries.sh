# shellcheck shell=bash
# Where the programs come from: the control plane's from the machine if it has a
# full, fitting set; all others, and else those too, from a build of the pinned
# modules next to this file. Sourced by ../cluster.sh.
#
# A part is what one build makes of one module. It is built when first needed, and
# kept in a folder named after all that decides what is in it.

readonly KUBE_PROGRAMS=(kube-apiserver kube-controller-manager kube-scheduler kubectl)
readonly PROGRAMS=(etcd "${KUBE_PROGRAMS[@]}" kwok)

readonly CONTROL_PLANE=(etcd kwok kubernetes)
readonly REAL_NODE=(node containerd coredns)
# Not in the folder of programs: for containers, and helm.
readonly BESIDE_REAL_NODE=(pause cni helm cert-manager)

# The control plane's release: that of kubernetes/, or of kubernetes-$RBG_KUBERNETES/ (1.28; see pin.sh).
readonly KUBERNETES=kubernetes${RBG_KUBERNETES:+-$RBG_KUBERNETES}
[[ -f $HERE/$KUBERNETES/go.mod ]] ||
	die "there is no $HERE/$KUBERNETES: pin the release first, with hack/cluster/pin.sh"

# The module, the programs as paths of packages, and the variables that say what
# release it is; most programs report none unless told so.
declare -rA PART_MODULE=(
	[etcd]=etcd [kwok]=kwok [kubernetes]=$KUBERNETES [node]=kubernetes [pause]=pause
	[containerd]=containerd [cni]=cni [coredns]=coredns [helm]=helm [cert-manager]=cert-manager
)
declare -rA PART_PACKAGES=(
	[etcd]=.
	[kwok]=sigs.k8s.io/kwok/cmd/kwok
	[kubernetes]="${KUBE_PROGRAMS[*]/#/k8s.io/kubernetes/cmd/}"
	[node]='k8s.io/kubernetes/cmd/kubelet k8s.io/kubernetes/cmd/kube-proxy'
	[pause]=.
	[containerd]='github.com/containerd/containerd/v2/cmd/containerd
		github.com/containerd/containerd/v2/cmd/containerd-shim-runc-v2
		github.com/containerd/containerd/v2/cmd/ctr'
	[cni]='github.com/containernetworking/plugins/plugins/main/ptp
		github.com/containernetworking/plugins/plugins/main/loopback
		github.com/containernetworking/plugins/plugins/ipam/host-local'
	[coredns]=github.com/coredns/coredns
	[helm]=helm.sh/helm/v3/cmd/helm
	[cert-manager]='github.com/cert-manager/cert-manager/cmd/controller
		github.com/cert-manager/cert-manager/cmd/cainjector
		github.com/cert-manager/cert-manager/cmd/webhook'
)
# Drivers of file systems that need C headers.
declare -rA PART_TAGS=([containerd]=no_btrfs,no_devmapper,no_zfs)
# Minutes from nothing on 2 cores.
declare -rA PART_MINUTES=(
	[etcd]=1 [kwok]=2 [kubernetes]=7 [node]=2 [pause]=1
	[containerd]=3 [cni]=1 [coredns]=3 [helm]=3 [cert-manager]=4
)

cache_dir() {
	realpath -m "${RBG_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/rbg}/bin"
}

# pinned MODULE PACKAGE: the version that the module's go.mod requires.
pinned() {
	awk -v package="$2" '
		/^replace/ { exit }
		$1 == "require" { $1 = ""; $0 = $0 }
		$1 == package { print $2; exit }' "$HERE/$1/go.mod"
}

# bin_dir [PART...]: makes sure that the control plane's programs exist, and those
# of the parts; prints the one folder they are in.
bin_dir() {
	local found part dir
	local -a paths=()
	if found=$(present_programs); then
		[[ $# -gt 0 ]] || { echo "$found" && return; }
		paths=("$found"/*)
	else
		set -- "${CONTROL_PLANE[@]}" "$@"
	fi
	for part in "$@"; do
		dir=$(part_dir "$part")
		paths+=("$dir"/*)
	done
	dir=$(cache_dir)/set-$(printf '%s\n' "${paths[@]}" | short_hash)
	[[ -d $dir ]] || link_programs "$dir" "${paths[@]}"
	echo "$dir"
}

# program_path PROGRAM: where that one is, built if need be.
program_path() {
	local part package dir
	for part in "${!PART_PACKAGES[@]}"; do
		for package in ${PART_PACKAGES[$part]}; do
			[[ ${package##*/} == "$1" || $package$part == ".$1" ]] || continue
			case " ${CONTROL_PLANE[*]} " in
			*" $part "*) dir=$(bin_dir) ;;
			*) dir=$(part_dir "$part") ;;
			esac
			echo "$dir/$1"
			return
		done
	done
	die "no program '$1' among those that can be built"
}

# --- programs of the machine -------------------------------------------------

# Prints a folder of links to programs found in KUBEBUILDER_ASSETS and PATH.
# Half a set is no use: versions of one control plane must go together.
present_programs() {
	local program found dir cache
	local -a paths=()

	cache=$(cache_dir)
	for program in "${PROGRAMS[@]}"; do
		found=$(PATH="${KUBEBUILDER_ASSETS:+$KUBEBUILDER_ASSETS:}$PATH" \
			type -P "$program") || return 1
		# A caller with our own folder on PATH shall get the pinned release.
		[[ $found != "$cache"/* ]] || return 1
		paths+=("$(realpath "$found")")
	done
	dir=$cache/found-$(stat -Lc '%n %s %Y' "${paths[@]}" | short_hash)
	if [[ ! -d $dir ]]; then
		versions_fit "${paths[@]}" || return 1
		link_programs "$dir" "${paths[@]}"
	fi
	echo "$dir"
}

# The minor release of Kubernetes is what the tests were written against.
versions_fit() {
	local path version want
	want=$(pinned "$KUBERNETES" k8s.io/kubernetes)
	for path in "$@"; do
		case ${path##*/} in
		kubectl) version=$("$path" version --client 2>/dev/null) || return 1 ;;
		kube-*) version=$("$path" --version 2>/dev/null) || return 1 ;;
		*) continue ;;
		esac
		[[ $version == *" ${want%.*}."* ]] || return 1
	done
}

link_programs() {
	local dir=$1 staging
	shift
	mkdir -p "${dir%/*}"
	staging=$(mktemp -d "$dir.XXXXXX")
	ln -s "$@" "$staging/"
	publish "$staging" "$dir"
}

# --- programs built from source ----------------------------------------------

# part_dir PART: builds it unless it is there; prints its folder.
part_dir() {
	local part=$1 dir lock
	dir=$(cache_dir)/$part-$(part_hash "$part")
	if [[ ! -d $dir ]]; then
		mkdir -p "${dir%/*}"
		# Two runs at once would do the same minutes of work twice.
		exec {lock}>"$dir.lock"
		flock "$lock"
		[[ -d $dir ]] || build_part "$part" "$dir"
		exec {lock}>&-
	fi
	echo "$dir"
}

part_hash() {
	(
		cd "$HERE/${PART_MODULE[$1]}" || exit
		uname -sm
		part_flags "$1"
		echo "${PART_PACKAGES[$1]}"
		sha256sum -- go.* *.go
	) | short_hash
}

short_hash() {
	sha256sum | cut -c1-16
}

# Prints the words between "go build" and "-o", one a line.
part_flags() {
	local ldflags='-s -w'
	case $1 in
	kubernetes | node)
		ldflags+=$(version_flags "${PART_MODULE[$1]}" k8s.io/kubernetes \
			k8s.io/component-base/version.git k8s.io/client-go/pkg/version.git)
		;;
	containerd)
		ldflags+=" -X github.com/containerd/containerd/v2/version.Version=$(pinned containerd github.com/containerd/containerd/v2)"
		;;
	helm)
		ldflags+=" -X helm.sh/helm/v3/internal/version.version=$(pinned helm helm.sh/helm/v3)"
		;;
	cert-manager)
		ldflags+=" -X github.com/cert-manager/cert-manager/pkg/util.AppVersion=$(pinned cert-manager github.com/cert-manager/cert-manager)"
		;;
	esac
	printf '%s\n' -mod=readonly -buildvcs=false -trimpath "-tags=${PART_TAGS[$1]:-}" "-ldflags=$ldflags"
}

# Without these the API server calls itself v0.0.0 and clients that look at its
# version refuse it.
version_flags() {
	local version prefix
	version=$(pinned "$1" "$2")
	version=${version#v}
	shift 2
	for prefix in "$@"; do
		printf -- ' -X %sVersion=v%s' "$prefix" "$version"
		printf -- ' -X %sMajor=%s' "$prefix" "${version%%.*}"
		printf -- ' -X %sMinor=%s' "$prefix" "$(cut -d. -f2 <<<"$version")"
		printf -- ' -X %sTreeState=clean' "$prefix"
	done
}

build_part() {
	local part=$1 dir=$2 staging
	need_go
	rm -rf "$dir".?????? # what an interrupted build left
	staging=$(mktemp -d "$dir.XXXXXX")
	log "building $part: ${PART_MINUTES[$part]} minutes or so on 2 cores from nothing, once"
	if ! go_build "$part" "$staging" || ! add_chart "$part" "$staging"; then
		rm -rf "$staging"
		die "the build of $part failed; see above"
	fi
	publish "$staging" "$dir"
}

# cert-manager's chart comes with its programs: in the same module.
add_chart() {
	[[ $1 != cert-manager ]] || write_cert_manager_chart "$2/chart"
}

need_go() {
	command -v go >/dev/null ||
		die "install Go 1.26 or later (https://go.dev/dl), or put these on PATH: ${PROGRAMS[*]}"
}

# go_build PART FOLDER
# The caller's own flags or workspace must not change what the hash names.
go_build() {
	local part=$1 output=$2/ package
	local -a flags packages=()
	mapfile -t flags < <(part_flags "$part")
	for package in ${PART_PACKAGES[$part]}; do packages+=("$package"); done
	# A package "." would be named after its module's folder, which is the part.
	[[ ${packages[0]} != . ]] || output=$2/$part
	(
		cd "$HERE/${PART_MODULE[$part]}" || exit
		export CGO_ENABLED=0 GOFLAGS='' GOWORK=off
		exec nice go build "${flags[@]}" -o "$output" "${packages[@]}"
	) >&2
}

# publish STAGING DIR: a rename is all or nothing; who comes second stands back.
publish() {
	chmod 755 "$1"
	mv -T "$1" "$2" 2>/dev/null || rm -rf "$1"
	[[ -d $2 ]]
}
