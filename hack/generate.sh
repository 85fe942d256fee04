#!/usr/bin/env bash
# Rewrites the files that rbg-manager prints from its tables.
#
#   hack/generate.sh [reference] [chart]    (default: both)
#
#   reference    docs/reference.md and docs/reference/
#   chart        charts/rbg and deploy, by hack/generate-chart.sh; needs helm or builds it once
#
# RBG_BUILD   a directory with rbg-manager; default: build/release, built first
set -euo pipefail
cd "$(dirname "$0")/.."

usage() { awk 'NR > 1 && !/^#/ { exit } NR > 1 { sub(/^# ?/, ""); print }' "$0" >&2; }

# Only a program that ran to its end replaces the pages. Each begins with a line that names its file.
reference() {
	local new
	new=$(mktemp)
	"$RBG_BUILD/rbg-manager" --print-reference >"$new" || { rm -f "$new" && exit 1; }
	rm -rf docs/reference docs/reference.md
	mkdir -p docs/reference
	awk '/^<!-- file: .* -->$/ { file = $3; next } { print >file }' "$new"
	rm -f "$new"
}

chart() {
	./hack/generate-chart.sh
}

[[ $# -gt 0 ]] || set -- reference chart
for what in "$@"; do
	[[ $what == reference || $what == chart ]] || { usage && exit 2; }
done
if [[ -z ${RBG_BUILD:-} ]]; then
	./hack/deps.sh build
	cmake --preset release >/dev/null
	cmake --build --preset release --target rbg-manager
	RBG_BUILD=build/release
fi
export RBG_BUILD
for what in "$@"; do "$what"; done
