#!/usr/bin/env bash
# Rewrites the files that rbg-manager prints from its tables: docs/reference.md.
#   hack/generate.sh
#
# RBG_BUILD   a directory with rbg-manager; default: build/release, built first
set -euo pipefail
cd "$(dirname "$0")/.."

build=${RBG_BUILD:-}
if [[ -z $build ]]; then
	build=build/release
	./hack/deps.sh build
	cmake --preset release >/dev/null
	cmake --build --preset release --target rbg-manager
fi

# print FLAG FILE: only a program that ran to its end replaces the file.
print() {
	"$build/rbg-manager" "$1" >"$2.new" || { rm -f "$2.new" && exit 1; }
	mv "$2.new" "$2"
}

print --print-reference docs/reference.md
