#!/usr/bin/env bash
# Fuzzes with libFuzzer: hack/fuzz.sh [TARGET] [SECONDS]. Without a target each of tests/fuzz/fuzz_*.c in turn, 60 s each. Starts
# from the checked-in corpus, keeps what it finds in build/fuzz/corpus/TARGET, and leaves an input that breaks a property in
# build/fuzz/crashes; add it to tests/fuzz/corpus/TARGET together with the correction, and ctest replays it from then on.
set -euo pipefail
cd "$(dirname "$0")/.."

targets=${1:-$(cd tests/fuzz && echo fuzz_*.c | sed 's/fuzz_\([a-z]*\)\.c/\1/g')}
seconds=${2:-60}

./hack/deps.sh build
if ! command -v clang >/dev/null; then
    sudo=$([ "$(id -u)" -eq 0 ] || echo sudo)
    $sudo apt-get -o DPkg::Lock::Timeout=600 update -qq >&2
    $sudo env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=600 install -y -qq --no-install-recommends \
        clang llvm libclang-rt-14-dev >&2
fi

cmake -S . -B build/fuzz -G Ninja -DCMAKE_C_COMPILER=clang -DCMAKE_BUILD_TYPE=RelWithDebInfo -DRBG_ASAN=ON -DRBG_FUZZ=ON \
    -DRBG_TESTS=OFF >/dev/null
mkdir -p build/fuzz/crashes
for target in $targets; do
    cmake --build build/fuzz --target "fuzz_$target"
    mkdir -p "build/fuzz/corpus/$target"
    dict=()
    [ ! -f "tests/fuzz/$target.dict" ] || dict=("-dict=tests/fuzz/$target.dict")
    echo "fuzz.sh: $target for $seconds s" >&2
    "build/fuzz/tests/fuzz/fuzz_$target" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -max_len=16384 \
        -print_final_stats=1 -artifact_prefix=build/fuzz/crashes/"$target"- "${dict[@]}" \
        "build/fuzz/corpus/$target" "tests/fuzz/corpus/$target"
done
