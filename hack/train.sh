#!/usr/bin/env bash
# Trains the release build: compiles the webhooks' handlers with counters, lets them review examples/ and tests/bench/training.yaml,
# and prints the directory with what was counted, for cmake -DRBG_PROFILE=DIR. The compiler then knows which way is the usual one:
# a quarter less CPU time for a review (hack/bench.sh review). Takes a minute when the sources have changed, else nothing.
set -euo pipefail
shopt -s inherit_errexit
cd "$(dirname "${BASH_SOURCE[0]}")/.."
./hack/deps.sh build >&2
build=$PWD/build/train

# What the counters are of: named after the sources, so builds see that it is another.
key=$(find CMakeLists.txt include src/common src/webhook tests/bench/{bench.h,review.c,training.yaml} examples -type f -print0 |
    sort -z | xargs -0 sha256sum | sha256sum | cut -c1-16)
profile=$build/profile-$key
if [ ! -d "$profile" ]; then
    cmake --log-level=WARNING -S . -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DCMAKE_INTERPROCEDURAL_OPTIMIZATION=ON -DRBG_TESTS=OFF \
        -DRBG_TRAIN=ON -DRBG_PROFILE="$build/counters" >&2
    cmake --build "$build" --target bench-review -- --quiet >&2
    rm -rf "$build/counters" "$build"/profile-*
    ROUNDS=300 "$build/bench-review" examples/*.yaml tests/bench/training.yaml >&2
    mv "$build/counters" "$profile"
fi
echo "$profile"
