#!/usr/bin/env python3
"""Puts the pages of the site together from the same Markdown that the repository shows: README.md is the first page.

    pages.py ROOT OUT    OUT: a folder that gets the pages, with links that are right there

A link to a file that is no page of the site becomes the file's name in code: the site holds the documentation only."""

import os
import re
import shutil
import sys

LINK = re.compile(r"\[([^]]*)\]\(([^)\s]+)\)")
IMAGE = re.compile(r'(<img[^>]* src=")docs/')


def sources(root):
    """Page of the site -> file of the repository."""
    found = {"index.md": "README.md", "contributing.md": "CONTRIBUTING.md"}
    for folder, _, files in os.walk(os.path.join(root, "docs")):
        for name in files:
            path = os.path.relpath(os.path.join(folder, name), root)
            found[os.path.relpath(path, "docs")] = path
    if os.path.exists(os.path.join(root, "SECURITY.md")):
        found["security.md"] = "SECURITY.md"
    return found


def relinked(text, page, source, pages):
    def link(match):
        words, target = match.groups()
        path, hash_, anchor = target.partition("#")
        if re.match(r"[a-z]+:", target) or not path:
            return match.group()
        file = os.path.normpath(os.path.join(os.path.dirname(source), path))
        if file not in pages:
            return f"{words} (`{file}`)" if words.strip("`") != file else f"`{file}`"
        return f"[{words}]({os.path.relpath(pages[file], os.path.dirname(page) or '.')}{hash_}{anchor})"
    return IMAGE.sub(r"\1", LINK.sub(link, text))


def main(root, out):
    found = sources(root)
    pages = {file: page for page, file in found.items()}
    for page, file in found.items():
        target = os.path.join(out, page)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        if not page.endswith(".md"):
            shutil.copy(os.path.join(root, file), target)
            continue
        with open(os.path.join(root, file), encoding="utf-8") as f:
            text = relinked(f.read(), page, file, pages)
        with open(target, "w", encoding="utf-8") as f:
            f.write(text)


main(*sys.argv[1:])
