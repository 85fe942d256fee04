#!/usr/bin/env bash
# Installs the Debian 12 packages the project needs.
#
#   hack/deps.sh [build] [test] [demo] [cluster] [real] [docs]     (default: all but real and docs)
#
# Says nothing and touches nothing when everything is already there, so it can
# stand at the head of any other script.
set -euo pipefail

build=(
	build-essential cmake ninja-build pkg-config
	# One TLS library in the process: curl is taken in its GnuTLS flavour
	# because libmicrohttpd is built on GnuTLS too.
	libmicrohttpd-dev libgnutls28-dev libcurl4-gnutls-dev
	libjson-c-dev libyaml-dev
)
test=(check openssl python3 curl jq procps)
demo=(curl ca-certificates jq)
cluster=(openssl util-linux ca-certificates)
# What hack/cluster.sh up --real needs of the machine.
real=(openssl util-linux ca-certificates runc iptables iproute2 busybox-static python3)
# The documentation as a site.
docs=(mkdocs mkdocs-material python3)

usage() {
	sed -n '2,7s/^# \{0,1\}//p' "$0"
}

# missing PACKAGE...: prints those that are not installed.
missing() {
	# shellcheck disable=SC2016 # a dpkg-query format, not a shell expansion
	dpkg-query -W -f='${Package} ${db:Status-Status}\n' "$@" 2>/dev/null |
		awk -v wanted="$*" '
			$2 == "installed" { installed[$1] = 1 }
			END {
				n = split(wanted, package, " ")
				for (i = 1; i <= n; i++)
					if (!installed[package[i]]++) print package[i]
			}'
}

as_root() {
	if [[ $(id -u) -eq 0 ]]; then
		"$@"
	elif command -v sudo >/dev/null; then
		sudo "$@"
	else
		echo "deps.sh: run as root, or install sudo: $*" >&2
		return 1
	fi
}

main() {
	local -a wanted=() packages
	local set_name

	[[ $# -gt 0 ]] || set -- build test demo cluster
	for set_name in "$@"; do
		case $set_name in
		build) wanted+=("${build[@]}") ;;
		test) wanted+=("${test[@]}") ;;
		demo) wanted+=("${demo[@]}") ;;
		cluster) wanted+=("${cluster[@]}") ;;
		real) wanted+=("${real[@]}") ;;
		docs) wanted+=("${docs[@]}") ;;
		-h | --help) usage && return ;;
		*) usage >&2 && return 2 ;;
		esac
	done

	if ! command -v dpkg-query >/dev/null; then
		echo "deps.sh: not a Debian system; install yourself: ${wanted[*]}" >&2
		return 1
	fi
	mapfile -t packages < <(missing "${wanted[@]}")
	[[ ${#packages[@]} -gt 0 ]] || return 0

	echo "deps.sh: installing ${packages[*]}" >&2
	# The lock timeout lets two runs at once queue up instead of failing.
	as_root apt-get -o DPkg::Lock::Timeout=600 update -qq >&2
	as_root env DEBIAN_FRONTEND=noninteractive apt-get \
		-o DPkg::Lock::Timeout=600 install -y -qq --no-install-recommends \
		"${packages[@]}" >&2
}

main "$@"
