#!/usr/bin/env bash
# Builds with ASan, UBSan and LeakSanitizer and runs every test that needs no cluster.
#   hack/test.sh            all of them; the last line is "N passed, N failed"
#   hack/test.sh PATTERN    those whose name matches the regular expression
#   PRESET=tsan hack/test.sh    with ThreadSanitizer instead
set -euo pipefail
cd "$(dirname "$0")/.."

preset=${PRESET:-dev}
./hack/deps.sh build test
cmake --preset "$preset" >/dev/null
cmake --build --preset "$preset"

export ASAN_OPTIONS=detect_leaks=1:strict_string_checks=1:abort_on_error=0
export UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1
export TSAN_OPTIONS=halt_on_error=1:second_deadlock_stack=1
log=build/$preset/tests.log
status=0
ctest --test-dir "build/$preset" -j "$(nproc)" --output-on-failure -V ${1:+-R "$1"} >"$log" 2>&1 || status=$?

# What failed is shown whole; what passed is counted. A program that crashed has no Check line: it counts as one failure.
grep -E '^(The following tests FAILED|[[:space:]]+[0-9]+ - )' "$log" || true
if [ "$status" -ne 0 ]; then
    grep -E '^[0-9]+: .*(:[FE]:|ERROR: |runtime error|WARNING: ThreadSanitizer|SUMMARY)' "$log" | head -n 80 || true
    echo "the whole output is in $log"
fi
awk -v status="$status" '
    /: [0-9]+%: Checks: / { match($0, /Checks: [0-9]+/); checks += substr($0, RSTART + 8, RLENGTH - 8)
                            match($0, /Failures: [0-9]+/); bad += substr($0, RSTART + 10, RLENGTH - 10)
                            match($0, /Errors: [0-9]+/); bad += substr($0, RSTART + 8, RLENGTH - 8) }
    END { if (status != 0 && bad == 0) { bad = 1; checks++ }
          printf "%d passed, %d failed\n", checks - bad, bad }' "$log"
exit "$status"
