# shellcheck shell=bash
# Where the programs come from: the machine if it has a full, fitting set, else
# a build of the pinned modules next to this file. Sourced by ../cluster.sh.

readonly KUBE_PROGRAMS=(kube-apiserver kube-controller-manager kube-scheduler kubectl)
readonly PROGRAMS=(etcd "${KUBE_PROGRAMS[@]}" kwok)

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

# bin_dir: makes sure that all programs exist; prints the one folder they are in.
bin_dir() {
	present_programs || built_programs
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
	want=$(pinned kubernetes k8s.io/kubernetes)
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

# Prints the folder of the built programs, named after everything that decides
# what is in it, so that a change of a pin never meets an old binary.
built_programs() {
	local dir lock
	dir=$(cache_dir)/$(sources_hash)
	if [[ ! -d $dir ]]; then
		mkdir -p "${dir%/*}"
		# Two runs at once would do the same five minutes of work twice.
		exec {lock}>"$dir.lock"
		flock "$lock"
		[[ -d $dir ]] || build_programs "$dir"
		exec {lock}>&-
	fi
	echo "$dir"
}

sources_hash() {
	(
		cd "$HERE" || exit
		uname -sm
		sha256sum -- */go.mod */go.sum */*.go
	) | short_hash
}

short_hash() {
	sha256sum | cut -c1-16
}

build_programs() {
	local dir=$1 staging kube
	need_go
	rm -rf "$dir".?????? # what an interrupted build left
	staging=$(mktemp -d "$dir.XXXXXX")
	kube=$(pinned kubernetes k8s.io/kubernetes)
	log "building Kubernetes $kube, etcd and kwok: 6 to 10 minutes on 2 cores, once"
	if ! build_into "$staging" "$kube"; then
		rm -rf "$staging"
		die "the build failed; see above"
	fi
	publish "$staging" "$dir"
}

build_into() {
	go_build etcd "" "$1/etcd" . &&
		go_build kwok "" "$1/" sigs.k8s.io/kwok/cmd/kwok &&
		go_build kubernetes "$(kube_version_flags "$2")" "$1/" \
			"${KUBE_PROGRAMS[@]/#/k8s.io/kubernetes/cmd/}"
}

need_go() {
	command -v go >/dev/null ||
		die "install Go 1.26 or later (https://go.dev/dl), or put these on PATH: ${PROGRAMS[*]}"
}

# go_build MODULE LDFLAGS OUTPUT PACKAGE...
# The caller's own flags or workspace must not change what the hash names.
go_build() {
	local module=$1 ldflags=$2 output=$3
	shift 3
	(
		cd "$HERE/$module" || exit
		export CGO_ENABLED=0 GOFLAGS='' GOWORK=off
		exec nice go build -mod=readonly -buildvcs=false -trimpath \
			-ldflags="-s -w $ldflags" -o "$output" "$@"
	) >&2
}

# Without these the API server calls itself v0.0.0 and clients that look at its
# version refuse it.
kube_version_flags() {
	local version=${1#v} package
	for package in k8s.io/component-base/version k8s.io/client-go/pkg/version; do
		printf -- '-X %s.gitVersion=v%s ' "$package" "$version"
		printf -- '-X %s.gitMajor=%s ' "$package" "${version%%.*}"
		printf -- '-X %s.gitMinor=%s ' "$package" "$(cut -d. -f2 <<<"$version")"
		printf -- '-X %s.gitTreeState=clean ' "$package"
	done
}

# publish STAGING DIR: a rename is all or nothing; who comes second stands back.
publish() {
	chmod 755 "$1"
	mv -T "$1" "$2" 2>/dev/null || rm -rf "$1"
	[[ -d $2 ]]
}
