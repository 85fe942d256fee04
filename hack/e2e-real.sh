#!/usr/bin/env bash
# Builds, starts a cluster with a real node (hack/cluster.sh up --real; as root) and runs tests/e2e-real on it.
#   hack/e2e-real.sh            all of them; the last line is "N passed, N failed"
#   hack/e2e-real.sh PATTERN    those whose name matches the regular expression
#
# KUBECONFIG        a cluster of your own, where the manager is installed, to test instead; then nothing is built
# RBG_NAMESPACE     the manager's namespace there; default: rbgs-system
# RBG_TEST_IMAGES   two images with busybox that it can pull; default: docker.io/library/busybox:1.36 and :1.37
# RBG_INSTALL       helm: by the chart, with cert-manager, from the image (default); host: as a process beside the cluster
# RBG_BUILD         for RBG_INSTALL=host: a directory with rbg-manager to test; default: build/release, built first
set -euo pipefail
cd "$(dirname "$0")/.."

build=${RBG_BUILD:-}
if [[ -z ${KUBECONFIG:-} ]]; then
	./hack/deps.sh build test cluster real
	if [[ -z $build && ${RBG_INSTALL:-helm} == host ]]; then
		build=build/release
		cmake --preset release >/dev/null
		cmake --build --preset release --target rbg-manager
	fi
fi
exec python3 -B tests/e2e-real/run.py "$(realpath "${build:-build}")" "$@"
