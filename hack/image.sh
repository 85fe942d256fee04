#!/usr/bin/env bash
# Makes the manager's image as an OCI archive, without any container engine.
#
#   hack/image.sh [--arch ARCH]... [--output FILE] [--name NAME:TAG] [--rootfs DIR]
#
#   --arch ARCH      amd64 or arm64; given twice: one archive for both. Default: this machine's
#   --output FILE    default: build/image/rbg-manager-ARCH.tar
#   --name NAME:TAG  default: rolebasedgroup/rbgs-controller and the project's version
#   --rootfs DIR     only put the files of the image together in DIR/base and DIR/program
#                    (the Dockerfile does that); one --arch at most
#
# The image holds the stripped release build, trained (hack/train.sh), the shared libraries that it
# names, the dynamic linker, CA certificates, /etc/passwd, /etc/group and /etc/nsswitch.conf: no shell, nothing else.
# It runs as user 65532 and needs to write nowhere. The same commit, the same packages: the same
# digest. Timestamps are SOURCE_DATE_EPOCH, by default the commit's.
#
# This machine's architecture takes the libraries of this machine (Debian 12), if they are the newest that apt has. Else, and for
# the other architecture, it is compiled against packages that apt downloads into RBG_CACHE (default ~/.cache/rbg), not installed:
# only the cross compiler is. Prints the sizes and the digest; more than 10 MiB compressed is an error. Beside each archive there
# is FILE.ARCH.spdx.json, the list of what is in it (SPDX 2.3); scanners find the packages in the image, too. A program that is
# not hardened (hack/hardening.py) is an error. Then: ctr -n k8s.io images import FILE, or docker load -i FILE, or
# skopeo copy oci-archive:FILE docker://registry/...
set -euo pipefail
shopt -s inherit_errexit
HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
ROOT=$(dirname "$HERE")
readonly HERE ROOT
readonly CACHE=${RBG_CACHE:-${HOME:-/root}/.cache/rbg}
# What the arm64 build is linked with; hack/deps.sh has the same for the machine itself.
readonly -a SYSROOT_PACKAGES=(libc6-dev libgcc-12-dev libmicrohttpd-dev libgnutls28-dev libcurl4-gnutls-dev
	libyaml-dev libjson-c-dev)

log() {
	echo "image: $*" >&2
}

die() {
	log "$*"
	exit 1
}

usage() {
	awk 'NR > 1 && !/^#/ { exit } NR > 1 { sub(/^# ?/, ""); print }' "${BASH_SOURCE[0]}" >&2
	exit "$1"
}

machine() {
	case $(uname -m) in
	x86_64) echo amd64 ;;
	aarch64) echo arm64 ;;
	*) die "no image for $(uname -m): only for x86_64 and aarch64" ;;
	esac
}

triplet() {
	case $1 in
	amd64) echo x86_64-linux-gnu ;;
	arm64) echo aarch64-linux-gnu ;;
	*) die "--arch $1: must be amd64 or arm64" ;;
	esac
}

as_root() {
	if [[ $(id -u) -eq 0 ]]; then "$@"; else sudo "$@"; fi
}

# --- what the other architecture needs -----------------------------------------------

cross_compiler() {
	local package="gcc-${1/_/-}"
	if ! command -v "$1-gcc" >/dev/null; then
		log "installing $package"
		as_root apt-get -o DPkg::Lock::Timeout=600 update -qq >&2
		as_root env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=600 install -y -qq \
			--no-install-recommends "$package" >&2
	fi
}

# apt for a foreign architecture, with a state of its own: the machine's is not touched.
foreign_apt() {
	local state=$1 arch=$2
	mkdir -p "$state/lists/partial" "$state/cache/archives/partial" "$state/none/partial"
	: >"$state/status"
	cat >"$state/apt.conf" <<EOF
APT::Architecture "$arch";
APT::Architectures { "$arch"; };
APT::Install-Recommends "false";
Dir::State "$state";
Dir::State::status "$state/status";
Dir::Cache "$state/cache";
EOF
}

