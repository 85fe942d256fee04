#!/usr/bin/env bash
# Makes the documentation into a site that can be searched: build/docs/site/index.html, from README.md and docs/. A link that leads
# nowhere is an error.
set -euo pipefail
cd "$(dirname "$0")/.."

./hack/deps.sh docs
rm -rf build/docs
mkdir -p build/docs/pages
python3 -B hack/docs/pages.py . build/docs/pages
cp hack/docs/mkdocs.yml build/docs
python3 -B hack/docs/terminal.py --check
mkdocs build --quiet --strict --config-file build/docs/mkdocs.yml
echo "build/docs/site/index.html: $(find build/docs/site -name '*.html' | wc -l) pages"
