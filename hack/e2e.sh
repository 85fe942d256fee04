#!/usr/bin/env bash
# Builds, starts a control plane of its own (hack/cluster.sh) and runs tests/e2e on it.
#   hack/e2e.sh            all of them; the last line is "N passed, N failed"
#   hack/e2e.sh PATTERN    those whose name matches the regular expression
#
# RBG_BUILD       a directory with rbg-manager, tests/e2e_tool and tests/e2e_sim to test; default: build/release, built first
# RBG_RECORDED    the recorded cases (see tests/lib/recorded.h); none: without those tests
# RBG_SEED        the seed of the random tests, to repeat a run; default: random, and printed
set -euo pipefail
cd "$(dirname "$0")/.."

build=${RBG_BUILD:-}
./hack/deps.sh build test cluster
if [[ -z $build ]]; then
	build=build/release
	cmake --preset release -DRBG_TESTS=ON >/dev/null
	cmake --build --preset release --target rbg-manager e2e_tool e2e_sim
fi
exec python3 -B tests/e2e/run.py "$(realpath "$build")" "$@"