# Prints the directory that holds the packages of this architecture, extracted. It is named after
# their versions, so a new version makes a new one.
sysroot() {
	local arch=$1 state=$CACHE/apt-$1 list key dir deb
	foreign_apt "$state" "$arch"
	export APT_CONFIG=$state/apt.conf
	apt-get update -qq >&2 || die "apt-get update for $arch failed"
	# apt prints only what is not downloaded yet, so it is shown an empty directory.
	list=$(apt-get install -y --print-uris -o "Dir::Cache::archives=$state/none" "${SYSROOT_PACKAGES[@]}" ca-certificates |
		awk '/\.deb / { print $2 }' | sort)
	[[ -n $list ]] || die "apt knows no packages for $arch"
	key=$(sha256sum <<<"with control files $list")
	dir=$CACHE/sysroot-$arch-${key:0:16}
	if [[ ! -f $dir/complete ]]; then
		log "downloading $(wc -l <<<"$list") packages for $arch"
		apt-get install -y -qq --download-only "${SYSROOT_PACKAGES[@]}" ca-certificates >&2
		rm -rf "$dir" && mkdir -p "$dir"
		mkdir "$dir/packages"
		for deb in $list; do
			dpkg-deb -x "$state/cache/archives/$deb" "$dir"
			dpkg-deb -f "$state/cache/archives/$deb" >"$dir/packages/${deb%%_*}.control"
			dpkg-deb --fsys-tarfile "$state/cache/archives/$deb" | tar -t | sed 's/^\.//' >"$dir/packages/${deb%%_*}.list"
		done
		cat "$dir"/usr/share/ca-certificates/*/*.crt >"$dir/etc/ssl/certs/ca-certificates.crt"
		printf '%s\n' "$list" >"$dir/complete"
	fi
	unset APT_CONFIG
	echo "$dir"
}

# --- building ------------------------------------------------------------------------

# compile ARCH TRIPLET SYSROOT BUILD: the release build, the same bytes in whatever directory.
compile() {
	local -a options=()
	if [[ -n $3 ]]; then
		export PKG_CONFIG_LIBDIR=$3/usr/lib/$2/pkgconfig:$3/usr/share/pkgconfig PKG_CONFIG_SYSROOT_DIR=$3
		options+=(-DCMAKE_SYSTEM_NAME=Linux -DCMAKE_SYSTEM_PROCESSOR="${2%%-*}" -DCMAKE_C_COMPILER="$2-gcc"
			-DCMAKE_SYSROOT="$3" -DCMAKE_FIND_ROOT_PATH_MODE_PROGRAM=NEVER
			-DCMAKE_C_FLAGS_INIT="-isystem $3/usr/include/$2"
			-DCMAKE_EXE_LINKER_FLAGS_INIT="-L$3/usr/lib/$2 -L$3/lib/$2 -Wl,-rpath-link,$3/usr/lib/$2:$3/lib/$2")
	fi
	cmake --log-level=WARNING -S "$ROOT" -B "$4" -G Ninja -DCMAKE_BUILD_TYPE=Release -DCMAKE_INTERPROCEDURAL_OPTIMIZATION=ON \
		-DRBG_TESTS=OFF -DRBG_PROFILE="$PROFILE" -DRBG_COMMIT="$COMMIT" \
		-DCMAKE_C_FLAGS="-ffile-prefix-map=$ROOT=. -ffile-prefix-map=$4=." "${options[@]}" >&2
	cmake --build "$4" --target rbg-manager -- --quiet >&2
	unset PKG_CONFIG_LIBDIR PKG_CONFIG_SYSROOT_DIR
}

# Prints those of the packages that the image is made of, installed here, for which apt has newer ones.
outdated() {
	apt-cache depends --recurse --installed --no-recommends --no-suggests --no-conflicts --no-breaks --no-replaces --no-enhances \
		"${SYSROOT_PACKAGES[@]}" ca-certificates | grep '^[a-z]' | sort -u | LC_ALL=C xargs apt-cache policy |
		awk '/^[^ ]/ { name = $1 } $1 == "Installed:" { here = $2 }
			$1 == "Candidate:" && here != "(none)" && $2 != here { print name, here, "->", $2 }'
}

# rootfs ARCH DIR: DIR/base and DIR/program, each a layer.
rootfs() {
	local arch=$1 dir=$2 triplet old='' sys='' strip=strip build=$ROOT/build/image/$1
	triplet=$(triplet "$arch")
	if [[ $arch != "$(machine)" ]]; then
		cross_compiler "$triplet"
		strip=$triplet-strip
		sys=$(sysroot "$arch")
	elif old=$(outdated) && [[ -n $old ]]; then
		log "not the newest, so the packages are downloaded: ${old//$'\n'/, }"
		sys=$(sysroot "$arch")
		build+=-packages
	fi
	compile "$arch" "$triplet" "$sys" "$build"
	rm -rf "$dir"
	python3 -B "$HERE/image/rootfs.py" --program "$build/rbg-manager" --sysroot "${sys:-/}" --triplet "$triplet" \
		--strip "$strip" "$dir"
}

main() {
	local -a archs=() layers=()
	local output='' name='' rootfs_dir='' arch version
	while [[ $# -gt 0 ]]; do
		case $1 in
		--arch) archs+=("${2:?--arch needs a value}") && shift ;;
		--output) output=${2:?--output needs a file} && shift ;;
		--name) name=${2:?--name needs NAME:TAG} && shift ;;
		--rootfs) rootfs_dir=${2:?--rootfs needs a directory} && shift ;;
		-h | --help) usage 0 ;;
		*) log "unknown argument $1" && usage 2 ;;
		esac
		shift
	done
	[[ ${#archs[@]} -gt 0 ]] || archs=("$(machine)")
	for arch in "${archs[@]}"; do triplet "$arch" >/dev/null; done
	# Inside a Dockerfile there may be no repository: then the caller says what this is.
	COMMIT=${RBG_COMMIT:-$(git -C "$ROOT" rev-parse --short=7 HEAD 2>/dev/null || echo unknown)}
	export SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git -C "$ROOT" log -1 --format=%ct 2>/dev/null || echo 0)}
	PROFILE=$("$HERE/train.sh")
	version=$(sed -n 's/^project(rbg VERSION \([0-9.]*\).*/\1/p' "$ROOT/CMakeLists.txt")

	if [[ -n $rootfs_dir ]]; then
		[[ ${#archs[@]} -eq 1 ]] || die "--rootfs takes one --arch"
		rootfs "${archs[0]}" "$(realpath -m "$rootfs_dir")"
		return
	fi
	output=${output:-$ROOT/build/image/rbg-manager-$(IFS=-; echo "${archs[*]}").tar}
	mkdir -p "$(dirname "$output")"
	for arch in "${archs[@]}"; do
		rootfs "$arch" "$ROOT/build/image/$arch-rootfs"
		layers+=("$arch=$ROOT/build/image/$arch-rootfs/base,$ROOT/build/image/$arch-rootfs/program")
	done
	python3 -B "$HERE/image/archive.py" --sbom --name "${name:-rolebasedgroup/rbgs-controller:$version}" --version "$version" \
		--revision "$COMMIT" --max-mib 10 "$output" "${layers[@]}"
}

main "$@"
